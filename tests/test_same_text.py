"""A line gives the same pieces, or the same refusal, wherever it is read."""

import dataclasses
import io
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_translator import tiny_run

from transformer_lib.cli import sources
from transformer_lib.data.corpus import corpus_of
from transformer_lib.data.pairs import encode_pairs
from transformer_lib.data.parallel_text import read_counted
from transformer_lib.translator import Translator

FIRST, LAST = "The dog sleeps.", "The man waits."
# All of Unicode, and often what goes wrong: ends of lines, marks, spaces, accents.
ODD = "\r\0\t \x85\xa0\xad\u0301\u0308\u200b\u200d\u2028\u2060\u3000\ufeffaeou\U0001f436\ud800"
LINES = st.text(
    st.one_of(st.characters(exclude_categories=(), exclude_characters="\n"), st.sampled_from(ODD)),
    max_size=12,
)


@pytest.fixture(scope="module")
def translator():
    return Translator.load(tiny_run(), device="cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("same")
    (folder / "tgt").write_text("Der Hund.\nDer Mann.\nDer Kater.\n", encoding="utf-8")
    return folder


def translated(translator, text, path):
    """The ids of what the command line translates."""
    return [ids for group in sources(translator, text, path) for ids in translator.encode(group)]


def from_standard_input(translator, data):
    stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(data))
    try:
        return translated(translator, None, None)
    finally:
        sys.stdin = stdin


def trained_on(translator, path):
    """The source ids of preparation and training, where a blank line is left out."""
    files = {"src": str(path), "tgt": str(path.with_name("tgt"))}
    corpus = corpus_of(translator.config.data.updated(corpus="files", **files)).for_training()
    pairs = [encode_pairs(translator.tokenizer, text) for text in corpus]
    return [part.src(row).tolist() for part in pairs for row in range(len(part))]


def scored(translator, path):
    encode = translator.tokenizer.encode
    lines = read_counted(path, tokenised=False)
    if translator.config.data.lowercase:  # as a run's own text is; files are scored as they are
        lines = [translator.normal(line) for line in lines]
    return [encode(line) if line else [] for line in lines]


def outcome(read):
    try:
        return read()
    except ValueError:
        return "refused"


@settings(max_examples=1000)
@given(
    line=LINES,
    end=st.sampled_from(["\n", "\r\n", "\r\r\n"]),
    mark=st.booleans(),
    lowercase=st.booleans(),
)
def test_every_path_gives_the_same_pieces_or_refusal(
    line, end, mark, lowercase, translator, folder
):
    translator.config = dataclasses.replace(
        translator.config, data=translator.config.data.updated(lowercase=lowercase)
    )
    data = ("\ufeff" * mark + end.join([FIRST, line, LAST, ""])).encode("utf-8", "surrogatepass")
    path = folder / "src"
    path.write_bytes(data)
    python = outcome(lambda: translator.encode([FIRST, line, LAST]))
    ways = {
        "arguments": lambda: translated(translator, [FIRST, line, LAST], None),
        "file": lambda: translated(translator, None, path),
        "standard input": lambda: from_standard_input(translator, data),
        "scoring": lambda: scored(translator, path),
    }
    for way, read in ways.items():
        assert outcome(read) == python, way
    seen = python if python == "refused" else [ids for ids in python if ids]
    assert outcome(lambda: trained_on(translator, path)) == seen

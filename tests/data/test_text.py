"""One form of text on every path: what is the same, what is left alone, what is refused."""

import io
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_lib.config import DataConfig
from transformer_lib.data import grammar
from transformer_lib.data.corpus import corpus_of, load_split
from transformer_lib.data.parallel_text import read_counted, read_lines, read_parallel, read_tsv
from transformer_lib.data.streams import lines_as_they_come
from transformer_lib.data.text import normal, require_plain

SAME = {
    "spaces at the ends": "  the dog \t",
    "a no-break space": "the\N{NO-BREAK SPACE} dog",
    "a tab": "the\tdog",
    "a wide space": "the\N{IDEOGRAPHIC SPACE}dog",
    "a line separator": "the\N{LINE SEPARATOR}dog",
    "the next line of IBM": "the\x85dog",
    "a zero width space": "the d\N{ZERO WIDTH SPACE}og",
    "a later byte order mark": "\N{ZERO WIDTH NO-BREAK SPACE}the dog",
    "a soft hyphen": "the d\N{SOFT HYPHEN}og",
    "a word joiner": "the\N{WORD JOINER} dog",
    "a line feed at the end": "the dog\n",
    "returns at the end": "the dog\r\r\n",
    "an unseen character behind the return": "the dog\r\N{ZERO WIDTH SPACE}",
}
BLANK = ["", " ", "\N{ZERO WIDTH SPACE}", "\N{NO-BREAK SPACE}\t", "\N{ZERO WIDTH JOINER}", "\x01"]
REFUSED = {
    "a\0b": "NUL byte",
    "a\rb": r"carriage return, with which old systems end lines; .* tr '\\r' '\\n'",
    "a\nb": "line feed; give each line as a sentence",
    "ab\ud800": r"lone surrogate U\+D800 at place 3",
}


@pytest.mark.parametrize("line", SAME.values(), ids=SAME)
def test_what_looks_the_same_is_the_same(line):
    assert normal(line) == "the dog"


@pytest.mark.parametrize("line", BLANK, ids=ascii)
def test_what_shows_nothing_is_blank(line):
    assert normal(line) == ""


def test_letter_and_accent_are_one_character_and_nothing_seen_changes():
    assert normal("scho\N{COMBINING DIAERESIS}n") == "schön"
    for kept in ("x²", "ﬁn", "１", "½", "Å", "a\N{ZERO WIDTH JOINER}b", "naïve café", "…"):
        assert normal(kept) == kept
    assert normal("scho\N{ZERO WIDTH SPACE}\N{COMBINING DIAERESIS}n") == "schön"
    assert normal("ÄRGER", lowercase=True) == "ärger"


@pytest.mark.parametrize(("line", "message"), REFUSED.items(), ids=map(ascii, REFUSED))
def test_what_is_no_line_of_text_is_refused(line, message):
    with pytest.raises(ValueError, match=message):
        normal(line)


# All of Unicode, and often what goes wrong.
ODD = "\r\n\0\t \x85\xa0\xad\u0301\u0308\u200b\u200d\u2028\u2060\u3000\ufeffaeouß\U0001f436"
LETTERS = st.one_of(st.characters(exclude_categories=()), st.sampled_from(ODD))
LINES = st.text(LETTERS, max_size=12)


@settings(max_examples=1000)
@given(line=LINES, lowercase=st.booleans())
def test_the_form_is_a_form(line, lowercase):
    try:
        once = normal(line, lowercase)
    except ValueError:
        return
    assert normal(once, lowercase) == once
    assert unicodedata.is_normalized("NFC", once)
    assert once == " ".join(once.split())


def from_file(data, folder):
    (folder / "text").write_bytes(data)
    return list(read_lines(folder / "text"))


def from_stream(data, folder):
    stream = io.BufferedReader(io.BytesIO(data))
    return [line for group in lines_as_they_come(stream, "standard input") for line in group]


def outcome(read):
    """What reading gives, or that it is refused."""
    try:
        return read()
    except ValueError:
        return "refused"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("text")


@settings(max_examples=1000)
@given(line=LINES, end=st.sampled_from(["", "\n", "\r\n", "\r\r\n"]), mark=st.booleans())
def test_files_standard_input_and_python_give_the_same_text_or_refusal(line, end, mark, folder):
    """Files end lines at a line feed, so a line that holds one is for Python alone to refuse."""
    python = outcome(lambda: normal(line + end))
    if "\n" in line:
        return
    data = ("\ufeff" * mark + line + end).encode("utf-8", "surrogatepass")
    for read in (from_file, from_stream):
        found = outcome(lambda read=read: [normal(one) for one in read(data, folder)])
        known = outcome(lambda: require_plain(data, "it"))
        assert found == ("refused" if "refused" in (python, known) else [python][: len(found)])
        assert "".join(found) == python or known == "refused"


MAKERS = {
    "sgml": b'<refset setid="mine" srclang="any" trglang="de">\n<seg id="1">Der Hund.</seg>\n',
    "xml": b'\n<?xml version="1.0"?>\n',
    "html": b"<!DOCTYPE html>\n",
    "JSON lines": b'{"en": "the dog", "de": "der Hund"}\n',
    "a JSON list": b'[\n {"en": "the dog"}]\n',
    "UTF-16": "the dog\n".encode("utf-16"),
    "UTF-16 for other machines": b"\xfe\xff\0t\0h",
    "zip": b"PK\x03\x04 and so on",
    "zstd": b"\x28\xb5\x2f\xfd and so on",
    "PDF": b"%PDF-1.7\n",
    "tar": b"text.en".ljust(257, b"\0") + b"ustar\0",
}


@pytest.mark.parametrize("data", MAKERS.values(), ids=MAKERS)
def test_formats_that_are_no_plain_text_are_refused_by_name(data, tmp_path):
    for read in (from_file, from_stream):
        with pytest.raises(ValueError, match="not plain text; give a file in UTF-8"):
            read(data, tmp_path)


def test_a_sentence_that_begins_like_no_format_is_text(tmp_path):
    for text in ("<3 is a heart", "{curly}", "<unk> is a piece", "PKs are keys", "100%PDF"):
        assert from_file(text.encode(), tmp_path) == [text]


@pytest.mark.parametrize("head", ["English\tGerman", "src\ttgt", '"en"\t"de"', "# source\ttarget"])
def test_a_heading_is_refused(head, tmp_path):
    path = tmp_path / "head.tsv"
    path.write_text(f"{head}\nthe dog\tder Hund\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"first pair of .*head.tsv is a heading"):
        read_tsv(path)
    sides = [tmp_path / "a", tmp_path / "b"]
    for side, word in zip(sides, head.split("\t"), strict=True):
        side.write_text(f"{word}\ntext\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"first pair of .* is a heading"):
        read_parallel(*sides)


def test_the_quotes_of_a_spreadsheet_are_refused_and_those_of_speech_are_not(tmp_path):
    path = tmp_path / "quoted.tsv"
    for rows in ('"The dog."\t"Der Hund."\n"A cat."\t"Ein Kater."\n', 'a\t"ein ""A"""\nb\tein B\n'):
        path.write_text(rows, encoding="utf-8")
        with pytest.raises(ValueError, match="columns in quotes, as spreadsheets"):
            read_tsv(path)
    path.write_text('"I see," he says.\t"Ich sehe," sagt er.\n"Go!"\t"Geh!"\n', encoding="utf-8")
    assert len(read_tsv(path).src) == 2


@pytest.mark.parametrize("split", ["valid", *grammar.TEST_SPLITS])
def test_the_text_of_the_grammar_has_the_form_already(split):
    corpus = corpus_of(DataConfig(n_pairs=2000))
    assert corpus.load(split) == corpus.read(split)
    assert corpus.load("train") == corpus.read("train")


def test_files_are_read_in_the_form_on_both_sides(tmp_path):
    for name, text in (
        ("a", "the  dog \r\n \n\ufeffa cat\n"),
        ("b", "u\u0308ber\nx\nein\xa0Kater"),
    ):
        (tmp_path / name).write_bytes(text.encode())
    data = DataConfig(corpus="files", src=str(tmp_path / "a"), tgt=str(tmp_path / "b"))
    train, valid = load_split(data, "train"), load_split(data, "valid")
    assert [*train.src, *valid.src, *train.tgt, *valid.tgt] == [
        "the dog", "a cat", "über", "ein Kater"
    ]  # fmt: skip


def test_scores_are_counted_in_the_form_and_that_is_told(tmp_path, caplog):
    path = tmp_path / "a"
    path.write_text("the  dog\na cat\n", encoding="utf-8")
    assert read_counted(path, tokenised=True) == ["the  dog", "a cat"]
    assert not caplog.records
    assert read_counted(path, tokenised=False) == ["the dog", "a cat"]
    assert "1 of 2 lines of" in caplog.text

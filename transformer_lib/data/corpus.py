"""Parallel text: the embedded grammar, Multi30k, or any two files of the user's own (section 5.1).

The paper's own corpus, WMT 2014 English-German, is "files" too: download it from statmt.org, put
one sentence on each line, and train with the preset `base` or `big` and `data.src=train.en
data.tgt=train.de data.valid_src=newstest2013.en data.valid_tgt=newstest2013.de`.
"""

from pathlib import Path
from typing import NamedTuple

from transformer_lib.config import DataConfig, nearest
from transformer_lib.data import grammar, multi30k
from transformer_lib.data.parallel_text import ParallelText, read_parallel, read_tsv

HELD_OUT = 1000  # pairs for validation and in each test split; of the user's own files at most 5%
FIXED_SEED = 0  # of validation and tests, so that runs with different seeds are comparable


class Corpus(NamedTuple):
    """What a run trains on, chooses by, and is scored on (by the name of the split)."""

    train: ParallelText
    valid: ParallelText
    test: dict[str, ParallelText]


def load_corpus(data: DataConfig) -> Corpus:
    """Load what `data.corpus` names: "grammar", "multi30k" or "files".

    Raises:
        OSError: a file cannot be read, or downloaded.
        ValueError: an unknown name, settings that contradict it, or text that is refused.
    """
    loaders = {"grammar": load_grammar, "multi30k": load_multi30k, "files": load_files}
    if data.corpus not in loaders:
        raise ValueError(f"there is no corpus {data.corpus!r}; {nearest(data.corpus, [*loaders])}")
    given = data.src or data.tgt or data.valid_src or data.valid_tgt
    if given and data.corpus != "files":
        raise ValueError(
            f"the file {given} is given, but the corpus is {data.corpus!r}; set data.corpus=files"
        )
    return loaders[data.corpus](data)


def load_grammar(data: DataConfig) -> Corpus:
    """Generate the embedded corpus: training pairs from the seed, the rest always the same."""

    def text(split: str, n: int, seed: int) -> ParallelText:
        pairs = grammar.generate(n, seed, split)
        return cased(ParallelText([p.src for p in pairs], [p.tgt for p in pairs]), data.lowercase)

    return Corpus(
        train=text("train", data.n_pairs, data.seed),
        valid=text("valid", HELD_OUT, FIXED_SEED),
        test={split: text(split, HELD_OUT, FIXED_SEED) for split in grammar.TEST_SPLITS},
    )


def load_multi30k(data: DataConfig) -> Corpus:
    """Load Multi30k; `lowercase`: the tokenised form that papers report on, else raw."""

    def text(split: str) -> ParallelText:
        names = [multi30k.name_of(split, language, data.lowercase) for language in ("en", "de")]
        return read_parallel(*map(multi30k.fetch, names))

    return Corpus(text("train"), text("val"), {"test_2016": text("test_2016_flickr")})


def load_files(data: DataConfig) -> Corpus:
    """Load the user's own files; with none for validation the last pairs are held out."""
    train = read_pair("src", data.src, "tgt", data.tgt)
    if data.valid_src or data.valid_tgt:
        valid = read_pair("valid_src", data.valid_src, "valid_tgt", data.valid_tgt)
    else:
        train, valid = hold_out(train)
    return Corpus(cased(train, data.lowercase), cased(valid, data.lowercase), {})


def read_pair(src_name: str, src: str | None, tgt_name: str, tgt: str | None) -> ParallelText:
    """Read two files, or one .tsv as the source.

    Raises:
        ValueError: a side is missing, or the text is refused.
    """
    if src and tgt:
        return read_parallel(src, tgt)
    if src and Path(src.removesuffix(".gz")).suffix == ".tsv":
        return read_tsv(src)
    missing = tgt_name if src else src_name
    raise ValueError(
        f"data.{missing} is missing; give data.{src_name} and data.{tgt_name}, "
        f"or a two-column .tsv as data.{src_name}"
    )


def hold_out(text: ParallelText) -> tuple[ParallelText, ParallelText]:
    """Split off the last pairs for validation: 5%, at least 1, at most `HELD_OUT`.

    Raises:
        ValueError: fewer than 2 pairs.
    """
    if len(text.src) < 2:
        raise ValueError("there is 1 pair only, so none can be held out; give 2 or more")
    n = min(HELD_OUT, max(1, len(text.src) // 20))
    return ParallelText(text.src[:-n], text.tgt[:-n]), ParallelText(text.src[-n:], text.tgt[-n:])


def cased(text: ParallelText, lowercase: bool) -> ParallelText:
    """Return the text as it is, or in lower case."""
    return ParallelText(*([s.lower() for s in side] for side in text)) if lowercase else text

"""Parallel text: the embedded grammar, Multi30k, or any two files of the user's own (section 5.1).

The paper's own corpus, WMT 2014 English-German, is "files" too: download it from statmt.org, put
one sentence on each line, and train with the preset `base` or `big` and `data.src=train.en
data.tgt=train.de data.valid_src=newstest2013.en data.valid_tgt=newstest2013.de`.
"""

from pathlib import Path
from typing import NamedTuple

from transformer_lib.config import DataConfig
from transformer_lib.data import grammar, multi30k
from transformer_lib.data.parallel_text import ParallelText, read_parallel, read_tsv
from transformer_lib.settings import nearest

HELD_OUT = 1000  # pairs for validation and in each test split; of the user's own files at most 5%
VALID = "valid"
MULTI30K = {VALID: "val", "test_2016": "test_2016_flickr"}  # what its files are called
FIXED_SEED = 0  # of validation and tests, so that runs with different seeds are comparable


class Corpus(NamedTuple):
    """What a run trains on, and what it is chosen by."""

    train: ParallelText
    valid: ParallelText


def load_corpus(data: DataConfig) -> Corpus:
    """Load what `data.corpus` names: "grammar", "multi30k" or "files".

    Raises:
        OSError: a file cannot be read, or downloaded.
        ValueError: an unknown name, settings that contradict it, or text that is refused.
    """
    check_corpus(data)
    if data.corpus == "files":
        return load_files(data)
    if data.corpus == "multi30k":  # all of it now: scoring may be done where there is no network
        for split in ("train", *MULTI30K.values()):
            fetch_multi30k(split, data.lowercase)
    return Corpus(load_split(data, "train"), load_split(data, VALID))


def load_split(data: DataConfig, split: str) -> ParallelText:
    """Load one split alone: "train", "valid", or a test, as `splits_of` names them.

    Raises:
        OSError: as `load_corpus`.
        ValueError: as `load_corpus`, or there is no such split.
    """
    check_corpus(data)
    known = ["train", VALID, *splits_of(data)]
    if split not in known:
        raise ValueError(f"{data.corpus} has no split {split!r}; {nearest(split, known)}")
    if data.corpus == "files":
        return getattr(load_files(data), split)
    if data.corpus == "multi30k":
        return read_parallel(*fetch_multi30k(MULTI30K.get(split, split), data.lowercase))
    pairs = load_pairs(data, split)
    return cased(ParallelText([p.src for p in pairs], [p.tgt for p in pairs]), data.lowercase)


def splits_of(data: DataConfig) -> tuple[str, ...]:
    """Name what a run is scored on. The user's own files have no test, only validation."""
    return {"grammar": grammar.TEST_SPLITS, "multi30k": ("test_2016",)}.get(data.corpus, ())


def load_pairs(data: DataConfig, split: str) -> list[grammar.Pair]:
    """Generate a split of the grammar: training pairs from the seed, the rest always the same."""
    if split == "train":
        return grammar.generate(data.n_pairs, data.seed)
    return grammar.generate(HELD_OUT, FIXED_SEED, split)


def check_corpus(data: DataConfig) -> None:
    """Refuse settings that name no corpus, or two.

    Raises:
        ValueError: an unknown name, or files beside a corpus that has its own.
    """
    known = ["grammar", "multi30k", "files"]
    if data.corpus not in known:
        raise ValueError(f"there is no corpus {data.corpus!r}; {nearest(data.corpus, known)}")
    given = data.src or data.tgt or data.valid_src or data.valid_tgt
    if given and data.corpus != "files":
        raise ValueError(
            f"the file {given} is given, but the corpus is {data.corpus!r}; set data.corpus=files"
        )


def fetch_multi30k(split: str, lowercase: bool) -> list[Path]:
    """Return the two files of a split; `lowercase`: the tokenised form that papers report on."""
    names = [multi30k.name_of(split, language, lowercase) for language in ("en", "de")]
    return [multi30k.fetch(name) for name in names]


def load_files(data: DataConfig) -> Corpus:
    """Load the user's own files; with none for validation the last pairs are held out."""
    train = read_pair("src", data.src, "tgt", data.tgt)
    if data.valid_src or data.valid_tgt:
        valid = read_pair("valid_src", data.valid_src, "valid_tgt", data.valid_tgt)
    else:
        train, valid = hold_out(train)
    return Corpus(cased(train, data.lowercase), cased(valid, data.lowercase))


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

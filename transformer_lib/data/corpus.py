"""Parallel text: the embedded grammar, Multi30k, or any two files of the user's own (section 5.1).

The paper's own corpus, WMT 2014 English-German, is "files" too: download it from statmt.org, put
one sentence on each line, and train with the preset `base` or `big` and `data.src=train.en
data.tgt=train.de data.valid_src=newstest2013.en data.valid_tgt=newstest2013.de`.
"""

from collections.abc import Sequence
from pathlib import Path

from transformer_lib.config import DataConfig
from transformer_lib.data import grammar
from transformer_lib.data.base_corpus import TRAIN, VALID, BaseCorpus, TrainingText
from transformer_lib.data.multi30k import Multi30k
from transformer_lib.data.parallel_text import ParallelText, read_parallel, read_tsv
from transformer_lib.settings import nearest

HELD_OUT = 1000  # pairs for validation and in each test split; of the user's own files at most 5%
FIXED_SEED = 0  # of validation and tests, so that runs with different seeds are comparable


class Grammar(BaseCorpus):
    """Sentences that the embedded grammar generates, with gold alignments."""

    name = preset = "grammar"
    tests = grammar.TEST_SPLITS
    unknown_words = staticmethod(grammar.unknown_words)
    is_usual = staticmethod(grammar.is_usual)

    def gold(self, split: str) -> list[grammar.Pair]:
        """Generate a split: training pairs from the seed, the rest always the same."""
        if split == TRAIN:
            return grammar.generate(self.data.n_pairs, self.data.seed)
        return grammar.generate(HELD_OUT, FIXED_SEED, split)

    def read(self, split: str) -> ParallelText:
        """Generate a split, as text alone."""
        pairs = self.gold(split)
        return ParallelText([pair.src for pair in pairs], [pair.tgt for pair in pairs])

    def note(self, splits: Sequence[str]) -> str:
        """Say that nobody wrote these sentences."""
        return f"text: as generated{case_of(self.data)}"


class Files(BaseCorpus):
    """The user's own text: two files, or a table; where none is for validation, its last pairs."""

    name, preset, takes_files = "files", "small", True

    def read(self, split: str) -> ParallelText:
        """Read one split; what is held out of the training text is of either."""
        data = self.data
        if data.valid_src or data.valid_tgt:
            if split == VALID:
                return read_pair("valid_src", data.valid_src, "valid_tgt", data.valid_tgt)
            return read_pair("src", data.src, "tgt", data.tgt)
        return getattr(hold_out(read_pair("src", data.src, "tgt", data.tgt)), split)

    def note(self, splits: Sequence[str]) -> str:
        """Say what validation text is good for."""
        return (
            f"text: your validation text{case_of(self.data)}, by which settings were chosen, so "
            "expect less of new text; score that with: score HYP REF"
        )


# Another corpus is another line, here or in the file that brings it.
CORPORA: dict[str, type[BaseCorpus]] = {kind.name: kind for kind in (Grammar, Multi30k, Files)}


def corpus_of(data: DataConfig) -> BaseCorpus:
    """Return the corpus that `data.corpus` names.

    Raises:
        ValueError: there is no such corpus.
    """
    if data.corpus not in CORPORA:
        hint = nearest(data.corpus, [*CORPORA])
        raise ValueError(f"there is no corpus {data.corpus!r}; {hint}")
    return CORPORA[data.corpus](data)


def load_corpus(data: DataConfig) -> TrainingText:
    """Load what training needs of the corpus that `data.corpus` names."""
    return corpus_of(data).for_training()


def load_split(data: DataConfig, split: str) -> ParallelText:
    """Load one split alone: "train", "valid", or a test, as `splits_of` names them."""
    return corpus_of(data).load(split)


def splits_of(data: DataConfig) -> tuple[str, ...]:
    """Name what a run is scored on. The user's own files have no test, only validation."""
    return corpus_of(data).tests


def case_of(data: DataConfig) -> str:
    """Say so where text was lowercased."""
    return ", lowercased on both sides" if data.lowercase else ""


def read_pair(src_name: str, src: str | None, tgt_name: str, tgt: str | None) -> ParallelText:
    """Read two files, or one .tsv as the source.

    Raises:
        ValueError: a side is missing, or the text is refused.
    """
    if src and tgt:
        return read_parallel(src, tgt)
    packed = Path(src or "").suffix in (".gz", ".bz2", ".xz")
    if src and Path(Path(src).stem if packed else src).suffix == ".tsv":
        return read_tsv(src)
    missing = tgt_name if src else src_name
    raise ValueError(
        f"data.{missing} is missing; give data.{src_name} and data.{tgt_name}, "
        f"or a two-column .tsv as data.{src_name}"
    )


def hold_out(text: ParallelText) -> TrainingText:
    """Split off the last pairs for validation: 5%, at least 1, at most `HELD_OUT`.

    Raises:
        ValueError: fewer than 2 pairs.
    """
    if len(text.src) < 2:
        raise ValueError("there is 1 pair only, so none can be held out; give 2 or more")
    n = min(HELD_OUT, max(1, len(text.src) // 20))
    train, valid = ([side[:-n] for side in text], [side[-n:] for side in text])
    return TrainingText(ParallelText(*train), ParallelText(*valid))

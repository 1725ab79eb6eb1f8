"""What every corpus says of itself. A new one is a class of this kind and a line in `CORPORA`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from transformer_lib.config import DataConfig
from transformer_lib.data.grammar import Pair
from transformer_lib.data.parallel_text import ParallelText
from transformer_lib.data.text import normal
from transformer_lib.settings import nearest

TRAIN, VALID = "train", "valid"


class TrainingText(NamedTuple):
    """What a run trains on, and what it is chosen by."""

    train: ParallelText
    valid: ParallelText


class BaseCorpus(ABC):
    """A corpus: its splits, how they are read, and what one should know of scores on them.

    Args:
        data: which pairs are wanted of it.

    Raises:
        ValueError: files are given, and this corpus has its own text.
    """

    name: ClassVar[str]  # as in `data.corpus`
    preset: ClassVar[str]  # how it is trained where nothing else is said
    tests: ClassVar[tuple[str, ...]] = ()  # the splits that a run is scored on
    takes_files: ClassVar[bool] = False

    def __init__(self, data: DataConfig) -> None:
        given = data.src or data.tgt or data.valid_src or data.valid_tgt
        if given and not self.takes_files:
            raise ValueError(
                f"the file {given} is given, but the corpus is {data.corpus!r}; "
                "set data.corpus=files"
            )
        self.data = data

    def load(self, split: str) -> ParallelText:
        """Load one split alone, in the form of `text.normal`: "train", "valid", or one of `tests`.

        Raises:
            ValueError: there is no such split.
        """
        known = [TRAIN, VALID, *self.tests]
        if split not in known:
            raise ValueError(f"{self.name} has no split {split!r}; {nearest(split, known)}")
        text = self.read(split)
        if self.tokenised:  # published scores are counted on it as it is
            return text
        lowercase = self.data.lowercase
        return ParallelText(*([normal(line, lowercase) for line in side] for side in text))

    @abstractmethod
    def read(self, split: str) -> ParallelText:
        """Read one split that there is, as it stands."""

    def for_training(self) -> TrainingText:
        """Load what training needs."""
        return TrainingText(self.load(TRAIN), self.load(VALID))

    @property
    def tokenised(self) -> bool:
        """Whether the text is tokenised already, so that scores count it as it is."""
        return False

    def gold(self, split: str) -> Sequence[Pair] | None:
        """Return the pairs of a split with the words that translate each other, where known."""
        return None

    @abstractmethod
    def note(self, splits: Sequence[str]) -> str:
        """Return what one should know about scores on these splits before quoting them."""

    @staticmethod
    def is_usual(sentence: str) -> bool:
        """Whether a sentence has the outer form of the corpus's own."""
        return True

    @staticmethod
    def unknown_words(sentence: str) -> list[str]:
        """Return the words and marks of a sentence that no sentence of the corpus can hold."""
        return []

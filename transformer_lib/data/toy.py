"""Toy tasks: random words to copy, to reverse, to look up, to recall, as batches without end.

The words are random, so only the source tells the target, and every sentence is new. Where the
answers lie in the source differs: at the same place, at a mirrored one, at one that the words
themselves point to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64

from transformer_lib.config import BOS, EOS
from transformer_lib.data.batching import Batch

FIRST_WORD = EOS + 1
TRAINING, VALIDATION = 0, 1  # what batches are for; each has random numbers of its own

Ids = Int64[np.ndarray, "B _"]


class Random(NamedTuple):
    """Random numbers from raw bits, so that every version of NumPy agrees."""

    source: np.random.PCG64

    def below(self, n: int, *shape: int) -> Int64[np.ndarray, "..."]:
        """Return whole numbers from 0 to n - 1."""
        return (self.source.random_raw(int(np.prod(shape))) % n).astype(np.int64).reshape(shape)

    def choices(self, n_rows: int, n: int, k: int) -> Int64[np.ndarray, "n_rows k"]:
        """Return in each row k different numbers from 0 to n - 1, in random order."""
        return self.source.random_raw(n_rows * n).reshape(n_rows, n).argsort(axis=1)[:, :k]


Make = Callable[[Random, int, int], tuple[Ids, Ids]]  # of so many sentences of a length


@dataclass(frozen=True)
class Task:
    """What a model has to learn: how to make sources and targets of each length.

    Unlike text, no sentence ends with EOS: every token of a target has to be read off the source.

    Args:
        name: the task with its settings.
        vocab_size: PAD, BOS, EOS and the words.
        shortest: the fewest words (or pairs of words) of a source.
        longest: the most.
        make: returns the sources and targets, all of the length asked for.
    """

    name: str
    vocab_size: int
    shortest: int
    longest: int
    make: Make

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest:
            raise ValueError(
                f"{self.name}: sources have {self.shortest} to {self.longest} words; "
                "give 1 <= shortest <= longest"
            )


def copying(n_words: int = 16, shortest: int = 2, longest: int = 24) -> Task:
    """Say the words back: a b c -> a b c."""

    def make(random: Random, n_rows: int, length: int) -> tuple[Ids, Ids]:
        words = FIRST_WORD + random.below(n_words, n_rows, length)
        return words, words

    name = f"copying {shortest} to {longest} of {n_words} words"
    return Task(name, FIRST_WORD + n_words, shortest, longest, make)


def reversing(n_words: int = 16, shortest: int = 2, longest: int = 24) -> Task:
    """Say the words backwards: a b c -> c b a."""

    def make(random: Random, n_rows: int, length: int) -> tuple[Ids, Ids]:
        words = FIRST_WORD + random.below(n_words, n_rows, length)
        return words, words[:, ::-1].copy()

    name = f"reversing {shortest} to {longest} of {n_words} words"
    return Task(name, FIRST_WORD + n_words, shortest, longest, make)


def looking_up(
    n_keys: int = 16,
    n_values: int = 16,
    shortest: int = 1,
    longest: int = 12,
    query: Literal["after", "before"] = "after",
) -> Task:
    """Name the value that stands beside a key: k1 v1 k2 v2 k1 -> v1.

    Hard to discover for a model: begin with few keys, and with single pairs among the sources.

    Args:
        n_keys: how many keys there are; those of a source are all different.
        n_values: how many other words there are, the values; chance is one in so many.
        shortest: the fewest pairs of a source.
        longest: the most.
        query: whether the reader learns only after the pairs which key is asked for, and so has to
            keep them all, or before them.

    Raises:
        ValueError: there are fewer keys than pairs.
    """
    if n_keys < longest:
        raise ValueError(f"{longest} pairs need as many different keys; there are {n_keys}")

    def make(random: Random, n_rows: int, length: int) -> tuple[Ids, Ids]:
        keys = FIRST_WORD + random.choices(n_rows, n_keys, length)
        values = FIRST_WORD + n_keys + random.below(n_values, n_rows, length)
        asked, rows = random.below(length, n_rows), np.arange(n_rows)
        pairs = np.stack([keys, values], axis=2).reshape(n_rows, 2 * length)
        parts = [pairs, keys[rows, asked][:, None]]
        src = np.concatenate(parts if query == "after" else parts[::-1], axis=1)
        return src, values[rows, asked][:, None]

    name = f"looking up {shortest} to {longest} of {n_keys} keys, {n_values} values, query {query}"
    return Task(name, FIRST_WORD + n_keys + n_values, shortest, longest, make)


def recalling(n_words: int = 16, shortest: int = 2, longest: int = 24) -> Task:
    """Name the word at a place that is asked for at the end: a b c 2 -> b.

    Places are words of their own: the first one has the id after the last of the n_words.
    """

    def make(random: Random, n_rows: int, length: int) -> tuple[Ids, Ids]:
        words = FIRST_WORD + random.below(n_words, n_rows, length)
        asked = random.below(length, n_rows)[:, None]
        src = np.concatenate([words, FIRST_WORD + n_words + asked], axis=1)
        return src, np.take_along_axis(words, asked, axis=1)

    name = f"recalling one of {shortest} to {longest} of {n_words} words"
    return Task(name, FIRST_WORD + n_words + longest, shortest, longest, make)


class ToyBatches:
    """New sentences of a task for ever, a batch of one length after the other.

    Each batch is drawn from the seed and its own number, so a place in the stream is that number.

    Args:
        task: what to draw.
        n_pairs: how many sentences a batch has.
        seed: 0 or more.

    Raises:
        ValueError: no sentence, or a negative seed.
    """

    def __init__(self, task: Task, n_pairs: int = 32, seed: int = 1) -> None:
        if n_pairs < 1 or seed < 0:
            raise ValueError(f"n_pairs is {n_pairs} and seed {seed}; give 1 or more, and 0 or more")
        self.task, self.n_pairs, self.seed = task, n_pairs, seed
        self.number = 0  # of the batch to come

    def __iter__(self) -> "ToyBatches":
        return self

    def __next__(self) -> Batch:
        random = Random(np.random.PCG64([TRAINING, self.seed, self.number]))
        self.number += 1
        span = self.task.longest - self.task.shortest + 1
        length = self.task.shortest + int(random.below(span, 1)[0])
        return batch_of(self.task, random, self.n_pairs, length)

    def state(self) -> dict[str, Any]:
        """Return the place, ready for JSON."""
        return {"number": self.number, **self._fingerprint()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken: the next batch is the one that came next there.

        Raises:
            ValueError: it belongs to another task or seed, or is damaged.
        """
        for name, ours in self._fingerprint().items():
            if state.get(name) != ours:
                raise ValueError(
                    f"the saved place has {name}={state.get(name)!r}, but here it is {ours!r}; "
                    "go on with the task and settings that the run began with"
                )
        number = state.get("number")
        if type(number) is not int or number < 0:
            raise ValueError(f"the saved place has number={number!r}; it is 0 or more")
        self.number = number

    def _fingerprint(self) -> dict[str, Any]:
        return {"task": self.task.name, "n_pairs": self.n_pairs, "seed": self.seed}


def validation(task: Task, n_pairs: int = 64) -> list[Batch]:
    """Return sentences that are the same every time, a batch of each length, shortest first.

    They are drawn apart from training; of a task with few different sentences, training has seen
    them all the same.
    """
    lengths = range(task.shortest, task.longest + 1)
    sources = [Random(np.random.PCG64([VALIDATION, length])) for length in lengths]
    return [
        batch_of(task, random, n_pairs, length)
        for random, length in zip(sources, lengths, strict=True)
    ]


def batch_of(task: Task, random: Random, n_pairs: int, length: int) -> Batch:
    """Draw sentences of one length; the target that the model reads is shifted right."""
    src, tgt = map(torch.from_numpy, task.make(random, n_pairs, length))
    shifted = torch.cat([tgt.new_full((n_pairs, 1), BOS), tgt[:, :-1]], dim=1)
    return Batch(src, shifted, tgt, tgt.numel(), n_pairs)

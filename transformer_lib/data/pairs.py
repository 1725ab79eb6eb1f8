"""Sentence pairs as token ids, stored tightly."""

import zlib
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from jaxtyping import Int32, Int64

from transformer_lib.config import EOS, PAD
from transformer_lib.data.parallel_text import ParallelText
from transformer_lib.data.tokenizer import Tokenizer

Ids = Sequence[int] | np.ndarray
CHUNK = 10_000  # so many pairs are cut into pieces at a time


class EncodedPairs:
    """Sentence pairs as token ids, four bytes each.

    Args:
        pairs: source ids and target ids of each pair; the target ends with EOS.
        n_left_out: how many pairs were too long to be here.

    Raises:
        ValueError: no pair, an empty sentence, an id below 1 (0 is PAD), or a target without EOS.
    """

    def __init__(self, pairs: Iterable[tuple[Ids, Ids]], n_left_out: int = 0) -> None:
        sides = [np.asarray(side, dtype=np.int32) for pair in pairs for side in pair]
        if not sides:
            raise ValueError("there is no pair to train on; give at least one")
        self.n_left_out = n_left_out
        self._lengths = np.array([len(side) for side in sides]).reshape(-1, 2)
        self._ends = self._lengths.cumsum().reshape(-1, 2)
        self._tokens = np.concatenate(sides)
        self._check()

    def _check(self) -> None:
        if (empty := np.flatnonzero(self._lengths.min(axis=1) == 0)).size:
            n_src, n_tgt = self._lengths[empty[0]]
            raise ValueError(
                f"pair {empty[0]} has {n_src} source and {n_tgt} target tokens; "
                "each side needs at least one"
            )
        if (wrong := np.flatnonzero(self._tokens <= PAD)).size:
            pair = np.searchsorted(self._ends[:, 1], wrong[0], side="right")
            raise ValueError(
                f"pair {pair} holds token id {self._tokens[wrong[0]]}; "
                f"ids are above {PAD}, which is padding"
            )
        if (endless := np.flatnonzero(self._tokens[self._ends[:, 1] - 1] != EOS)).size:
            last = self._tokens[self._ends[endless[0], 1] - 1]
            raise ValueError(
                f"the target of pair {endless[0]} ends with token id {last}, not with EOS, {EOS}"
            )

    def __len__(self) -> int:
        return len(self._lengths)

    def src(self, row: int) -> Int32[np.ndarray, " S"]:
        """Return the source ids of one pair."""
        end, length = self._ends[row, 0], self._lengths[row, 0]
        return self._tokens[end - length : end]

    def tgt(self, row: int) -> Int32[np.ndarray, " T"]:
        """Return the target ids of one pair; the last is EOS."""
        end, length = self._ends[row, 1], self._lengths[row, 1]
        return self._tokens[end - length : end]

    @property
    def tokens(self) -> Int32[np.ndarray, " _"]:
        """The ids of all pairs, one after the other: source, target, source, target."""
        return self._tokens

    @property
    def starts(self) -> Int64[np.ndarray, "N 2"]:
        """Where in `tokens` each source and target begins."""
        return self._ends - self._lengths

    @property
    def lengths(self) -> Int64[np.ndarray, "N 2"]:
        """The number of tokens of each source and target."""
        return self._lengths

    @property
    def digest(self) -> int:
        """A checksum of all ids: other data gives another one."""
        return zlib.crc32(self._lengths, zlib.crc32(self._tokens))


def encode_pairs(
    tokenizer: Tokenizer, text: ParallelText, max_tokens: int | None = None
) -> EncodedPairs:
    """Cut both sides into pieces; leave out pairs with a side above max_tokens, EOS included.

    Give no max_tokens for validation: leaving out its hard pairs would flatter the model.

    Raises:
        ValueError: every pair is too long.
    """
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    pairs = zip(text.src, text.tgt, strict=True)
    while chunk := list(islice(pairs, CHUNK)):
        sides = (tokenizer.encode_batch(side) for side in zip(*chunk, strict=True))
        for src, tgt in zip(*sides, strict=True):
            if max_tokens is None or max(len(src), len(tgt)) <= max_tokens:
                kept.append((np.array(src, dtype=np.int32), np.array(tgt, dtype=np.int32)))
    if not kept:
        raise ValueError(
            f"each of the {len(text.src)} pairs has more than max_tokens={max_tokens} tokens; "
            "raise max_tokens"
        )
    return EncodedPairs(kept, n_left_out=len(text.src) - len(kept))

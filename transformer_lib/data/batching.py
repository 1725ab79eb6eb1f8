"""Batches of sentence pairs of similar length, cut by a budget of tokens (section 5.1)."""

import zlib
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from transformer_lib.config import BOS, EOS, PAD
from transformer_lib.data.corpus import ParallelText
from transformer_lib.data.tokenizer import Tokenizer

POOL = 100_000  # so many pairs are sorted by length together; less than that is one pool
CHUNK = 10_000  # so many pairs are cut into pieces at a time


class Batch(NamedTuple):
    """Sentence pairs padded at the end to rectangles of token ids (int64, on the CPU).

    `tgt_in` begins with BOS and `tgt_out` ends with EOS; `tgt_out[:, t]` is what follows
    `tgt_in[:, t]`. A batch that holds no pair has shape [0, 1] throughout.
    """

    src: Int[Tensor, "B S"]
    tgt_in: Int[Tensor, "B T"]
    tgt_out: Int[Tensor, "B T"]
    n_tokens: int  # target tokens to predict: EOS counts, padding does not
    n_pairs: int


class EncodedPairs:
    """Sentence pairs as token ids, four bytes each.

    Args:
        pairs: source ids and target ids of each pair; the target ends with EOS.
        n_left_out: how many pairs were too long to be here.

    Raises:
        ValueError: no pair, an empty sentence, an id below 1 (0 is PAD), or a target without EOS.
    """

    def __init__(
        self, pairs: Iterable[tuple[Sequence[int], Sequence[int]]], n_left_out: int = 0
    ) -> None:
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
            last = self.tgt(endless[0])[-1]
            raise ValueError(
                f"the target of pair {endless[0]} ends with token id {last}, not with EOS, {EOS}"
            )

    def __len__(self) -> int:
        return len(self._lengths)

    def src(self, row: int) -> np.ndarray:
        """Return the source ids of one pair."""
        end, length = self._ends[row, 0], self._lengths[row, 0]
        return self._tokens[end - length : end]

    def tgt(self, row: int) -> np.ndarray:
        """Return the target ids of one pair; the last is EOS."""
        end, length = self._ends[row, 1], self._lengths[row, 1]
        return self._tokens[end - length : end]

    @property
    def lengths(self) -> np.ndarray:
        """The length of each source and target, shape [pairs, 2]."""
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


def pad(rows: Sequence[Sequence[int] | np.ndarray]) -> Int[Tensor, "B T"]:
    """Fill the rows up with PAD at the end; no rows give shape [0, 1]."""
    filled = np.full((len(rows), max(map(len, rows), default=1)), PAD, dtype=np.int64)
    for row, ids in zip(filled, rows, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(filled)


def collate(pairs: EncodedPairs, rows: Sequence[int] | np.ndarray) -> Batch:
    """Build the batch of the pairs at `rows`, in that order."""
    targets = [pairs.tgt(row) for row in rows]
    shifted = [np.concatenate(([BOS], tgt[:-1])) for tgt in targets]
    n_tokens = sum(map(len, targets))
    return Batch(
        pad([pairs.src(row) for row in rows]), pad(shifted), pad(targets), n_tokens, len(rows)
    )


def cut(rows: np.ndarray, longest: np.ndarray, batch_tokens: int) -> list[np.ndarray]:
    """Cut the rows, in their order, into batches whose padded longer side fits the budget.

    A row that is longer than the budget becomes a batch of its own.

    Args:
        rows: numbers of pairs.
        longest: the longer side of every pair.
        batch_tokens: at most so many tokens, padding included, on the longer side.
    """
    starts, width, start = [], 0, 0
    for place, length in enumerate(longest[rows].tolist()):
        width = max(width, length)
        if place > start and width * (place + 1 - start) > batch_tokens:
            starts.append(place)
            start, width = place, length
    return np.split(rows, starts)


def by_length(rows: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Sort by the longer side, then by both; equal pairs stay in the order given."""
    src, tgt = lengths[rows].T
    return rows[np.lexsort((tgt, src, np.maximum(src, tgt)))]


def shuffled(n: int, source: np.random.PCG64) -> np.ndarray:
    """Return 0 to n-1 in random order: raw bits, so that every version of numpy agrees."""
    return np.argsort(source.random_raw(n), kind="stable")


class Batches:
    """Batches for ever, epoch after epoch; every epoch holds each pair once.

    An epoch's order is drawn from the seed and the number of the epoch: the pairs are shuffled,
    sorted by length in pools of `POOL`, cut by the budget, and the batches shuffled. With several
    processes each batch is formed for all of them first. Process r then takes its rows r,
    r + world_size, and so on, so the budget does not depend on the number of processes, and a
    process may hold no row: its batch is then empty, but it is there.

    Args:
        pairs: what to train on.
        batch_tokens: at most so many tokens, padding included, on the longer side, over all
            processes together.
        seed: 0 or more.
        rank: the number of this process.
        world_size: the number of processes.

    Raises:
        ValueError: a pair is longer than the budget, a negative seed, or a rank outside the world.
    """

    def __init__(
        self, pairs: EncodedPairs, batch_tokens: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        longest = int(pairs.lengths.max())
        if longest > batch_tokens:
            raise ValueError(
                f"the longest pair has {longest} tokens, more than batch_tokens={batch_tokens}; "
                "raise batch_tokens or lower max_tokens"
            )
        if seed < 0:
            raise ValueError(f"seed is {seed}; it must be 0 or more")
        if not 0 <= rank < world_size:
            raise ValueError(
                f"rank is {rank}; with {world_size} processes it is 0 to {world_size - 1}"
            )
        self.pairs, self.batch_tokens, self.seed = pairs, batch_tokens, seed
        self.rank, self.world_size = rank, world_size
        self._digest = pairs.digest
        self._begin(epoch=0)

    def _begin(self, epoch: int) -> None:
        self.epoch, self.position = epoch, 0  # the batch to come: the position-th of the epoch
        source = np.random.PCG64([self.seed, epoch])
        order, lengths = shuffled(len(self.pairs), source), self.pairs.lengths
        pools = [order[start : start + POOL] for start in range(0, len(order), POOL)]
        batches = list(chain.from_iterable(
            cut(by_length(pool, lengths), lengths.max(axis=1), self.batch_tokens) for pool in pools
        ))  # fmt: skip
        self._batches = [batches[place] for place in shuffled(len(batches), source)]

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Batch:
        if self.position == len(self._batches):
            self._begin(self.epoch + 1)
        rows = self._batches[self.position][self.rank :: self.world_size]
        self.position += 1
        return collate(self.pairs, rows)

    def __len__(self) -> int:
        """Return the number of batches in the present epoch."""
        return len(self._batches)

    def _fingerprint(self) -> dict[str, int]:
        return {
            "data": self._digest,
            "n_pairs": len(self.pairs),
            "batch_tokens": self.batch_tokens,
            "seed": self.seed,
        }

    def state(self) -> dict[str, int]:
        """Return where we are, ready for JSON; the number of processes is not part of it."""
        return {"epoch": self.epoch, "position": self.position, **self._fingerprint()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken: the next batch is the one that came next there.

        Raises:
            ValueError: it belongs to other data, another budget or another seed, or is damaged.
        """
        for name, ours in self._fingerprint().items():
            if state.get(name) != ours:
                raise ValueError(
                    f"the saved data order has {name}={state.get(name)}, but here it is {ours}; "
                    "go on with the data and settings that the run began with"
                )
        epoch, position = state.get("epoch"), state.get("position")
        if not (type(epoch) is int and type(position) is int and epoch >= 0 and position >= 0):
            raise ValueError(f"the saved data order has epoch={epoch!r}, position={position!r}")
        self._begin(epoch)
        if position > len(self):
            raise ValueError(
                f"the saved data order is at batch {position} of an epoch of {len(self)}"
            )
        self.position = position


def evaluation_batches(pairs: EncodedPairs, batch_tokens: int) -> list[Batch]:
    """Return every pair once, by length, always in the same order, within the same kind of budget.

    A pair that is longer than the budget becomes a batch of its own. Slice the list to spread it
    over processes.
    """
    rows = by_length(np.arange(len(pairs)), pairs.lengths)
    return [collate(pairs, part) for part in cut(rows, pairs.lengths.max(axis=1), batch_tokens)]


def padding_share(batches: Iterable[Batch]) -> float:
    """Return which share of the positions, source and target together, is padding.

    Raises:
        ValueError: there is no position.
    """
    padding = positions = 0
    for batch in batches:
        for ids in (batch.src, batch.tgt_out):
            padding += int(ids.eq(PAD).sum())
            positions += ids.numel()
    if not positions:
        raise ValueError("there are no batches to count padding in")
    return padding / positions

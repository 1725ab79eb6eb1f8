"""Batches of sentence pairs of similar length, cut by a budget of tokens (section 5.1)."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Int, Int64
from torch import Tensor

from transformer_lib.config import BOS, PAD
from transformer_lib.data.pairs import EncodedPairs

Rows = Int64[np.ndarray, " _"]  # numbers of pairs
POOL = 100_000  # so many pairs are sorted by length together; less than that is one pool


class Batch(NamedTuple):
    """Sentence pairs padded at the end to rectangles of token ids (int64, on the CPU).

    `tgt_in` begins with BOS and `tgt_out` ends with EOS; `tgt_out[:, t]` is what follows
    `tgt_in[:, t]`. A batch that holds no pair has shape [0, 1] throughout. One that is resident
    (see `data.resident`) lies on the device and may have rows without a target.
    """

    src: Int[Tensor, "B S"]
    tgt_in: Int[Tensor, "B T"]
    tgt_out: Int[Tensor, "B T"]
    n_tokens: int  # target tokens to predict: EOS counts, padding does not
    n_pairs: int
    resident: bool = False


def pad(rows: Sequence[Sequence[int] | np.ndarray]) -> Int[Tensor, "B T"]:
    """Fill the rows up with PAD at the end; no rows give shape [0, 1]."""
    filled = np.full((len(rows), max(map(len, rows), default=1)), PAD, dtype=np.int64)
    for row, ids in zip(filled, rows, strict=True):
        row[: len(ids)] = ids
    return torch.from_numpy(filled)


def collate(pairs: EncodedPairs, rows: Sequence[int] | Rows) -> Batch:
    """Build the batch of the pairs at `rows`, in that order."""
    rows = [int(row) for row in rows]
    targets = [pairs.tgt(row) for row in rows]
    shifted = [np.concatenate(([BOS], tgt[:-1])) for tgt in targets]
    n_tokens = sum(map(len, targets))
    return Batch(
        pad([pairs.src(row) for row in rows]), pad(shifted), pad(targets), n_tokens, len(rows)
    )


def cut(rows: Rows, longest: Int64[np.ndarray, " N"], batch_tokens: int) -> list[Rows]:
    """Cut the rows, in their order, into batches whose padded longer side fits the budget.

    A row that is longer than the budget becomes a batch of its own.

    Args:
        rows: numbers of pairs, sorted by the longer side, so that the last of a batch is its width.
        longest: the longer side of every pair.
        batch_tokens: at most so many tokens, padding included, on the longer side.
    """
    starts, start = [], 0
    for place, width in enumerate(longest[rows].tolist()):
        if place > start and width * (place + 1 - start) > batch_tokens:
            starts.append(place)
            start = place
    return np.split(rows, starts)


def by_length(rows: Rows, lengths: Int64[np.ndarray, "N 2"]) -> Rows:
    """Sort by the longer side, then by both; equal pairs stay in the order given."""
    src, tgt = lengths[rows].T
    return rows[np.lexsort((tgt, src, np.maximum(src, tgt)))]


def shuffled(n: int, source: np.random.PCG64) -> Rows:
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
        self._begin(0, self._epoch(0))

    def _begin(self, epoch: int, batches: list[Rows]) -> None:
        self.epoch, self.position = epoch, 0  # of the batch to come
        self._batches = batches

    def _epoch(self, epoch: int) -> list[Rows]:
        source = np.random.PCG64([self.seed, epoch])
        order, lengths = shuffled(len(self.pairs), source), self.pairs.lengths
        longest = lengths.max(axis=1)
        batches: list[Rows] = []
        for start in range(0, len(order), POOL):
            pool = by_length(order[start : start + POOL], lengths)
            batches += cut(pool, longest, self.batch_tokens)
        return [batches[place] for place in shuffled(len(batches), source)]

    def __iter__(self) -> "Batches":
        return self

    def __next__(self) -> Batch:
        if self.position == len(self._batches):
            self._begin(self.epoch + 1, self._epoch(self.epoch + 1))
        self.position += 1
        return self.build(self.position - 1)

    def share(self, number: int) -> Rows:
        """Return the numbers of the pairs of one batch of this epoch that this process gets."""
        return self._batches[number][self.rank :: self.world_size]

    def build(self, number: int) -> Batch:
        """Return this process's share of one batch of this epoch."""
        return collate(self.pairs, self.share(number))

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
        batches = self._epoch(epoch)
        if position > len(batches):
            raise ValueError(
                f"the saved data order is at batch {position} of an epoch of {len(batches)}"
            )
        self._begin(epoch, batches)
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

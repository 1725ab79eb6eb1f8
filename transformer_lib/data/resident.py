"""Batches that are put together on the device, in few shapes, so that a GPU never waits for data.

The pairs lie on the device from the start, and the order of an epoch is sent there in one piece. A
batch is then gathered by the numbers of its rows. It holds the same pairs as the batch of
`data.batching` at the same place. Its shape is one of a few, which the host knows beforehand: both
sides are padded to the same width, and rows without a target follow the last pair.
"""

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from transformer_lib.config import BOS, EOS, PAD
from transformer_lib.data.batching import Batch, Batches, Rows
from transformer_lib.data.pairs import EncodedPairs

SRC, TGT = 0, 1


def bucket(longest: int) -> range:
    """Return the lengths that are padded to the same width, which is the last of them.

    Up to 16 each length is a bucket of its own. Above, there are eight between a power of two and
    the next, so the width is less than an eighth above the length.
    """
    step = 1 << max(0, (longest - 1).bit_length() - 4)
    width = -(-longest // step) * step
    return range(width - step + 1, width + 1)


class ResidentPairs:
    """All pairs on a device, and behind them the pair that fills rows: [EOS], with no target."""

    def __init__(self, pairs: EncodedPairs, device: torch.device) -> None:
        self.filler = len(pairs)  # its row
        end = len(pairs.tokens)
        self.tokens = torch.from_numpy(np.append(pairs.tokens, np.int32(EOS))).to(device)
        self.starts = torch.from_numpy(np.vstack([pairs.starts, [end, end]])).to(device)
        self.lengths = torch.from_numpy(np.vstack([pairs.lengths, [1, 0]])).to(device)

    def gather(self, side: int, rows: Int[Tensor, " R"], width: int) -> Int[Tensor, "R {width}"]:
        """Return one side of the pairs at `rows`, padded to `width`."""
        starts = self.starts[:, side].index_select(0, rows)
        lengths = self.lengths[:, side].index_select(0, rows)
        place = torch.arange(width, device=rows.device)
        index = (starts[:, None] + place).clamp(max=len(self.tokens) - 1)
        return self.tokens[index].long().masked_fill(place >= lengths[:, None], PAD)


class ResidentBatches(Batches):
    """The batches of `Batches`, in the same order, on a device and in few shapes.

    Where we are in the data is written down as there, so a run may go on with either.

    Args:
        pairs: see `Batches`.
        batch_tokens: see `Batches`; rows that are filled up may go beyond it by an eighth.
        seed: see `Batches`.
        rank: see `Batches`.
        world_size: see `Batches`.
        device: where the pairs are to lie.

    Raises:
        ValueError: see `Batches`.
    """

    def __init__(
        self,
        pairs: EncodedPairs,
        batch_tokens: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.resident = ResidentPairs(pairs, torch.device(device))
        super().__init__(pairs, batch_tokens, seed, rank, world_size)

    def _begin(self, epoch: int, batches: list[Rows]) -> None:
        super()._begin(epoch, batches)
        self._shapes = [self.shape(rows) for rows in batches]
        filled = np.full(sum(n_rows for n_rows, _ in self._shapes), self.resident.filler)
        start = 0
        for number, (n_rows, _) in enumerate(self._shapes):
            share = self.share(number)
            filled[start : start + len(share)] = share
            start += n_rows
        order = torch.from_numpy(filled).to(self.resident.tokens.device)
        self._order = order.split([n_rows for n_rows, _ in self._shapes])

    def shape(self, rows: Rows) -> tuple[int, int]:
        """Return how many rows a batch has here, and how wide it is.

        There are as many rows as any batch of this width can hold, shared by all processes.
        """
        lengths = bucket(int(self.pairs.lengths[rows].max()))
        most = min(self.batch_tokens // lengths[0], len(self.pairs))
        return -(-most // self.world_size), min(lengths[-1], int(self.pairs.lengths.max()))

    def build(self, number: int) -> Batch:
        """Return this process's share of one batch of this epoch, on the device."""
        rows, (_, width) = self._order[number], self._shapes[number]
        src = self.resident.gather(SRC, rows, width)
        tgt_out = self.resident.gather(TGT, rows, width)
        # What follows EOS is padding, not EOS; a row without a target has its BOS all the same.
        shifted = tgt_out[:, :-1].masked_fill(tgt_out[:, 1:].eq(PAD), PAD)
        tgt_in = torch.cat([torch.full_like(tgt_out[:, :1], BOS), shifted], dim=1)
        share = self.share(number)
        n_tokens = int(self.pairs.lengths[share, TGT].sum())
        return Batch(src, tgt_in, tgt_out, n_tokens, len(share), resident=True)

    def padding_share(self) -> float:
        """Return which share of the positions of this epoch is padding, on this process."""
        positions = sum(2 * n_rows * width for n_rows, width in self._shapes)
        shares = (self.share(number) for number in range(len(self)))
        return 1.0 - sum(int(self.pairs.lengths[share].sum()) for share in shares) / positions

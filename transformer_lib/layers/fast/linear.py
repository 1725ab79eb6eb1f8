"""`torch.nn.Linear` for batches of every length, in bfloat16 on a CPU.

Everywhere else it is torch's own, and with autocast off it is so to the bit.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

FEWEST_ROWS = 64  # below, there are few kinds of products anyway


def linear(
    x: Float[Tensor, "*B K"], weight: Float[Tensor, "N K"], bias: Float[Tensor, " N"] | None = None
) -> Float[Tensor, "*B N"]:
    """Return x W^T + b, as `torch.nn.functional.linear` does."""
    rounded = torch.is_autocast_enabled("cpu") and x.dtype != torch.float64
    if rounded and x.device.type == "cpu" and x.numel() >= FEWEST_ROWS * x.size(-1):
        return SplitLinear.apply(x, weight, bias)
    return F.linear(x, weight, bias)


class Linear(nn.Linear):
    """`torch.nn.Linear`, by the function above."""

    def forward(self, x: Float[Tensor, "*B K"]) -> Float[Tensor, "*B N"]:
        """Return x W^T + b."""
        return linear(x, self.weight, self.bias)


class SplitLinear(torch.autograd.Function):
    """x W^T + b in the type of autocast, by products that have few different numbers of rows.

    Before oneDNN multiplies in bfloat16, it writes a program for the very shapes. That takes longer
    than a small product, and nearly every batch of sentences has a number of rows of its own. So
    there are two products: one of the first rows, as many as are four to seven times a power of
    two, and one of the last, as many as that power. Some rows are in both.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "*B K"],
        weight: Float[Tensor, "N K"],
        bias: Float[Tensor, " N"] | None,
    ) -> Float[Tensor, "*B N"]:
        """Return x W^T + b."""
        kind = torch.get_autocast_dtype("cpu")
        ctx.kind = x.dtype
        x, cast = x.to(kind), weight.to(kind)
        ctx.save_for_backward(x, cast)
        ctx.has_bias = bias is not None
        out = product(x, cast.T)
        return out if bias is None else out.add_(bias.to(kind))

    @staticmethod
    def backward(
        ctx: Any, d_out: Float[Tensor, "*B N"]
    ) -> tuple[Float[Tensor, "*B K"], Float[Tensor, "N K"], Float[Tensor, " N"] | None]:
        """Return the gradients; those of the weight by both products are added in float32."""
        x, cast = ctx.saved_tensors
        d_x = product(d_out, cast).to(ctx.kind)
        rows, d_rows = x.flatten(0, -2), d_out.flatten(0, -2)
        first, last = row_blocks(len(rows))
        d_weight = (d_rows[first].T @ rows[first]).float()
        if last:
            new = d_rows.new_zeros(len(rows[last]), d_rows.size(1))
            n_new = len(rows) - first.stop
            new[-n_new:] = d_rows[first.stop :]
            d_weight += new.T @ rows[last]
        return d_x, d_weight, d_rows.sum(dim=0).float() if ctx.has_bias else None


def row_blocks(n_rows: int) -> tuple[slice, slice | None]:
    """Return the rows of the first product, and of the last if there are more."""
    block = 2 ** (n_rows.bit_length() - 3)
    n_first = n_rows // block * block
    return slice(0, n_first), slice(n_rows - block, n_rows) if n_first < n_rows else None


def product(x: Float[Tensor, "*B K"], matrix: Float[Tensor, "K N"]) -> Float[Tensor, "*B N"]:
    """Return the product."""
    out = x.new_empty(*x.shape[:-1], matrix.size(1))
    rows, places = x.flatten(0, -2), out.view(-1, matrix.size(1))
    for part in row_blocks(len(rows)):
        if part:
            torch.mm(rows[part], matrix, out=places[part])
    return out

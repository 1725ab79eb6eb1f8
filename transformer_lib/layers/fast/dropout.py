"""Dropout with fewer random numbers and fewer passes over the memory, on a CPU.

Drawing a random number for each entry is a seventh of the time of a training step there. Sixteen
random bits decide as well as a whole number: the rate is then right to 1 / 131,072.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def drop(x: Float[Tensor, "*B D"], rate: float, training: bool) -> Float[Tensor, "*B D"]:
    """Do what `layers.dropout.drop` does, with sixteen bits for each entry."""
    if not training or rate == 0.0:
        return x
    if x.device.type != "cpu":
        return F.dropout(x, rate)
    # The factor comes last: in a mask of bfloat16 it would be rounded, alike for every survivor.
    return (x * kept(x.shape, rate, x.dtype)).mul_(1.0 / (1.0 - rate))


def add_dropped(
    x: Float[Tensor, "*B D"], output: Float[Tensor, "*B D"], rate: float, training: bool
) -> Float[Tensor, "*B D"]:
    """Return x + drop(output, rate, training), on a CPU in one pass over the memory, not three."""
    if not training or rate == 0.0 or x.device.type != "cpu":
        return x + drop(output, rate, training)
    return AddDropped.apply(x, output, kept(output.shape, rate, output.dtype), 1.0 / (1.0 - rate))


class AddDropped(torch.autograd.Function):
    """x + output * mask * factor."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Float[Tensor, "*B D"],
        output: Float[Tensor, "*B D"],
        mask: Float[Tensor, "*B D"],
        factor: float,
    ) -> Float[Tensor, "*B D"]:
        """Return the sum."""
        ctx.save_for_backward(mask)
        ctx.factor = factor
        return torch.addcmul(x, output, mask, value=factor)

    @staticmethod
    def backward(
        ctx: Any, d_sum: Float[Tensor, "*B D"]
    ) -> tuple[Float[Tensor, "*B D"], Float[Tensor, "*B D"], None, None]:
        """Return the gradients of both summands."""
        (mask,) = ctx.saved_tensors
        d_output = torch.addcmul(d_sum.new_zeros(()), d_sum, mask, value=ctx.factor)
        return d_sum, d_output, None, None


def kept(shape: torch.Size, rate: float, dtype: torch.dtype) -> Float[Tensor, "..."]:
    """Return 1 with probability 1 - rate, else 0, for each entry of `shape`, on the CPU."""
    n = shape.numel()
    words = torch.empty((n + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    numbers = words.view(torch.int16)[:n]  # from -32,768 to 32,767, four in every word
    mask = torch.empty(n, dtype=dtype)
    return torch.ge(numbers, round(rate * 2**16) - 2**15, out=mask).view(shape)

"""Dropout: in training, set entries to 0 at random and scale up the others (section 5.4)."""

import torch
from jaxtyping import Float
from torch import Tensor


def drop(x: Float[Tensor, "*B D"], rate: float, training: bool) -> Float[Tensor, "*B D"]:
    """Drop each entry with probability `rate`; divide survivors by 1 - rate, so the mean stays.

    A rate of 0.1 scales survivors by 1 / 0.9 = 1.111. Outside training nothing happens. The
    layers call its twin in `layers.fast`, which draws its random numbers faster.
    """
    if not training or rate == 0.0:
        return x
    survives = torch.rand(x.shape, device=x.device) >= rate
    return x * survives / (1.0 - rate)

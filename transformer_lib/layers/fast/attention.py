"""Attention whose weights nobody asks for, by one kernel that never stores them."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from transformer_lib.layers.masks import AttentionMask, check_mask_shape


def fused_attention(
    query: Float[Tensor, "B H T K"],
    key: Float[Tensor, "B H S K"],
    value: Float[Tensor, "B H S Dv"],
    mask: AttentionMask | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "B H T Dv"]:
    """Return the averaged values of `scaled_dot_product_attention`, from torch's function.

    Its kernels go through the keys block by block, so that no T x S matrix is ever in memory.
    """
    if mask is not None:
        check_mask_shape(mask, (*query.shape[:3], key.size(2)))
    if query.device.type != "cpu" or query.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(query, key, value, mask, dropout)
    # On a CPU the kernel's backward pass is ten times slower in bfloat16 than in float32.
    with torch.autocast("cpu", enabled=False):
        exact = (tensor.float() for tensor in (query, key, value))
        return F.scaled_dot_product_attention(*exact, mask, dropout).to(query.dtype)

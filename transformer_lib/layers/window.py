"""Restricted self-attention: each position sees a window of its neighbours (section 4)."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from transformer_lib.layers.attention import masked_softmax
from transformer_lib.layers.fast import drop
from transformer_lib.layers.masks import check_mask_shape, check_window


def windowed_attention(
    query: Float[Tensor, "B H T K"],
    key: Float[Tensor, "B H T K"],
    value: Float[Tensor, "B H T Dv"],
    window: int,
    causal: bool = False,
    mask: Bool[Tensor, "#B #H 1 T"] | None = None,
    dropout: float = 0.0,
) -> tuple[Float[Tensor, "B H T Dv"], Float[Tensor, "B H T R"]]:
    """Attend only to the `window` positions centred on the query, or their past half (section 4).

    The cost is T·window scores instead of T·T.

    Args:
        query: one for each position.
        key: one for each position.
        value: one for each position.
        window: how many positions, odd.
        causal: leave out what comes after the query.
        mask: True where any query may attend, if it is near enough: such as a padding mask.
        dropout: as in `scaled_dot_product_attention`.

    Returns:
        The averaged values and the weights over the window, from the earliest place to the latest;
        with `causal` the latest is the query's own.
    """
    check_window(window)
    past = window // 2
    reach = (past, 0 if causal else past)
    size = past + 1 + reach[1]
    seen = torch.ones(1, 1, 1, query.size(2), dtype=torch.bool, device=query.device)
    if mask is not None:
        check_mask_shape(mask, (*query.shape[:2], 1, key.size(2)))
        seen = mask
    allowed = F.pad(seen, reach, value=False).unfold(-1, size, 1).squeeze(2)  # [#B, #H, T, R]
    near_keys = F.pad(key, (0, 0, *reach)).unfold(2, size, 1)  # [B, H, T, K, R]
    near_values = F.pad(value, (0, 0, *reach)).unfold(2, size, 1)
    scores = torch.einsum("bhtk,bhtkr->bhtr", query, near_keys) / math.sqrt(query.size(-1))
    weights = masked_softmax(scores, allowed)
    kept = drop(weights, dropout, training=True)
    return torch.einsum("bhtr,bhtvr->bhtv", kept, near_values), weights


def spread(weights: Float[Tensor, "B H T R"], past: int) -> Float[Tensor, "B H T T"]:
    """Write weights over windows, which begin `past` before the query, as a full matrix."""
    length, size = weights.shape[2:]
    full = weights.new_zeros(*weights.shape[:3], length + size - 1)
    start = torch.arange(length, device=weights.device)[:, None]
    columns = (start + torch.arange(size, device=weights.device)).expand_as(weights)
    return full.scatter(-1, columns, weights)[..., past : past + length]

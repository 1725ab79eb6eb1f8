"""Attention: average values, weighted by how well each key answers the query (section 3.2.1)."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_lib.layers.dropout import drop
from transformer_lib.layers.masks import AttentionMask, check_mask_shape, check_window


def scaled_dot_product_attention(
    query: Float[Tensor, "B H T K"],
    key: Float[Tensor, "B H S K"],
    value: Float[Tensor, "B H S Dv"],
    mask: AttentionMask | None = None,
    dropout: float = 0.0,
) -> tuple[Float[Tensor, "B H T Dv"], Float[Tensor, "B H T S"]]:
    """Compute softmax(Q K^T / sqrt(d_k)) V (eq. 1).

    Args:
        query: T queries of K numbers for each sentence and head.
        key: S keys of K numbers.
        value: S values of Dv numbers.
        mask: True where a query may attend; a row must allow at least one key.
        dropout: the rate at which weights are dropped; 0 outside training.

    Returns:
        The averaged values, and the weights (before dropout), whose rows sum to 1.

    Raises:
        ValueError: the mask is not boolean or does not fit.
    """
    # Divide by sqrt(K): a dot product of K unit-variance terms has variance K.
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.size(-1))
    weights = masked_softmax(scores, mask)
    return drop(weights, dropout, training=True) @ value, weights


def masked_softmax(
    scores: Float[Tensor, "B H T S"], mask: AttentionMask | None
) -> Float[Tensor, "B H T S"]:
    """Turn scores into weights that sum to 1 over the keys, exactly 0 where the mask is False.

    Raises:
        ValueError: the mask is not boolean or does not fit.
    """
    if mask is not None:
        check_mask_shape(mask, tuple(scores.shape))
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(dim=-1)


def fused_attention(
    query: Float[Tensor, "B H T K"],
    key: Float[Tensor, "B H S K"],
    value: Float[Tensor, "B H S Dv"],
    mask: AttentionMask | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "B H T Dv"]:
    """Return the averaged values alone, from torch's kernel, which never stores the weights.

    Raises:
        ValueError: the mask is not boolean or does not fit.
    """
    if mask is not None:
        check_mask_shape(mask, (*query.shape[:3], key.size(2)))
    if query.device.type != "cpu" or query.dtype != torch.bfloat16:
        return F.scaled_dot_product_attention(query, key, value, mask, dropout)
    # On a CPU the kernel's backward pass is ten times slower in bfloat16 than in float32.
    with torch.autocast("cpu", enabled=False):
        exact = (tensor.float() for tensor in (query, key, value))
        return F.scaled_dot_product_attention(*exact, mask, dropout).to(query.dtype)


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

    The cost is T·window scores instead of T·T. A position always sees itself, so that a query in
    the padding has something to average.

    Returns:
        The averaged values and the weights over the window, nearest past first to last; with
        `causal` the window's last place is the query's own.

    Raises:
        ValueError: the window is even or below 1, or the mask does not fit.
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
    itself = torch.arange(size, device=query.device) == past
    near_keys = F.pad(key, (0, 0, *reach)).unfold(2, size, 1)  # [B, H, T, K, R]
    near_values = F.pad(value, (0, 0, *reach)).unfold(2, size, 1)
    scores = torch.einsum("bhtk,bhtkr->bhtr", query, near_keys) / math.sqrt(query.size(-1))
    weights = masked_softmax(scores, allowed | itself)
    kept = drop(weights, dropout, training=True)
    return torch.einsum("bhtr,bhtvr->bhtv", kept, near_values), weights


class AdditiveAttention(nn.Module):
    """Score with a small network, v·tanh(W q + U k) (Bahdanau et al. 2015), for contrast.

    Queries and keys may differ in width; the cost is T·S·d_attention
    tanh instead of one matrix product.
    """

    def __init__(self, d_query: int, d_key: int, d_attention: int) -> None:
        super().__init__()
        self.w_q = nn.Linear(d_query, d_attention, bias=False)
        self.w_k = nn.Linear(d_key, d_attention, bias=False)
        self.v = nn.Parameter(torch.empty(d_attention).uniform_(-1, 1) / math.sqrt(d_attention))

    def forward(
        self,
        query: Float[Tensor, "B T Q"],
        key: Float[Tensor, "B S M"],
        value: Float[Tensor, "B S Dv"],
        mask: AttentionMask | None = None,
    ) -> tuple[Float[Tensor, "B T Dv"], Float[Tensor, "B 1 T S"]]:
        """Return the averaged values and the weights; there is one head.

        Raises:
            ValueError: the mask is not boolean or does not fit.
        """
        return self.attend(query, self.w_k(key), value, mask)

    def attend(
        self,
        query: Float[Tensor, "B T Q"],
        projected_key: Float[Tensor, "B S A"],
        value: Float[Tensor, "B S Dv"],
        mask: AttentionMask | None = None,
    ) -> tuple[Float[Tensor, "B T Dv"], Float[Tensor, "B 1 T S"]]:
        """Do the same with keys that `w_k` has already projected, once for a whole sentence."""
        joined = self.w_q(query)[:, :, None] + projected_key[:, None]  # [B, T, S, A]
        weights = masked_softmax((joined.tanh() @ self.v)[:, None], mask)
        return weights[:, 0] @ value, weights

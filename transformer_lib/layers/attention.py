"""Attention: average values, weighted by how well each key answers the query (section 3.2.1)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transformer_lib.layers.dropout import drop
from transformer_lib.layers.masks import AttentionMask, check_mask_shape


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
        mask: True where a query may attend.
        dropout: the rate at which weights are dropped; 0 outside training.

    Returns:
        The averaged values, and the weights (before dropout), whose rows sum to 1. A query that
        may attend to nothing gets zeros for both.
    """
    # Divide by sqrt(K): a dot product of K unit-variance terms has variance K.
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.size(-1))
    weights = masked_softmax(scores, mask)
    return drop(weights, dropout, training=True) @ value, weights


def masked_softmax(
    scores: Float[Tensor, "B H T S"], mask: AttentionMask | None
) -> Float[Tensor, "B H T S"]:
    """Turn scores into weights that sum to 1 over the keys, exactly 0 where the mask is False.

    A row that may attend to nothing has nothing to average: its weights, and the gradient of its
    scores, are 0. (A softmax of -inf alone would be 0/0.)
    """
    if mask is None:
        return scores.softmax(dim=-1)
    check_mask_shape(mask, tuple(scores.shape))
    empty = ~mask.any(dim=-1, keepdim=True)
    weights = scores.masked_fill(~(mask | empty), -math.inf).softmax(dim=-1)
    return weights.masked_fill(empty, 0.0)


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
        """Return the averaged values and the weights; there is one head."""
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

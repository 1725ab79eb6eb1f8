"""Multi-head attention: several attentions, each in a small space of its own (section 3.2.2)."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_lib.layers.attention import scaled_dot_product_attention
from transformer_lib.layers.fast import Linear, fused_attention
from transformer_lib.layers.masks import AttentionMask, check_window
from transformer_lib.layers.window import spread, windowed_attention
from transformer_lib.settings import require_positive, require_rate


class KVCache(NamedTuple):
    """Keys and values that are already projected and split into heads."""

    key: Float[Tensor, "B H S K"]
    value: Float[Tensor, "B H S Dv"]


class AttentionOutput(NamedTuple):
    """The output, the weights if they were asked for, and all keys and values seen."""

    output: Float[Tensor, "B T D"]
    weights: Float[Tensor, "B H T S"] | None
    cache: KVCache


class MultiHeadAttention(nn.Module):
    """Concat(head_1 .. head_h) W_O, with head_i = Attention(Q W_Q_i, K W_K_i, V W_V_i).

    The projections of all heads stand side by side in one matrix each, and have no bias, as in the
    paper.

    Args:
        d_model: width of the input and of the output.
        n_heads: number of heads.
        d_k: width of a query and a key, d_model / n_heads if not given.
        d_v: width of a value, d_model / n_heads if not given.
        dropout: rate at which attention weights are dropped in training (not in the paper).
        window: self-attention sees this many positions centred on the query (section 4); None: all.
        causal_window: only the past half of the window.

    Raises:
        ValueError: a size is below 1, d_model is not divisible by n_heads where d_k or d_v is not
            given, the window is even, or dropout lies outside [0, 1).
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_k: int | None = None,
        d_v: int | None = None,
        dropout: float = 0.0,
        window: int | None = None,
        causal_window: bool = False,
    ) -> None:
        super().__init__()
        require_positive(d_model=d_model, n_heads=n_heads, d_k=d_k, d_v=d_v)
        require_rate(dropout=dropout)
        if window is not None:
            check_window(window)
        if (d_k is None or d_v is None) and d_model % n_heads:
            raise ValueError(
                f"d_model = {d_model} is not divisible by n_heads = {n_heads}; "
                "choose a divisor, or give both d_k and d_v"
            )
        self.n_heads, self.dropout = n_heads, dropout
        self.window, self.causal_window = window, causal_window
        self.d_k = d_model // n_heads if d_k is None else d_k
        self.d_v = d_model // n_heads if d_v is None else d_v
        self.w_q = Linear(d_model, n_heads * self.d_k, bias=False)
        self.w_k = Linear(d_model, n_heads * self.d_k, bias=False)
        self.w_v = Linear(d_model, n_heads * self.d_v, bias=False)
        self.w_o = Linear(n_heads * self.d_v, d_model, bias=False)
        for projection in (self.w_q, self.w_k, self.w_v, self.w_o):
            nn.init.xavier_uniform_(projection.weight)

    def forward(
        self,
        query: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B S D"] | None,
        mask: Bool[Tensor, "#B #H #T P"] | None = None,
        cache: KVCache | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """Let each position of `query` gather from `cache`, then from `memory`.

        Self-attention passes the same tensor twice. Step-by-step generation passes the newest
        position twice and the cache of the earlier ones. Attention to a source that was projected
        before passes its cache and no memory. The mask covers cache and memory.
        """
        queries, keys_values = self.split_heads(self.w_q(query)), self.extend(cache, memory)
        output, weights = self.attend(queries, keys_values, mask, need_weights)
        merged = output.transpose(1, 2).flatten(start_dim=2)  # [B, T, H * d_v]
        return AttentionOutput(self.w_o(merged), weights, keys_values)

    def extend(self, cache: KVCache | None, memory: Float[Tensor, "B S D"] | None) -> KVCache:
        """Project `memory` to keys and values and put them behind those of `cache`.

        Raises:
            ValueError: there is neither.
        """
        if memory is None:
            if cache is None:
                raise ValueError("attention needs a memory or a cache to attend to; both are None")
            return cache
        key, value = self.split_heads(self.w_k(memory)), self.split_heads(self.w_v(memory))
        return append(cache, KVCache(key, value))

    def split_heads(self, projected: Float[Tensor, "B T HW"]) -> Float[Tensor, "B H T W"]:
        """Give each head its part of the features; bring the heads before the positions."""
        return projected.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)

    def attend(
        self,
        query: Float[Tensor, "B H T K"],
        keys_values: KVCache,
        mask: AttentionMask | None,
        need_weights: bool,
    ) -> tuple[Float[Tensor, "B H T Dv"], Float[Tensor, "B H T S"] | None]:
        """Attend in every head; a fused kernel serves when nobody wants the weights."""
        dropout = self.dropout if self.training else 0.0
        key, value = keys_values
        if self.window is not None:
            return self.attend_in_window(query, keys_values, mask, dropout, need_weights)
        if need_weights:
            return scaled_dot_product_attention(query, key, value, mask, dropout)
        return fused_attention(query, key, value, mask, dropout), None

    def attend_in_window(
        self,
        query: Float[Tensor, "B H T K"],
        keys_values: KVCache,
        mask: AttentionMask | None,
        dropout: float,
        need_weights: bool,
    ) -> tuple[Float[Tensor, "B H T Dv"], Float[Tensor, "B H T S"] | None]:
        """Attend to the window alone; with a cache, the query is the newest position.

        Raises:
            ValueError: several queries come with a cache, or the mask differs from query to query.
        """
        n_queries, n_keys = query.size(2), keys_values.key.size(2)
        if n_queries == 1 and n_keys > 1:
            near = n_keys - min(n_keys, self.window // 2 + 1)
            recent = KVCache(*(t[:, :, near:] for t in keys_values))
            mask = None if mask is None else mask[..., near:]
            output, weights = scaled_dot_product_attention(query, *recent, mask, dropout)
            return output, F.pad(weights, (near, 0)) if need_weights else None
        if n_queries != n_keys:
            raise ValueError(
                f"windowed self-attention has {n_queries} queries and {n_keys} keys; "
                "give as many, or one query and a cache"
            )
        if mask is not None and mask.size(2) != 1:
            raise ValueError(
                f"the mask has {mask.size(2)} query rows; windowed attention takes one "
                "for all, such as a padding mask"
            )
        output, weights = windowed_attention(
            query, *keys_values, self.window, self.causal_window, mask, dropout
        )
        return output, spread(weights, self.window // 2) if need_weights else None


def append(cache: KVCache | None, new: KVCache) -> KVCache:
    """Put new keys and values behind those of the cache."""
    if cache is None:
        return new
    return KVCache(*(torch.cat(pair, dim=2) for pair in zip(cache, new, strict=True)))

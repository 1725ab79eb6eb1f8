"""The decoder: masked self-attention, attention to the source, feed-forward (3.1, Figure 1 right).

The same layers read a whole target at once, in training, or one token and a cache, in generation.
"""

from typing import NamedTuple

from jaxtyping import Bool, Float
from torch import Tensor, nn

from transformer_lib.config import ModelConfig
from transformer_lib.layers.feedforward import FeedForward
from transformer_lib.layers.multihead import KVCache
from transformer_lib.models.encoder import make_attention, make_final_norm, make_residual
from transformer_lib.models.fast import SharedRows


class DecoderLayerOutput(NamedTuple):
    """New vectors; the weights, if asked for; the keys and values of the target so far."""

    x: Float[Tensor, "B T D"]
    self_weights: Float[Tensor, "B H T T"] | None
    cross_weights: Float[Tensor, "B H T S"] | None
    cache: KVCache


class DecoderLayer(nn.Module):
    """Three sub-layers, each inside a residual connection."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.self_attention = make_attention(config, window=config.window, causal_window=True)
        self.cross_attention = make_attention(config)
        self.feed_forward = FeedForward(config.d_model, config.d_ff, config.ff_dropout)
        self.residuals = nn.ModuleList(make_residual(config) for _ in range(3))

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        memory: KVCache,
        self_mask: Bool[Tensor, "#B #H #T P"] | None = None,
        memory_mask: Bool[Tensor, "#M #H #Q S"] | None = None,
        cache: KVCache | None = None,
        real: Bool[Tensor, "B T"] | None = None,
        need_weights: bool = False,
        rows: SharedRows | None = None,
    ) -> DecoderLayerOutput:
        """Read target vectors behind those of the cache; `memory` is the source, already projected.

        With `rows`, x has one position, and several of its rows may share a sentence of `memory`.
        """
        around_self, around_cross, around_ff = self.residuals
        normed = around_self.enter(x, real)
        own = self.self_attention(normed, normed, self_mask, cache, need_weights)
        x = around_self.leave(x, own.output, real)
        normed = around_cross.enter(x, real)
        asking = rows.gather(normed) if rows else normed
        cross = self.cross_attention(asking, None, memory_mask, memory, need_weights)
        x = around_cross.leave(x, rows.scatter(cross.output) if rows else cross.output, real)
        x = around_ff(x, self.feed_forward, real)
        return DecoderLayerOutput(x, own.weights, cross.weights, own.cache)


class Decoder(nn.Module):
    """A stack of decoder layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.n_decoder_layers))
        self.final_norm = make_final_norm(config)

    def project(self, memory: Float[Tensor, "B S D"]) -> tuple[KVCache, ...]:
        """Turn the encoder's output into each layer's keys and values, once for all steps."""
        return tuple(layer.cross_attention.extend(None, memory) for layer in self.layers)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        memory: tuple[KVCache, ...],
        self_mask: Bool[Tensor, "#B #H #T P"] | None = None,
        memory_mask: Bool[Tensor, "#M #H #Q S"] | None = None,
        caches: tuple[KVCache | None, ...] | None = None,
        real: Bool[Tensor, "B T"] | None = None,
        need_weights: bool = False,
        rows: SharedRows | None = None,
    ) -> tuple[Float[Tensor, "B T D"], tuple[DecoderLayerOutput, ...]]:
        """Return the hidden states and what each layer returned."""
        outputs = []
        for layer, source, cache in zip(
            self.layers, memory, caches or [None] * len(self.layers), strict=True
        ):
            output = layer(x, source, self_mask, memory_mask, cache, real, need_weights, rows)
            x = output.x
            outputs.append(output)
        return x if self.final_norm is None else self.final_norm(x, real), tuple(outputs)

"""The encoder: layers of self-attention and feed-forward network (3.1, Figure 1 left)."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from transformer_lib.config import ModelConfig
from transformer_lib.layers.feedforward import FeedForward
from transformer_lib.layers.masks import AttentionMask
from transformer_lib.layers.multihead import MultiHeadAttention
from transformer_lib.layers.normalization import BatchNorm, LayerNorm, make_norm
from transformer_lib.layers.residual import Residual


def make_attention(config: ModelConfig, **window: int | bool | None) -> MultiHeadAttention:
    """Build the attention that a configuration describes; the three uses differ in their window."""
    return MultiHeadAttention(
        config.d_model,
        config.n_heads,
        config.d_k,
        config.d_v,
        config.attention_dropout,
        **window,
    )


def make_residual(config: ModelConfig) -> Residual:
    """Build the residual connection that a configuration describes."""
    return Residual(config.d_model, config.dropout, config.norm, config.norm_order)


def make_final_norm(config: ModelConfig) -> LayerNorm | BatchNorm | None:
    """Build the norm at the end of a stack, which pre-norm needs: no norm follows its last sum."""
    return make_norm(config.norm, config.d_model) if config.norm_order == "pre" else None


class EncoderLayer(nn.Module):
    """Self-attention, then the feed-forward network, each inside a residual connection."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.self_attention = make_attention(config, window=config.window)
        self.feed_forward = FeedForward(config.d_model, config.d_ff, config.ff_dropout)
        self.residuals = nn.ModuleList(make_residual(config) for _ in range(2))

    def forward(
        self,
        x: Float[Tensor, "B S D"],
        mask: AttentionMask | None = None,
        real: Bool[Tensor, "B S"] | None = None,
        need_weights: bool = False,
    ) -> tuple[Float[Tensor, "B S D"], Float[Tensor, "B H S S"] | None]:
        """Return the new vectors and, if asked for, the attention weights."""
        around_attention, around_ff = self.residuals
        normed = around_attention.enter(x, real)
        attended = self.self_attention(normed, normed, mask, need_weights=need_weights)
        x = around_attention.leave(x, attended.output, real)
        return around_ff(x, self.feed_forward, real), attended.weights


class Encoder(nn.Module):
    """A stack of encoder layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.n_encoder_layers))
        self.final_norm = make_final_norm(config)

    def forward(
        self,
        x: Float[Tensor, "B S D"],
        mask: AttentionMask | None = None,
        real: Bool[Tensor, "B S"] | None = None,
        need_weights: bool = False,
    ) -> tuple[Float[Tensor, "B S D"], tuple[Float[Tensor, "B H S S"] | None, ...]]:
        """Return the memory and each layer's weights (None unless asked for)."""
        weights = []
        for layer in self.layers:
            x, layer_weights = layer(x, mask, real, need_weights)
            weights.append(layer_weights)
        return x if self.final_norm is None else self.final_norm(x, real), tuple(weights)

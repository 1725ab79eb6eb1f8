"""The layers, a file for an idea (sections 3.1 to 3.5).

To be read in this order: `attention`, `masks`, `multihead` and `window` (3.2); `feedforward` (3.3);
`embedding` (3.4); `positional` (3.5); `normalization`, `dropout` and `residual` (3.1, 5.4). What
stands in `fast` computes the same, faster.
"""

from transformer_lib.layers.attention import (
    AdditiveAttention,
    masked_softmax,
    scaled_dot_product_attention,
)
from transformer_lib.layers.dropout import drop
from transformer_lib.layers.embedding import OutputProjection, ScaledEmbedding
from transformer_lib.layers.feedforward import FeedForward
from transformer_lib.layers.masks import (
    AttentionMask,
    causal_mask,
    check_mask_rows,
    padding_mask,
    window_mask,
)
from transformer_lib.layers.multihead import AttentionOutput, KVCache, MultiHeadAttention
from transformer_lib.layers.normalization import BatchNorm, LayerNorm, layer_norm, make_norm
from transformer_lib.layers.positional import (
    LearnedPositions,
    NoPositions,
    SinusoidalPositions,
    sinusoidal_positions,
)
from transformer_lib.layers.residual import Residual
from transformer_lib.layers.window import windowed_attention

__all__ = [
    "AdditiveAttention",
    "AttentionMask",
    "AttentionOutput",
    "BatchNorm",
    "FeedForward",
    "KVCache",
    "LayerNorm",
    "LearnedPositions",
    "MultiHeadAttention",
    "NoPositions",
    "OutputProjection",
    "Residual",
    "ScaledEmbedding",
    "SinusoidalPositions",
    "causal_mask",
    "check_mask_rows",
    "drop",
    "layer_norm",
    "make_norm",
    "masked_softmax",
    "padding_mask",
    "scaled_dot_product_attention",
    "sinusoidal_positions",
    "window_mask",
    "windowed_attention",
]

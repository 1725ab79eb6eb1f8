"""Convolutional sequence-to-sequence (Gehring et al. 2017), which sections 2 and 4 compare with.

Each layer is a convolution with a gate, so a position sees kernel_size neighbours a layer. Every
decoder layer attends to the source.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_lib.config import PAD, ConvS2SConfig
from transformer_lib.layers.attention import masked_softmax
from transformer_lib.layers.masks import AttentionMask
from transformer_lib.layers.positional import LearnedPositions
from transformer_lib.models.base import Seq2SeqModel
from transformer_lib.models.seq2seq import check_tokens, pick

HALF = math.sqrt(0.5)  # a sum of two terms of equal variance, times this, keeps the variance


class ConvS2SState(NamedTuple):
    """The target so far, each layer's last inputs, and the source."""

    tokens: Int[Tensor, "B T"]
    window: Float[Tensor, "B L W D"]  # the last kernel_size - 1 inputs of each layer
    memory: Float[Tensor, "B S D"]
    values: Float[Tensor, "B S D"]
    memory_mask: Bool[Tensor, "B 1 1 S"]

    def reorder(self, index: Int[Tensor, " N"]) -> "ConvS2SState":
        """Return the rows at `index`, in that order."""
        return pick(self, index)


class GatedConvolution(nn.Module):
    """A convolution to 2 * d_model channels, half of which gate the other half.

    It pads nothing: the caller brings kernel_size - 1 positions more than it wants back.
    """

    def __init__(self, d_model: int, kernel_size: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(d_model, 2 * d_model, kernel_size)

    def forward(self, x: Float[Tensor, "B N D"]) -> Float[Tensor, "B T D"]:
        """Return one vector for each window of kernel_size positions."""
        return F.glu(self.convolution(x.transpose(1, 2)), dim=1).transpose(1, 2)


class ConvDecoderLayer(nn.Module):
    """A gated convolution over the past, then attention to the source."""

    def __init__(self, d_model: int, kernel_size: int) -> None:
        super().__init__()
        self.convolution = GatedConvolution(d_model, kernel_size)
        self.w_q = nn.Linear(d_model, d_model)
        self.w_o = nn.Linear(d_model, d_model)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        past: Float[Tensor, "B W D"],
        embedded: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B S D"],
        values: Float[Tensor, "B S D"],
        mask: AttentionMask,
    ) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B 1 T S"]]:
        """Read T positions, given the inputs just before them; return vectors and weights."""
        hidden = self.convolution(torch.cat([past, x], dim=1))
        query = (self.w_q(hidden) + embedded) * HALF
        weights = masked_softmax((query @ memory.transpose(1, 2))[:, None], mask)
        hidden = (hidden + self.w_o(weights[:, 0] @ values)) * HALF
        return (hidden + x) * HALF, weights


class ConvSeq2Seq(Seq2SeqModel):
    """A `Seq2Seq` model made of convolutions, with learned positions and attention in every layer.

    Raises:
        ValueError: the kernel size is even, so that an encoder window would have no centre.
    """

    def __init__(self, config: ConvS2SConfig) -> None:
        super().__init__(config)
        d_model, size = config.d_model, config.kernel_size
        if size % 2 == 0:
            raise ValueError(f"kernel_size = {size} is even; make it odd, so that it has a centre")
        self.src_positions = LearnedPositions(config.max_length, d_model)
        self.tgt_positions = LearnedPositions(config.max_length, d_model)
        self.encoder_layers = nn.ModuleList(
            GatedConvolution(d_model, size) for _ in range(config.n_encoder_layers)
        )
        self.decoder_layers = nn.ModuleList(
            ConvDecoderLayer(d_model, size) for _ in range(config.n_decoder_layers)
        )

    def read_source(
        self, src: Int[Tensor, "B S"]
    ) -> tuple[Float[Tensor, "B S D"], Float[Tensor, "B S D"]]:
        """Return the encoder's vectors (keys), and their mean with the embeddings (values)."""
        check_tokens("src", src, self.vocab_size)
        embedded = self.drop(self.src_positions(self.src_embedding(src)))
        real = src.ne(PAD)[..., None]
        x, side = embedded, self.config.kernel_size // 2
        for convolution in self.encoder_layers:
            x = x * real  # padding looks like the edge of the sentence
            x = (convolution(F.pad(self.drop(x), (0, 0, side, side))) + x) * HALF
        return x, (x + embedded) * HALF

    def start(self, src: Int[Tensor, "B S"]) -> ConvS2SState:
        """Read the source and begin with an empty target."""
        memory, values = self.read_source(src)
        shape = len(self.decoder_layers), self.config.kernel_size - 1, self.config.d_model
        window = memory.new_zeros(src.size(0), *shape)
        return ConvS2SState(src[:, :0], window, memory, values, self.source_mask(src))

    def read_target(
        self, tgt: Int[Tensor, "B T"], state: ConvS2SState
    ) -> tuple[Float[Tensor, "B T D"], ConvS2SState, tuple[Float[Tensor, "B 1 T S"], ...]]:
        """Read target tokens from a state on: hidden states, the new state, attention weights."""
        embedded = self.tgt_positions(self.tgt_embedding(tgt), start=state.tokens.size(1))
        x = embedded = self.drop(embedded)
        windows, weights = [], []
        for layer, past in zip(self.decoder_layers, state.window.unbind(1), strict=True):
            x = self.drop(x)
            windows.append(torch.cat([past, x], dim=1)[:, x.size(1) :])
            x, seen = layer(x, past, embedded, state.memory, state.values, state.memory_mask)
            weights.append(seen)
        tokens = torch.cat([state.tokens, tgt], dim=1)
        new = state._replace(tokens=tokens, window=torch.stack(windows, dim=1))
        return self.drop(x), new, tuple(weights)

"""Embeddings and the output projection, which share one matrix (section 3.4)."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_lib.settings import require_positive


class ScaledEmbedding(nn.Module):
    """A vector for each token, multiplied by sqrt(d_model).

    Entries start with variance 1 / d_model, so that scaled vectors have entries of variance 1 and
    the logits of a tied output stay moderate.

    Raises:
        ValueError: a size is below 1.
    """

    def __init__(self, vocab_size: int, d_model: int) -> None:
        super().__init__()
        require_positive(vocab_size=vocab_size, d_model=d_model)
        self.weight = nn.Parameter(torch.randn(vocab_size, d_model) / math.sqrt(d_model))

    def forward(self, tokens: Int[Tensor, "*B T"]) -> Float[Tensor, "*B T D"]:
        """Look the tokens up."""
        return F.embedding(tokens, self.weight) * math.sqrt(self.weight.size(1))


class OutputProjection(nn.Module):
    """Logits: the dot product of a hidden state with every token's vector.

    The paper lets it share the embedding's matrix: set `output.weight = embedding.weight`.

    Raises:
        ValueError: a size is below 1.
    """

    def __init__(self, vocab_size: int, d_model: int) -> None:
        super().__init__()
        self.weight = ScaledEmbedding(vocab_size, d_model).weight

    def forward(self, hidden: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
        """Project onto the vocabulary; softmax is the caller's."""
        return F.linear(hidden, self.weight)

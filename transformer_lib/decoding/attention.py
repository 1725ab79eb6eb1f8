"""Where the decoder looked while it wrote: one forward pass over the finished output."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transformer_lib.config import BOS
from transformer_lib.decoding.hypothesis import Hypothesis, check_search
from transformer_lib.models.seq2seq import Seq2Seq


@torch.no_grad()
def cross_attention(
    model: Seq2Seq, src: Int[Tensor, " S"], hypothesis: Hypothesis
) -> tuple[Float[Tensor, "H T S"], ...]:
    """Return the cross-attention weights of one output, one tensor for each decoder layer.

    Row t of a head is where it looked when the model predicted `hypothesis.tokens[t]`.

    Args:
        model: in eval mode.
        src: one source sentence, ending in EOS.
        hypothesis: what `greedy` or `beam_search` returned for it.

    Raises:
        ValueError: the model has no cross-attention to show.
    """
    check_search(model, src[None])
    tgt = torch.tensor([[BOS, *hypothesis.tokens[:-1]]], device=src.device)
    weights = model(src[None], tgt, returns="all").cross_weights
    if not weights:
        raise ValueError("this model has no cross-attention, so there is nothing to show")
    return tuple(layer[0] for layer in weights)

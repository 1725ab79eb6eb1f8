"""What training minimises: label-smoothed cross-entropy, summed over target tokens (5.4).

Training takes it from `fast.loss`, which never holds the logits of a whole batch.
"""

from typing import NamedTuple

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from transformer_lib.config import PAD


class TokenLoss(NamedTuple):
    """Two sums over the same target tokens, in nats. Divide by their number for the mean."""

    loss: Float[Tensor, ""]  # smoothed: what is minimised
    nll: Float[Tensor, ""]  # not smoothed: exp of its mean is the perplexity


def token_nll(
    logits: Float[Tensor, "N V"], targets: Int[Tensor, " N"], smoothing: float = 0.0
) -> TokenLoss:
    """Sum the cross-entropy of the targets that are not PAD.

    Smoothing asks for probability 1 - smoothing + smoothing / V on the right token and
    smoothing / V on each other one. That is torch's definition; others spread it over the V - 1
    wrong tokens, or leave out PAD too.

    A sum and not a mean: only the caller knows how many tokens the whole update holds, over all
    micro-batches and processes.
    """
    log_probs = logits.log_softmax(dim=-1)
    nll = F.nll_loss(log_probs, targets, ignore_index=PAD, reduction="sum")
    if smoothing == 0.0:
        return TokenLoss(nll, nll)
    # Cross-entropy against the uniform distribution, one number per token.
    uniform = -log_probs.mean(dim=-1).masked_fill(targets == PAD, 0.0).sum()
    return TokenLoss((1.0 - smoothing) * nll + smoothing * uniform, nll)

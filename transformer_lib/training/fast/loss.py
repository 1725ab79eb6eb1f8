"""The loss from hidden states, a few rows of logits at a time.

With thousands of pieces and a small model the logits are the largest tensors of all. Here they
never exist together: a cache-sized slice is made, used and forgotten. The plain form is
`training.loss.token_nll(hidden @ weight.T, targets, smoothing)`. PyTorch has the same loss as
`torch.nn.functional.linear_cross_entropy` (2.13); with label smoothing it makes all logits.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from transformer_lib.config import PAD
from transformer_lib.training.loss import TokenLoss

ROWS = 64  # positions come in multiples of it; see `layers.fast.linear` for the reason
# About how many bytes of logits to compute at a time: on a CPU as many as its cache holds.
BYTES_AT_ONCE = {"cpu": 2**22, "cuda": 2**30, "mps": 2**28}


def projected_nll(
    hidden: Float[Tensor, "N D"],
    weight: Float[Tensor, "V D"],
    targets: Int[Tensor, " N"],
    smoothing: float = 0.0,
) -> TokenLoss:
    """Return `token_nll(hidden @ weight.T, targets, smoothing)`; only `loss` has a gradient.

    Logits, probabilities and their gradient have the type of `hidden`; what is summed over tokens
    is float32 or better.

    Args:
        hidden: the decoder's states.
        weight: the vectors of the vocabulary.
        targets: what the N positions should predict; PAD does not count.
        smoothing: as in `token_nll`.
    """
    return TokenLoss(*ProjectedLoss.apply(hidden, weight, targets, smoothing))


def rows_at_once(hidden: Float[Tensor, "N D"], weight: Float[Tensor, "V D"]) -> int:
    """Return of how many positions the logits are computed at a time.

    Of D at least: each time a gradient of V times D numbers is added up, which should cost no more
    than the logits themselves.
    """
    row = len(weight) * hidden.element_size()
    n_rows = max(BYTES_AT_ONCE[hidden.device.type] // row, hidden.size(-1))
    return n_rows // ROWS * ROWS or n_rows


class ProjectedLoss(torch.autograd.Function):
    """`projected_nll`, which computes its gradient on the way, while the logits are at hand.

    The loss of a token is its negative log-likelihood, plus smoothing times how far its logit lies
    above the mean logit. The mean logit is a product with the mean vector: it needs no logits.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Float[Tensor, "N D"],
        weight: Float[Tensor, "V D"],
        targets: Int[Tensor, " N"],
        smoothing: float,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return the loss and the likelihood."""
        n_targets, to_fill = len(targets), -len(targets) % ROWS
        hidden = F.pad(hidden, (0, 0, 0, to_fill))
        targets = F.pad(targets, (0, to_fill), value=PAD)
        counts = targets.ne(PAD).to(hidden.dtype)  # whether a row counts: 1 or 0
        counted, cast, mean = hidden * counts[:, None], weight.to(hidden.dtype), weight.mean(dim=0)
        d_hidden, d_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        figures = weight.new_empty(2, len(targets))
        n_rows = rows_at_once(hidden, weight)
        for start in range(0, len(targets), n_rows):
            rows = slice(start, start + n_rows)
            logits = F.linear(hidden[rows], cast)
            figures[:, rows], d_logits = figures_and_gradient(logits, targets[rows], smoothing)
            d_hidden[rows] = d_logits @ cast
            d_weight += d_logits.T @ counted[rows]
        nll, logit = figures
        loss = nll + smoothing * (logit - hidden.to(mean.dtype) @ mean)
        # Of the mean logit's gradient, what `figures_and_gradient` rounded away.
        rest = smoothing / len(weight) - rounded_floor(smoothing, len(weight), hidden.dtype)
        d_hidden = (d_hidden - rest * len(weight) * mean.to(hidden.dtype)) * counts[:, None]
        d_weight -= rest * counted.to(weight.dtype).sum(dim=0)
        ctx.save_for_backward(d_hidden[:n_targets], d_weight)
        loss, nll = (torch.stack([loss, nll]) * counts).sum(dim=1).unbind()
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(
        ctx: Any, d_loss: Float[Tensor, ""], _: Tensor | None
    ) -> tuple[Float[Tensor, "N D"], Float[Tensor, "V D"], None, None]:
        """Scale the gradients that `forward` found."""
        d_hidden, d_weight = ctx.saved_tensors
        return d_hidden * d_loss.to(d_hidden.dtype), d_weight * d_loss, None, None


def figures_and_gradient(
    logits: Float[Tensor, "N V"], targets: Int[Tensor, " N"], smoothing: float
) -> tuple[Float[Tensor, "2 N"], Float[Tensor, "N V"]]:
    """Return two figures of each row, and the gradient of a sum of them by the logits.

    They are the negative log-likelihood (of a target less likely than e^-87 it is 87) and the
    target's logit. The sum is nll + smoothing * logit - floor * the sum of the logits, with the
    floor of `rounded_floor`. Its gradient is what the model predicts minus what is wanted:
    softmax(logits) - (1 - smoothing) onehot(target) - floor. Whether a row counts is the caller's
    matter.
    """
    precise = torch.promote_types(logits.dtype, torch.float32)
    at_target = torch.arange(len(targets), device=targets.device), targets
    gradient = logits.softmax(dim=-1)
    likelihood, logit = gradient[at_target].to(precise), logits[at_target]
    # Taken away before the products: a trained model gives most wrong tokens nearly this, and what
    # is left of their gradients would drown in the rounding of the rest.
    floor = rounded_floor(smoothing, logits.size(-1), logits.dtype)
    gradient -= floor
    # In bfloat16 the 0.9 of a smoothing of 0.1 would be rounded before it is taken away.
    gradient[at_target] = (likelihood - (1.0 - smoothing) - floor).to(gradient.dtype)
    nll = -likelihood.clamp_min(torch.finfo(logits.dtype).tiny).log()
    return torch.stack([nll, logit.to(precise)]), gradient


def rounded_floor(smoothing: float, n_pieces: int, dtype: torch.dtype) -> float:
    """Return the probability that smoothing wants of each wrong token, as `dtype` rounds it."""
    return torch.tensor(smoothing / n_pieces, dtype=dtype, device="cpu").item()

"""What training minimises: label-smoothed cross-entropy, summed over target tokens (5.4)."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from transformer_lib.config import PAD

ROWS = 64  # positions come in multiples of it; see `layers.linear.SplitLinear` for the reason
# About how many bytes of logits to compute at a time: on a CPU as many as its cache holds.
BYTES_AT_ONCE = {"cpu": 2**22, "cuda": 2**30, "mps": 2**28}


def rows_at_once(hidden: Float[Tensor, "P N D"], weight: Float[Tensor, "V D"]) -> int:
    """Return of how many positions `projected_nll` computes the logits at a time.

    Of D at least: each time a gradient of V times D numbers is added up, which should cost no more
    than the logits themselves.
    """
    n_passes, _, width = hidden.shape
    row = n_passes * len(weight) * hidden.element_size()
    n_rows = max(BYTES_AT_ONCE[hidden.device.type] // row, width)
    return n_rows // ROWS * ROWS or n_rows


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


def projected_nll(
    hidden: Float[Tensor, "P N D"],
    weight: Float[Tensor, "V D"],
    targets: Int[Tensor, " N"],
    smoothing: float = 0.0,
    consistency: float = 0.0,
) -> TokenLoss:
    """Return `token_nll(hidden @ weight.T, targets, smoothing)`, a few rows of logits at a time.

    With thousands of pieces and a small model the logits are the largest tensors of all. Here they
    never exist together, and only `loss` has a gradient. Logits, probabilities and their
    gradient have the type of `hidden`; what is summed over tokens is float32 or better.

    Args:
        hidden: the states of P passes over the same tokens, which differ in their dropout.
        weight: the vectors of the vocabulary.
        targets: what the N positions should predict.
        smoothing: as in `token_nll`.
        consistency: with two passes, add to each token's loss so many times the mean of the two
            divergences between what they predict (R-Drop, Liang et al. 2021; not in the paper).

    Returns:
        The sums over the tokens, as means over the passes.
    """
    return TokenLoss(*ProjectedLoss.apply(hidden, weight, targets, smoothing, consistency))


class ProjectedLoss(torch.autograd.Function):
    """`projected_nll`, which computes its gradient on the way, while the logits are at hand.

    The loss of a token is its negative log-likelihood, plus smoothing times how far its logit lies
    above the mean logit. The mean logit is a product with the mean vector: it needs no logits.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Float[Tensor, "P N D"],
        weight: Float[Tensor, "V D"],
        targets: Int[Tensor, " N"],
        smoothing: float,
        consistency: float,
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """Return the loss and the likelihood."""
        (n_passes, n_targets, _), to_fill = hidden.shape, -len(targets) % ROWS
        hidden = F.pad(hidden, (0, 0, 0, to_fill))
        targets = F.pad(targets, (0, to_fill), value=PAD)
        share = targets.ne(PAD).to(hidden.dtype)[:, None] / n_passes  # of each row in the sums
        counted, cast, mean = hidden * share, weight.to(hidden.dtype), weight.mean(dim=0)
        d_hidden, d_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        figures = weight.new_empty(3, n_passes, len(targets))
        n_rows = rows_at_once(hidden, weight)
        for start in range(0, len(targets), n_rows):
            rows = slice(start, start + n_rows)
            logits = F.linear(hidden[:, rows].flatten(0, 1), cast).unflatten(0, (n_passes, -1))
            figures[:, :, rows], d_logits = figures_and_gradient(
                logits, targets[rows], smoothing, consistency
            )
            d_logits = d_logits.flatten(0, 1)
            d_hidden[:, rows] = (d_logits @ cast).unflatten(0, (n_passes, -1))
            d_weight += d_logits.T @ counted[:, rows].flatten(0, 1)
        nll, logit, divergence = figures
        mean_logit = hidden.to(mean.dtype) @ mean
        loss = nll + smoothing * (logit - mean_logit) + consistency * divergence
        # Of the mean logit's gradient, what `figures_and_gradient` rounded away.
        rest = smoothing / len(weight) - rounded_floor(smoothing, len(weight), hidden.dtype)
        d_hidden = (d_hidden - rest * len(weight) * mean.to(hidden.dtype)) * share
        d_weight -= rest * counted.to(weight.dtype).sum(dim=(0, 1))
        ctx.save_for_backward(d_hidden[:, :n_targets], d_weight)
        loss, nll = (torch.stack([loss, nll]) * share[:, 0]).sum(dim=(1, 2)).unbind()
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(
        ctx: Any, d_loss: Float[Tensor, ""], _: Tensor | None
    ) -> tuple[Float[Tensor, "P N D"], Float[Tensor, "V D"], None, None, None]:
        """Scale the gradients that `forward` found."""
        d_hidden, d_weight = ctx.saved_tensors
        return d_hidden * d_loss.to(d_hidden.dtype), d_weight * d_loss, None, None, None


def figures_and_gradient(
    logits: Float[Tensor, "P N V"],
    targets: Int[Tensor, " N"],
    smoothing: float,
    consistency: float,
) -> tuple[Float[Tensor, "3 P N"], Float[Tensor, "P N V"]]:
    """Return three figures of each row, and the gradient of a sum of them by the logits.

    They are the negative log-likelihood (of a target less likely than e^-87 it is 87), the target's
    logit, and the divergence between the passes. The sum is nll + smoothing * logit + consistency *
    divergence - floor * the sum of the logits, with the floor of `rounded_floor`. The gradient of
    all but the divergence is what the model predicts minus what is wanted: softmax(logits) -
    (1 - smoothing) onehot(target) - floor. Whether a row counts is the caller's matter.
    """
    precise = torch.promote_types(logits.dtype, torch.float32)
    at_target = (..., torch.arange(len(targets), device=targets.device), targets)
    gradient = logits.softmax(dim=-1)
    likelihood, logit = gradient[at_target].to(precise), logits[at_target]
    # Taken away before the products: a trained model gives most wrong tokens nearly this, and what
    # is left of their gradients would drown in the rounding of the rest.
    floor = rounded_floor(smoothing, logits.size(-1), logits.dtype)
    gradient -= floor
    # In bfloat16 the 0.9 of a smoothing of 0.1 would be rounded before it is taken away.
    gradient[at_target] = (likelihood - (1.0 - smoothing) - floor).to(gradient.dtype)
    divergence = torch.zeros_like(logit)
    if consistency:
        log_p, log_q = logits.to(precise).log_softmax(dim=-1)
        both, d_divergence = divergence_and_gradient(log_p, log_q)
        divergence = both.expand_as(logit)
        gradient.add_(d_divergence, alpha=consistency * len(logits))
    nll = -likelihood.clamp_min(torch.finfo(logits.dtype).tiny).log()
    return torch.stack([nll, logit.to(precise), divergence.to(precise)]), gradient


def rounded_floor(smoothing: float, n_pieces: int, dtype: torch.dtype) -> float:
    """Return the probability that smoothing wants of each wrong token, as `dtype` rounds it."""
    return torch.tensor(smoothing / n_pieces, dtype=dtype, device="cpu").item()


def divergence_and_gradient(
    log_p: Float[Tensor, "N V"], log_q: Float[Tensor, "N V"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, "2 N V"]]:
    """Return (KL(p || q) + KL(q || p)) / 2 of each row, and its gradient by both rows of logits."""
    p, q, ratio = log_p.exp(), log_q.exp(), log_p - log_q
    p_to_q, q_to_p = (p * ratio).sum(dim=-1), -(q * ratio).sum(dim=-1)
    d_p = p * (ratio - p_to_q[:, None]) + p - q
    d_q = q * (-ratio - q_to_p[:, None]) + q - p
    return (p_to_q + q_to_p) / 2, torch.stack([d_p, d_q]) / 2

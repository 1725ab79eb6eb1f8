"""What training minimises: label-smoothed cross-entropy, summed over target tokens (5.4)."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from transformer_lib.config import PAD

# About how many logits to compute at a time: on a CPU as many as its cache holds.
LOGITS_AT_ONCE = {"cpu": 2**20, "cuda": 2**28, "mps": 2**26}


def rows_at_once(hidden: Float[Tensor, "P N D"], weight: Float[Tensor, "V D"]) -> int:
    """Return of how many positions `projected_nll` computes the logits at a time.

    Of D at least: each time a gradient of V times D numbers is added up, which should cost no more
    than the logits themselves.
    """
    n_passes, _, width = hidden.shape
    return max(LOGITS_AT_ONCE[hidden.device.type] // (n_passes * len(weight)), width)


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
    never exist together, and only `loss` has a gradient. The product is taken in the type of
    `hidden`, everything after it in float32 or better.

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
    """`projected_nll`, which computes its gradient on the way, while the logits are at hand."""

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
        precise = torch.promote_types(hidden.dtype, torch.float32)
        cast, d_hidden = weight.to(hidden.dtype), torch.empty_like(hidden)
        d_weight, sums = torch.zeros_like(weight), hidden.new_zeros(2, dtype=precise)
        n_rows = rows_at_once(hidden, weight)
        share = targets.ne(PAD).to(hidden.dtype)[:, None] / len(hidden)  # of each row in the sums
        for start in range(0, len(targets), n_rows):
            rows = slice(start, start + n_rows)
            states = hidden[:, rows].flatten(0, 1)
            logits = F.linear(states, cast).to(precise).unflatten(0, (len(hidden), -1))
            some, d_logits = loss_and_gradient(logits, targets[rows], smoothing, consistency)
            d_logits = d_logits.to(hidden.dtype).flatten(0, 1)
            sums += some
            d_hidden[:, rows] = (d_logits @ cast).unflatten(0, (len(hidden), -1)) * share[rows]
            d_weight += d_logits.T @ (hidden[:, rows] * share[rows]).flatten(0, 1)
        ctx.save_for_backward(d_hidden, d_weight)
        loss, nll = sums.unbind()
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(
        ctx: Any, d_loss: Float[Tensor, ""], _: Tensor | None
    ) -> tuple[Float[Tensor, "P N D"], Float[Tensor, "V D"], None, None, None]:
        """Scale the gradients that `forward` found."""
        d_hidden, d_weight = ctx.saved_tensors
        return d_hidden * d_loss.to(d_hidden.dtype), d_weight * d_loss, None, None, None


def loss_and_gradient(
    logits: Float[Tensor, "P N V"],
    targets: Int[Tensor, " N"],
    smoothing: float,
    consistency: float,
) -> tuple[Float[Tensor, "2"], Float[Tensor, "P N V"]]:
    """Return loss and likelihood, summed over the tokens, and the gradient of each row's loss.

    The gradient of the cross-entropy is what the model predicts minus what is wanted:
    softmax(logits) - (1 - smoothing) onehot(target) - smoothing / V. Rows whose target is PAD, and
    the mean over the passes, are the caller's: it has smaller tensors to multiply.
    """
    n_passes, vocab_size = logits.size(0), logits.size(-1)
    log_probs, real = logits.log_softmax(dim=-1), targets.ne(PAD)
    index = targets.expand(n_passes, -1)[..., None]
    nll = -log_probs.gather(-1, index)[..., 0].mean(dim=0).mul(real).sum()
    uniform = -log_probs.mean(dim=-1).mean(dim=0).mul(real).sum()
    loss = (1.0 - smoothing) * nll + smoothing * uniform
    d_divergence = None
    if consistency:
        divergence, d_divergence = divergence_and_gradient(*log_probs)
        loss = loss + consistency * divergence.mul(real).sum()
    gradient = log_probs.exp_().sub_(smoothing / vocab_size)
    gradient.scatter_add_(-1, index, gradient.new_full(index.shape, smoothing - 1.0))
    if d_divergence is not None:
        gradient.add_(d_divergence, alpha=consistency * n_passes)
    return torch.stack([loss, nll]), gradient


def divergence_and_gradient(
    log_p: Float[Tensor, "N V"], log_q: Float[Tensor, "N V"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, "2 N V"]]:
    """Return (KL(p || q) + KL(q || p)) / 2 of each row, and its gradient by both rows of logits."""
    p, q, ratio = log_p.exp(), log_q.exp(), log_p - log_q
    p_to_q, q_to_p = (p * ratio).sum(dim=-1), -(q * ratio).sum(dim=-1)
    d_p = p * (ratio - p_to_q[:, None]) + p - q
    d_q = q * (-ratio - q_to_p[:, None]) + q - p
    return (p_to_q + q_to_p) / 2, torch.stack([d_p, d_q]) / 2

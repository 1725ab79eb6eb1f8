"""Read each batch twice, and make the two predictions agree (R-Drop, Liang et al. 2021).

Not in the paper. The two readings differ in their dropout. To the loss of each token comes
`train.consistency` times the mean of the two divergences between what they predict. All of it is
here: a training without it does not know that it exists.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_lib.config import PAD, TrainConfig
from transformer_lib.data.batching import Batch
from transformer_lib.models.seq2seq import Seq2Seq
from transformer_lib.training.fast.loss import projected_nll, rows_at_once
from transformer_lib.training.loss import TokenLoss
from transformer_lib.training.update import hidden_states, without_target


def add_gradient(
    wrapped: nn.Module,
    model: Seq2Seq,
    config: TrainConfig,
    device: torch.device,
    batch: Batch,
    weight: Float[Tensor, ""],
) -> Float[Tensor, "2"]:
    """Do what `update.add_gradient` does, with two readings of the batch in one forward pass."""
    hidden, targets = hidden_states(wrapped, twice(batch), config.precision, device)
    n = len(targets) // 2
    loss, nll = consistent_nll(
        hidden.unflatten(0, (2, n)), model.token_vectors, targets[:n], config.label_smoothing,
        config.consistency,
    )  # fmt: skip
    (loss * weight).backward()
    return torch.stack([loss, nll]).detach()


def twice(batch: Batch) -> Batch:
    """Return the batch, and below it the same pairs again."""
    batch = batch if len(batch.tgt_out) else without_target(batch)
    src, tgt_in, tgt_out = (ids.repeat(2, 1) for ids in batch[:3])
    return batch._replace(src=src, tgt_in=tgt_in, tgt_out=tgt_out)


def consistent_nll(
    hidden: Float[Tensor, "2 N D"],
    weight: Float[Tensor, "V D"],
    targets: Int[Tensor, " N"],
    smoothing: float,
    consistency: float,
) -> TokenLoss:
    """Return the mean loss of two readings, plus `consistency` times how far they differ."""
    loss, nll = projected_nll(hidden.flatten(0, 1), weight, targets.repeat(2), smoothing)
    apart = Divergence.apply(hidden, weight, targets.ne(PAD))
    return TokenLoss(loss / 2 + consistency * apart, nll / 2)


class Divergence(torch.autograd.Function):
    """The sum over tokens of (KL(p || q) + KL(q || p)) / 2, a few rows of logits at a time.

    As in `fast.loss`, the gradient is computed on the way.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Float[Tensor, "2 N D"],
        weight: Float[Tensor, "V D"],
        counts: Bool[Tensor, " N"],
    ) -> Float[Tensor, ""]:
        """Return the sum over the tokens that count."""
        cast, precise = weight.to(hidden.dtype), torch.promote_types(hidden.dtype, torch.float32)
        d_hidden, d_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        total, n_rows = weight.new_zeros(()), rows_at_once(hidden[0], weight)
        for start in range(0, len(counts), n_rows):
            rows = slice(start, start + n_rows)
            log_probs = F.linear(hidden[:, rows], cast).to(precise).log_softmax(dim=-1)
            divergence, d_logits = divergence_and_gradient(*log_probs)
            total += (divergence * counts[rows]).sum()
            d_logits = (d_logits * counts[rows, None]).to(hidden.dtype)
            d_hidden[:, rows] = d_logits @ cast
            d_weight += d_logits.flatten(0, 1).T @ hidden[:, rows].flatten(0, 1)
        ctx.save_for_backward(d_hidden, d_weight)
        return total

    @staticmethod
    def backward(
        ctx: Any, d_total: Float[Tensor, ""]
    ) -> tuple[Float[Tensor, "2 N D"], Float[Tensor, "V D"], None]:
        """Scale the gradients that `forward` found."""
        d_hidden, d_weight = ctx.saved_tensors
        return d_hidden * d_total.to(d_hidden.dtype), d_weight * d_total, None


def divergence_and_gradient(
    log_p: Float[Tensor, "N V"], log_q: Float[Tensor, "N V"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, "2 N V"]]:
    """Return (KL(p || q) + KL(q || p)) / 2 of each row, and its gradient by both rows of logits."""
    p, q, ratio = log_p.exp(), log_q.exp(), log_p - log_q
    p_to_q, q_to_p = (p * ratio).sum(dim=-1), -(q * ratio).sum(dim=-1)
    d_p = p * (ratio - p_to_q[:, None]) + p - q
    d_q = q * (-ratio - q_to_p[:, None]) + q - p
    return (p_to_q + q_to_p) / 2, torch.stack([d_p, d_q]) / 2

"""Label smoothing against its formula and against torch."""

import math

import pytest
import torch
import torch.nn.functional as F

from transformer_lib.config import PAD
from transformer_lib.training.loss import token_nll


def example(n: int = 40, v: int = 11) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and targets, a quarter of them padding."""
    targets = torch.randint(1, v, (n,))
    targets[::4] = PAD
    return torch.randn(n, v, dtype=torch.float64, requires_grad=True), targets


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_values_and_gradients_equal_torch(smoothing):
    logits, targets = example()
    expected = F.cross_entropy(
        logits, targets, ignore_index=PAD, reduction="sum", label_smoothing=smoothing
    )
    ours = token_nll(logits, targets, smoothing).loss
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (ours, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-14)


def test_it_is_the_cross_entropy_against_the_smoothed_distribution():
    logits, targets = example(v=7)
    total = 0.0
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        log_sum = math.log(sum(math.exp(x) for x in row))
        for token, x in enumerate(row):
            wanted = 0.1 / 7 + (0.9 if token == target else 0.0)
            total -= wanted * (x - log_sum) * (target != PAD)
    assert token_nll(logits, targets, 0.1).loss.item() == pytest.approx(total, rel=1e-12)


def test_the_likelihood_is_not_smoothed():
    logits, targets = example()
    assert token_nll(logits, targets, 0.3).nll == token_nll(logits, targets, 0.0).loss


def test_padding_never_counts():
    logits, targets = example()
    loud = logits.detach().clone()
    loud[targets == PAD] = 1e3 * torch.randn(int((targets == PAD).sum()), 11, dtype=torch.float64)
    loud.requires_grad_()
    assert token_nll(loud, targets, 0.1).loss.item() == pytest.approx(
        token_nll(logits, targets, 0.1).loss.item(), rel=1e-12
    )
    (gradient,) = torch.autograd.grad(token_nll(loud, targets, 0.1).loss, loud)
    assert not gradient[targets == PAD].any()


def test_padding_alone_costs_nothing_and_gives_no_nan():
    logits = torch.randn(3, 5, requires_grad=True)
    loss, nll = token_nll(logits, torch.full((3,), PAD), 0.1)
    loss.backward()
    assert loss == 0.0
    assert nll == 0.0
    assert not logits.grad.any()


def test_a_sum_does_not_depend_on_how_it_is_split():
    logits, targets = example()
    parts = [token_nll(logits[i : i + 7], targets[i : i + 7], 0.1).loss for i in range(0, 40, 7)]
    assert sum(parts).item() == pytest.approx(token_nll(logits, targets, 0.1).loss.item())


def test_the_best_prediction_under_smoothing_is_not_certainty():
    """The minimum lies at 1 - smoothing + smoothing / V on the right token."""
    v, smoothing = 10, 0.1

    def loss(p: float) -> float:
        probabilities = torch.full((1, v), (1 - p) / (v - 1), dtype=torch.float64)
        probabilities[0, 3] = p
        return token_nll(probabilities.log(), torch.tensor([3]), smoothing).loss.item()

    best = 1 - smoothing + smoothing / v
    assert loss(best) < min(loss(best - 0.01), loss(best + 0.01), loss(0.9999))

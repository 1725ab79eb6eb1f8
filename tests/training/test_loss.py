"""Label smoothing against its formula and against torch."""

import math

import pytest
import torch
import torch.nn.functional as F

from transformer_lib.config import PAD
from transformer_lib.training import loss as loss_module
from transformer_lib.training.loss import projected_nll, token_nll


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


@pytest.mark.parametrize("at_once", [1, 400, 2**21])  # two rows of logits, four, all at a time
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_projected_loss_equals_the_plain_one(monkeypatch, at_once, smoothing):
    monkeypatch.setitem(loss_module.BYTES_AT_ONCE, "cpu", at_once)
    _, targets = example()
    hidden = torch.randn(1, 40, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 2, dtype=torch.float64, requires_grad=True)
    expected = token_nll(hidden[0] @ weight.T, targets, smoothing)
    ours = projected_nll(hidden, weight, targets, smoothing)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)
    gradients = [torch.autograd.grad(3.0 * x.loss, (hidden, weight)) for x in (ours, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("consistency", [0.0, 2.5])
def test_the_projected_loss_has_the_gradient_of_its_values(monkeypatch, consistency):
    monkeypatch.setitem(loss_module.BYTES_AT_ONCE, "cpu", 1)  # two rows, two, and one
    hidden = torch.randn(2, 5, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([1, PAD, 3, 6, 3])
    assert torch.autograd.gradcheck(
        lambda h, w: projected_nll(h, w, targets, 0.1, consistency).loss, (hidden, weight)
    )


def test_half_precision_is_in_the_products_alone():
    _, targets = example(n=400, v=100)
    hidden, weight = torch.randn(1, 400, 16), torch.randn(100, 16, requires_grad=True)
    half = hidden.bfloat16().requires_grad_()
    ours = projected_nll(half, weight, targets, 0.1)
    logits = half[0].float() @ weight.bfloat16().float().T
    assert ours.loss.dtype == torch.float32
    assert ours.loss.item() == pytest.approx(token_nll(logits, targets, 0.1).loss.item(), rel=1e-3)
    ours.loss.backward()
    assert (half.grad.dtype, weight.grad.dtype) == (torch.bfloat16, torch.float32)
    found = half.grad.float(), weight.grad.clone()
    exact, weight.grad = half.detach().float().requires_grad_(), None
    token_nll(exact[0] @ weight.T, targets, 0.1).loss.backward()
    for ours, theirs in zip(found, (exact.grad, weight.grad), strict=True):
        assert (ours - theirs).norm() < 0.01 * theirs.norm()


def test_half_precision_does_not_shrink_the_gradient():
    """Rounded alike for all tokens, the 0.9 of smoothing 0.1 would take 0.2% off."""
    torch.manual_seed(3)
    weight = torch.randn(500, 32).bfloat16().float() / 4
    targets = torch.randint(1, 500, (2_000,))
    hidden = (torch.randn(1, 2_000, 32) + 2 * weight[targets]).bfloat16()
    gradients = []
    for kind in (torch.bfloat16, torch.float64):
        states = hidden.to(kind).requires_grad_()
        vectors = weight.to(torch.promote_types(kind, torch.float32)).requires_grad_()
        loss = projected_nll(states, vectors, targets, 0.1).loss
        gradients.append([g.double() for g in torch.autograd.grad(loss, (states, vectors))])
    for half, exact in zip(*gradients, strict=True):
        assert ((half * exact).sum() / (exact * exact).sum()).item() == pytest.approx(1, abs=5e-4)


def test_half_precision_keeps_what_little_is_left_for_tokens_that_are_no_target():
    """A model that gives them what smoothing wants leaves them a gradient near zero."""
    torch.manual_seed(3)
    targets = torch.randint(1, 20, (2_048,))
    weight = 0.003 * torch.randn(1_000, 32)
    weight[:20] = 0.3 * torch.randn(20, 32)
    weight[:, 0] = 3.6 * (torch.arange(1_000) < 20)
    weight = weight.bfloat16().float()
    hidden = 0.3 * torch.randn(1, 2_048, 32) + weight[targets]
    hidden[..., 0] = 1.5
    hidden = hidden.bfloat16()
    rest = (hidden[0].float() @ weight.T).softmax(dim=-1)[:, 20:].mean().item()
    assert rest == pytest.approx(0.1 / 1_000, rel=0.1)
    gradients = []
    for kind in (torch.bfloat16, torch.float64):
        vectors = weight.to(torch.promote_types(kind, torch.float32)).requires_grad_()
        loss = projected_nll(hidden.to(kind), vectors, targets, 0.1).loss
        gradients.append(torch.autograd.grad(loss, vectors)[0].double()[20:])
    half, exact = gradients
    assert ((half - exact).norm(dim=1) / exact.norm(dim=1)).median() < 0.006


def test_a_target_that_is_out_of_the_question_costs_87_and_its_gradient_is_exact():
    """Likelihoods below the smallest normal number of float32 cannot be told from it."""
    hidden = torch.tensor([[[500.0], [-1.0]]], requires_grad=True)
    weight, targets = torch.tensor([[0.0], [1.0], [0.0]]), torch.tensor([2, 1])
    loss, nll = projected_nll(hidden, weight, targets, 0.1)
    second = math.log(math.exp(-1) + 2) + 1
    assert nll.item() == pytest.approx(87.34 + second, abs=0.01)
    assert math.isfinite(loss.item())
    (gradient,) = torch.autograd.grad(loss, hidden)
    (reference,) = torch.autograd.grad(token_nll((hidden @ weight.T)[0], targets, 0.1).loss, hidden)
    torch.testing.assert_close(gradient, reference)


def test_consistency_adds_the_divergence_between_two_passes():
    _, targets = example()
    hidden, weight = torch.randn(2, 40, 6).double(), torch.randn(11, 6).double()
    logits = hidden @ weight.T
    plain = [token_nll(part, targets, 0.1) for part in logits]
    found = projected_nll(hidden, weight, targets, 0.1, consistency=2.5)
    first, second = (torch.distributions.Categorical(logits=part) for part in logits)
    both_ways = torch.distributions.kl_divergence(first, second)
    both_ways = (both_ways + torch.distributions.kl_divergence(second, first)) / 2
    expected = sum(x.loss for x in plain) / 2 + 2.5 * both_ways[targets != PAD].sum()
    torch.testing.assert_close(found.loss, expected)
    torch.testing.assert_close(found.nll, sum(x.nll for x in plain) / 2)


def test_equal_passes_are_consistent():
    _, targets = example()
    hidden, weight = torch.randn(1, 40, 6).double(), torch.randn(11, 6).double()
    twice = projected_nll(hidden.repeat(2, 1, 1), weight, targets, 0.1, consistency=100.0)
    once = projected_nll(hidden, weight, targets, 0.1)
    torch.testing.assert_close(twice, once)

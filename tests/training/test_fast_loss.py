"""The loss from hidden states against the plain one, and against torch's own."""

import math

import pytest
import torch
import torch.nn.functional as F

from transformer_lib.config import PAD
from transformer_lib.training.fast import loss as fast_loss
from transformer_lib.training.fast.loss import projected_nll
from transformer_lib.training.loss import token_nll


def example(n: int = 40, v: int = 11) -> torch.Tensor:
    """Return targets, a quarter of them padding."""
    targets = torch.randint(1, v, (n,))
    targets[::4] = PAD
    return targets


@pytest.mark.parametrize("at_once", [1, 400, 2**21])  # two rows of logits, four, all at a time
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_projected_loss_equals_the_plain_one(monkeypatch, at_once, smoothing):
    monkeypatch.setitem(fast_loss.BYTES_AT_ONCE, "cpu", at_once)
    targets = example()
    hidden = torch.randn(40, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 2, dtype=torch.float64, requires_grad=True)
    expected = token_nll(hidden @ weight.T, targets, smoothing)
    ours = projected_nll(hidden, weight, targets, smoothing)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)
    gradients = [torch.autograd.grad(3.0 * x.loss, (hidden, weight)) for x in (ours, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)


def test_the_projected_loss_has_the_gradient_of_its_values(monkeypatch):
    monkeypatch.setitem(fast_loss.BYTES_AT_ONCE, "cpu", 1)  # two rows, two, and one
    hidden = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([1, PAD, 3, 6, 3])
    assert torch.autograd.gradcheck(
        lambda h, w: projected_nll(h, w, targets, 0.1).loss, (hidden, weight)
    )


def test_half_precision_is_in_the_products_alone():
    targets = example(n=400, v=100)
    hidden, weight = torch.randn(400, 16), torch.randn(100, 16, requires_grad=True)
    half = hidden.bfloat16().requires_grad_()
    ours = projected_nll(half, weight, targets, 0.1)
    logits = half.float() @ weight.bfloat16().float().T
    assert ours.loss.dtype == torch.float32
    assert ours.loss.item() == pytest.approx(token_nll(logits, targets, 0.1).loss.item(), rel=1e-3)
    ours.loss.backward()
    assert (half.grad.dtype, weight.grad.dtype) == (torch.bfloat16, torch.float32)
    found = half.grad.float(), weight.grad.clone()
    exact, weight.grad = half.detach().float().requires_grad_(), None
    token_nll(exact @ weight.T, targets, 0.1).loss.backward()
    for ours, theirs in zip(found, (exact.grad, weight.grad), strict=True):
        assert (ours - theirs).norm() < 0.01 * theirs.norm()


def test_half_precision_does_not_shrink_the_gradient():
    """Rounded alike for all tokens, the 0.9 of smoothing 0.1 would take 0.2% off."""
    torch.manual_seed(3)
    weight = torch.randn(500, 32).bfloat16().float() / 4
    targets = torch.randint(1, 500, (2_000,))
    hidden = (torch.randn(2_000, 32) + 2 * weight[targets]).bfloat16()
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
    hidden = 0.3 * torch.randn(2_048, 32) + weight[targets]
    hidden[..., 0] = 1.5
    hidden = hidden.bfloat16()
    rest = (hidden.float() @ weight.T).softmax(dim=-1)[:, 20:].mean().item()
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
    hidden = torch.tensor([[500.0], [-1.0]], requires_grad=True)
    weight, targets = torch.tensor([[0.0], [1.0], [0.0]]), torch.tensor([2, 1])
    loss, nll = projected_nll(hidden, weight, targets, 0.1)
    second = math.log(math.exp(-1) + 2) + 1
    assert nll.item() == pytest.approx(87.34 + second, abs=0.01)
    assert math.isfinite(loss.item())
    (gradient,) = torch.autograd.grad(loss, hidden)
    (reference,) = torch.autograd.grad(token_nll(hidden @ weight.T, targets, 0.1).loss, hidden)
    torch.testing.assert_close(gradient, reference)


@pytest.mark.skipif(
    not hasattr(F, "linear_cross_entropy"), reason="torch has linear_cross_entropy since 2.13"
)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_projected_loss_equals_torchs(smoothing):
    targets = example(v=30)
    hidden = torch.randn(40, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(30, 6, dtype=torch.float64, requires_grad=True)
    expected = F.linear_cross_entropy(
        hidden, weight, targets, reduction="sum", ignore_index=PAD, label_smoothing=smoothing
    )
    ours = projected_nll(hidden, weight, targets, smoothing).loss
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=0)
    gradients = [torch.autograd.grad(loss, (hidden, weight)) for loss in (ours, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)

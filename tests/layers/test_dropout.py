"""Dropout, plain and fast, by counting."""

import math

import pytest
import torch

from transformer_lib.layers import dropout, fast

N = 400_000
plain_and_fast = pytest.mark.parametrize("drop", [dropout.drop, fast.drop], ids=["plain", "fast"])


@plain_and_fast
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.999])
def test_the_share_dropped_is_the_rate(drop, rate):
    dropped = (drop(torch.ones(N), rate, training=True) == 0).double().mean().item()
    assert abs(dropped - rate) < 5 * math.sqrt(rate * (1 - rate) / N)


@plain_and_fast
def test_entries_are_dropped_independently_of_their_neighbours(drop):
    dropped = (drop(torch.ones(N), 0.3, training=True) == 0).double()
    for distance in (1, 2, 3, 4, 8):
        both = (dropped[distance:] * dropped[:-distance]).mean().item()
        assert abs(both - 0.09) < 5 * math.sqrt(0.09 * 0.91 / N)


@plain_and_fast
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_survivors_are_divided_by_what_is_kept(drop, dtype):
    x = torch.randn(7, 11, 13, dtype=dtype)
    found = drop(x, 0.1, training=True)
    kept = found != 0
    torch.testing.assert_close(found[kept], x[kept] / 0.9, rtol=1e-6, atol=0)
    assert found.dtype == dtype


@plain_and_fast
def test_bfloat16_rounds_values_but_not_the_factor(drop):
    """1 / 0.7 itself would become 1.4297, 0.08% too much, and every mean with it."""
    x = torch.rand(300, 300).bfloat16()
    found = drop(x, 0.3, training=True)
    assert found.dtype == torch.bfloat16
    kept = found != 0
    exact = x[kept].double() / 0.7
    torch.testing.assert_close(found[kept].double(), exact, rtol=2**-8, atol=0)
    assert found[kept].double().sum().item() == pytest.approx(exact.sum().item(), rel=1e-4)


@plain_and_fast
def test_the_gradient_goes_where_the_values_went(drop):
    x = torch.randn(50, 50, dtype=torch.float64, requires_grad=True)
    found = drop(x, 0.4, training=True)
    (gradient,) = torch.autograd.grad(found.sum(), x)
    torch.testing.assert_close(gradient, (found != 0).double() / 0.6, rtol=1e-7, atol=0)


@plain_and_fast
def test_nothing_happens_outside_training_or_at_rate_0(drop):
    x = torch.randn(3, 3)
    assert drop(x, 0.5, training=False) is x
    assert drop(x, 0.0, training=True) is x


@plain_and_fast
def test_the_seed_decides(drop):
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(drop(torch.ones(1001), 0.5, training=True))
    assert masks[0].equal(masks[1])
    assert not masks[0].equal(masks[2])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_added_to_another_tensor_it_is_the_same_sum_with_the_same_gradients(dtype):
    x, output, d_sum = torch.randn(3, 30, 50, dtype=dtype).unbind()
    exact = x.double().requires_grad_(), output.double().requires_grad_()
    torch.manual_seed(5)
    mask = fast.drop(torch.ones_like(x), 0.3, training=True) != 0
    expected = exact[0] + exact[1] * mask / 0.7
    x.requires_grad_()
    output.requires_grad_()
    torch.manual_seed(5)
    found = fast.add_dropped(x, output, 0.3, training=True)
    rounding = torch.finfo(dtype).eps
    torch.testing.assert_close(found.double(), expected, rtol=rounding, atol=4 * rounding)
    ours = torch.autograd.grad(found, (x, output), d_sum)
    theirs = torch.autograd.grad(expected, exact, d_sum.double())
    for gradient, reference in zip(ours, theirs, strict=True):
        torch.testing.assert_close(gradient.double(), reference, rtol=rounding, atol=0)


def test_outside_training_the_whole_output_is_added():
    x, output = torch.randn(2, 3, 4).unbind()
    assert fast.add_dropped(x, output, 0.5, training=False).equal(x + output)

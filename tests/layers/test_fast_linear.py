"""The linear map, against float64; and how many kinds of products a training needs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from transformer_lib.layers.fast.linear import Linear, linear, row_blocks


class Products(TorchDispatchMode):
    """Remembers the shapes of all products."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[tuple[torch.Size, torch.Size]] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm):
            self.shapes.add(tuple(x.shape for x in args[-2:]))
        return func(*args, **(kwargs or {}))


def both_ways(x, weight, bias, d_out):
    """Return values and gradients in bfloat16 by ours, and in float64 by torch."""
    inputs = [t for t in (x, weight, bias) if t is not None]
    with torch.autocast("cpu", torch.bfloat16):
        ours = linear(x, weight, bias)
    gradients = torch.autograd.grad(ours, inputs, d_out.to(ours.dtype))
    exact = [t.detach().double().requires_grad_() for t in inputs]
    theirs = F.linear(*exact)
    return (ours, *gradients), (theirs, *torch.autograd.grad(theirs, exact, d_out.double()))


@given(n_rows=st.integers(1, 700), with_bias=st.booleans(), seed=st.integers(0, 100))
def test_under_autocast_it_is_the_exact_map_rounded(n_rows, with_bias, seed):
    torch.manual_seed(seed)
    x = torch.randn(n_rows, 5).bfloat16().float().requires_grad_()
    weight = torch.randn(3, 5).bfloat16().float().requires_grad_()
    bias = torch.randn(3).bfloat16().float().requires_grad_() if with_bias else None
    found, expected = both_ways(x, weight, bias, torch.randn(n_rows, 3).bfloat16())
    assert found[0].dtype == torch.bfloat16
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        error = (ours.double() - theirs).norm() / theirs.norm()
        assert error < 2**-7
    assert {gradient.dtype for gradient in found[1:]} == {torch.float32}


def test_the_axes_before_the_last_stay():
    x, layer = torch.randn(7, 2, 11, 4), Linear(4, 6)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    assert found.shape == (7, 2, 11, 6)
    torch.testing.assert_close(
        found.float(), F.linear(x, layer.weight, layer.bias), atol=0.05, rtol=0.05
    )


def test_a_gradient_that_is_one_number_everywhere_is_summed_too():
    x, layer = torch.randn(100, 4).bfloat16().float(), Linear(4, 6)
    with torch.autocast("cpu", torch.bfloat16):
        layer(x).sum().backward()
    expected = x.sum(dim=0).expand(6, 4)
    torch.testing.assert_close(layer.weight.grad, expected, rtol=0.02, atol=0.1)
    torch.testing.assert_close(layer.bias.grad, torch.full((6,), 100.0))


def test_float64_is_not_rounded_under_autocast():
    x, layer = torch.randn(300, 4, dtype=torch.float64), Linear(4, 6).double()
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).equal(F.linear(x, layer.weight, layer.bias))


def test_without_autocast_it_is_torchs_to_the_bit():
    x, layer = torch.randn(300, 4, dtype=torch.float64), Linear(4, 6).double()
    assert layer(x).equal(F.linear(x, layer.weight, layer.bias))


@given(st.integers(64, 100_000))
def test_two_blocks_cover_every_row(n_rows):
    first, last = row_blocks(n_rows)
    assert first.start == 0
    assert 4 <= first.stop / (n_rows - last.start if last else 2 ** (n_rows.bit_length() - 3)) < 8
    if last is None:
        assert first.stop == n_rows
    else:
        assert last.start < first.stop < last.stop == n_rows


@pytest.mark.parametrize(("lowest", "highest"), [(64, 127), (2048, 4095)])
def test_between_two_powers_of_two_five_kinds_of_products_serve_every_batch(lowest, highest):
    layer = Linear(2, 3)
    with Products() as products:
        for n_rows in range(lowest, highest + 1, 7):
            with torch.autocast("cpu", torch.bfloat16):
                layer(torch.randn(n_rows, 2, requires_grad=True)).sum().backward()
    kinds = len(products.shapes) / 3  # forward, and two gradients
    assert kinds <= 5

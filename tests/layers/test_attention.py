"""Attention against torch's own, against loops, and against what its definition promises."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from transformer_lib.evaluation.invariants import (
    assert_attention_weights,
    assert_permutation_equivariant,
)
from transformer_lib.layers.attention import (
    AdditiveAttention,
    masked_softmax,
    scaled_dot_product_attention,
)
from transformer_lib.layers.fast import fused_attention
from transformer_lib.layers.masks import causal_mask, padding_mask, window_mask
from transformer_lib.layers.window import windowed_attention

EXACT = {"atol": 1e-10, "rtol": 0}
size = st.integers(1, 5)


def masks(batch, heads, length, width):
    """Every form a mask may take: none, per key, per query, causal, per head, full."""
    full = torch.rand(batch, heads, length, width) < 0.6
    full[..., 0] = True
    forms = [None, full, full[:, :1], full[:1], full[:, :1, :1], full[:1, :1]]
    return [*forms, causal_mask(length)] if length == width else forms


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.bfloat16, 0.03)])
def test_the_fused_kernel_equals_the_readable_attention(dtype, tolerance):
    for mask in masks(2, 3, 5, 5):
        query, key, value = (
            torch.randn(2, 3, 5, width, dtype=dtype, requires_grad=True) for width in (4, 4, 6)
        )
        fused = fused_attention(query, key, value, mask)
        exact = [t.detach().double().requires_grad_() for t in (query, key, value)]
        expected, _ = scaled_dot_product_attention(*exact, mask)
        assert fused.dtype == dtype
        torch.testing.assert_close(fused.double(), expected, atol=tolerance, rtol=0)
        gradients = torch.autograd.grad(fused.sum(), (query, key, value))
        wanted = torch.autograd.grad(expected.sum(), exact)
        for found, right in zip(gradients, wanted, strict=True):
            torch.testing.assert_close(found.double(), right, atol=2 * tolerance, rtol=tolerance)


@given(batch=size, heads=size, length=size, width=size, d_k=size, d_v=size)
def test_equals_torch_with_every_mask_form(batch, heads, length, width, d_k, d_v):
    query = torch.randn(batch, heads, length, d_k, dtype=torch.float64)
    key = torch.randn(batch, heads, width, d_k, dtype=torch.float64)
    value = torch.randn(batch, heads, width, d_v, dtype=torch.float64)
    for mask in masks(batch, heads, length, width):
        output, weights = scaled_dot_product_attention(query, key, value, mask)
        expected = F.scaled_dot_product_attention(query, key, value, mask)
        torch.testing.assert_close(output, expected, **EXACT)
        full = None if mask is None else mask.expand(weights.shape)
        assert_attention_weights(weights, full, atol=1e-12)


def test_equals_loops_over_single_numbers():
    query, key, value = torch.randn(3, 1, 1, 4, 6, dtype=torch.float64)
    output, _ = scaled_dot_product_attention(query, key, value)
    for t in range(4):
        scores = [sum(query[0, 0, t] * key[0, 0, s]).item() / math.sqrt(6) for s in range(4)]
        total = sum(math.exp(score) for score in scores)
        mean = sum(math.exp(z) / total * v for z, v in zip(scores, value[0, 0], strict=True))
        torch.testing.assert_close(output[0, 0, t], mean, **EXACT)


def test_gradients_are_right():
    tensors = [torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    assert torch.autograd.gradcheck(
        lambda *qkv: scaled_dot_product_attention(*qkv, causal_mask(3)), tensors
    )


def test_dropout_scales_the_survivors():
    value = torch.eye(2000)[None, None]
    output, weights = scaled_dot_product_attention(
        torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 2000, 1), value, dropout=0.1
    )
    kept = output[0, 0, 0] > 0
    assert 0.87 < kept.float().mean() < 0.93
    torch.testing.assert_close(
        output[0, 0, 0][kept] / weights[0, 0, 0][kept], torch.ones(kept.sum()) / 0.9
    )


@given(
    length=st.integers(1, 9),
    half=st.integers(0, 5),
    causal=st.booleans(),
    padding=st.integers(0, 4),
)
def test_a_window_equals_the_masked_form(length, half, causal, padding):
    query, key, value = torch.randn(3, 2, 3, length, 4, dtype=torch.float64)
    real = torch.ones(2, 1, 1, length, dtype=torch.bool)
    real[1, ..., max(1, length - padding) :] = False
    window = 2 * half + 1
    output, weights = windowed_attention(query, key, value, window, causal, real)
    seen = window_mask(length, window, causal) & real  # deep in the padding, nothing at all
    expected, full = scaled_dot_product_attention(query, key, value, seen)
    torch.testing.assert_close(output, expected, **EXACT)
    torch.testing.assert_close(weights.sum(-1), full.sum(-1), **EXACT)


def test_a_window_never_makes_all_scores():
    """All scores of so long a sentence would fill 40 GB."""
    x = torch.randn(1, 1, 100_000, 2)
    output, weights = windowed_attention(x, x, x, window=5)
    assert output.shape == x.shape
    assert weights.shape == (1, 1, 100_000, 5)


def test_additive_attention_equals_its_formula():
    attend = AdditiveAttention(d_query=3, d_key=5, d_attention=4).double()
    query, key = (
        torch.randn(1, 2, 3, dtype=torch.float64),
        torch.randn(1, 6, 5, dtype=torch.float64),
    )
    output, weights = attend(query, key, key)
    w_q, w_k, v = attend.w_q.weight, attend.w_k.weight, attend.v
    for t in range(2):
        scores = torch.stack([v @ torch.tanh(w_q @ query[0, t] + w_k @ k) for k in key[0]])
        expected = scores.exp() / scores.exp().sum()
        torch.testing.assert_close(weights[0, 0, t], expected, **EXACT)
        torch.testing.assert_close(output[0, t], expected @ key[0], **EXACT)


# The ways to attend: from queries, keys, values of one length and a padding mask to the averages.
WAYS = {
    "readable": lambda q, k, v, mask: scaled_dot_product_attention(q, k, v, mask)[0],
    "fused": fused_attention,
    "windowed": lambda q, k, v, mask: windowed_attention(q, k, v, 3, mask=mask)[0],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [3, 700])  # within and beyond the blocks of the fused kernel
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_query_that_may_attend_to_nothing_gets_zeros_and_gives_no_gradient(way, length, dtype):
    tokens = torch.full((2, length), 5)
    tokens[1] = 0  # all padding: nobody may look at it
    inputs = [torch.randn(2, 2, length, 4, dtype=dtype, requires_grad=True) for _ in range(3)]
    with torch.autograd.set_detect_anomaly(True):  # no NaN on the way either
        output = WAYS[way](*inputs, padding_mask(tokens))
        gradients = torch.autograd.grad(output.sum(), inputs)
    for found in (output, *gradients):
        assert found.isfinite().all()
        assert not found[1].any()
        assert found[0].any() or found is gradients[0] or found is gradients[1]


@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_right_where_a_query_may_attend_to_nothing(way):
    mask = torch.tensor([[True, True, False, False], [False] * 4])[:, None, None]
    inputs = [torch.randn(2, 1, 4, 3, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    assert torch.autograd.gradcheck(lambda *qkv: WAYS[way](*qkv, mask), inputs)


def test_one_row_of_many_may_attend_to_nothing():
    mask = causal_mask(3).clone()
    mask[..., 1, :] = False
    query, key, value = torch.randn(3, 1, 2, 3, 4, dtype=torch.float64)
    output, weights = scaled_dot_product_attention(query, key, value, mask)
    whole, usual = scaled_dot_product_attention(query, key, value, causal_mask(3))
    assert not output[:, :, 1].any()
    assert not weights[:, :, 1].any()
    for row in (0, 2):
        assert torch.equal(output[:, :, row], whole[:, :, row])
        assert torch.equal(weights[:, :, row], usual[:, :, row])


@given(length=st.integers(2, 6))
def test_self_attention_without_positions_does_not_know_the_order(length):
    x = torch.randn(1, length, 4, dtype=torch.float64)
    assert_permutation_equivariant(
        lambda y: scaled_dot_product_attention(*(y[:, None],) * 3)[0][:, 0], x
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_finite_with_masks(dtype):
    scores = torch.full((1, 1, 3, 3), 60_000.0, dtype=dtype)
    weights = masked_softmax(scores, causal_mask(3))
    assert weights.isfinite().all()
    assert_attention_weights(weights.float(), causal_mask(3), atol=1e-2)

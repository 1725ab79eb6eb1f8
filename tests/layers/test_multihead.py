"""Multi-head attention against torch's, with its cache, its window and bad input."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from transformer_lib.evaluation.invariants import (
    assert_attention_weights,
    assert_permutation_equivariant,
)
from transformer_lib.layers.masks import causal_mask, window_mask
from transformer_lib.layers.multihead import MultiHeadAttention

EXACT = {"atol": 1e-10, "rtol": 0}


def pair(d_model, n_heads):
    """Our module and torch's, with the same weights and no bias, in float64."""
    ours = MultiHeadAttention(d_model, n_heads).double()
    theirs = nn.MultiheadAttention(d_model, n_heads, bias=False, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.w_q.weight, ours.w_k.weight, ours.w_v.weight]))
        theirs.out_proj.weight.copy_(ours.w_o.weight)
    return ours, theirs


@given(
    heads=st.integers(1, 4),
    d_k=st.integers(1, 4),
    length=st.integers(1, 5),
    width=st.integers(1, 5),
)
def test_equals_torch_with_every_mask_form(heads, d_k, length, width):
    ours, theirs = pair(heads * d_k, heads)
    query = torch.randn(2, length, heads * d_k, dtype=torch.float64)
    memory = torch.randn(2, width, heads * d_k, dtype=torch.float64)
    full = torch.rand(2, heads, length, width) < 0.6
    full[..., 0] = True
    real = full[:, :1, :1]
    cases = [
        (None, {}),
        (full[:1, :1], {"attn_mask": ~full[0, 0]}),  # torch: True = may NOT attend
        (full, {"attn_mask": ~full.flatten(0, 1)}),
        (real, {"key_padding_mask": ~real[:, 0, 0]}),
        (real & full[:1, :1], {"attn_mask": ~full[0, 0], "key_padding_mask": ~real[:, 0, 0]}),
    ]
    for mask, arguments in cases:
        if mask is not None and not mask.any(-1).all():
            continue
        expected, seen = theirs(query, memory, memory, average_attn_weights=False, **arguments)
        fast, slow = (ours(query, memory, mask, need_weights=want) for want in (False, True))
        torch.testing.assert_close(fast.output, expected, **EXACT)
        torch.testing.assert_close(slow.output, expected, **EXACT)
        torch.testing.assert_close(slow.weights, seen, **EXACT)
        assert fast.weights is None
        expanded = None if mask is None else mask.expand(seen.shape)
        assert_attention_weights(slow.weights, expanded, atol=1e-12)


def test_parameter_gradients_equal_torchs():
    ours, theirs = pair(8, 2)
    x = torch.randn(2, 5, 8, dtype=torch.float64)
    ours(x, x, causal_mask(5)).output.square().sum().backward()
    theirs(x, x, x, attn_mask=~causal_mask(5)[0, 0])[0].square().sum().backward()
    packed = torch.cat([ours.w_q.weight.grad, ours.w_k.weight.grad, ours.w_v.weight.grad])
    torch.testing.assert_close(packed, theirs.in_proj_weight.grad, **EXACT)
    torch.testing.assert_close(ours.w_o.weight.grad, theirs.out_proj.weight.grad, **EXACT)


def test_gradients_are_right():
    ours, _ = pair(4, 2)
    x = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: ours(y, y, causal_mask(3)).output, x)


@pytest.mark.parametrize("window", [None, 3])
def test_a_cache_gives_what_one_pass_gives(window):
    attend = MultiHeadAttention(8, 2, window=window, causal_window=True).double()
    x = torch.randn(2, 6, 8, dtype=torch.float64)
    mask = None if window else causal_mask(6)
    together = attend(x, x, mask, need_weights=True)
    cache = None
    for t in range(6):
        now = x[:, t : t + 1]
        output, weights, cache = attend(now, now, cache=cache, need_weights=True)
        torch.testing.assert_close(output[:, 0], together.output[:, t], **EXACT)
        torch.testing.assert_close(weights[:, :, 0], together.weights[:, :, t, : t + 1], **EXACT)
    torch.testing.assert_close(cache.key, together.cache.key, **EXACT)


@pytest.mark.parametrize("causal", [False, True])
def test_a_window_equals_the_mask_in_every_head(causal):
    near = MultiHeadAttention(8, 2, window=5, causal_window=causal).double()
    far = MultiHeadAttention(8, 2).double()
    far.load_state_dict(near.state_dict())
    x = torch.randn(2, 9, 8, dtype=torch.float64)
    got = near(x, x, need_weights=True)
    expected = far(x, x, window_mask(9, 5, causal), need_weights=True)
    torch.testing.assert_close(got.output, expected.output, **EXACT)
    torch.testing.assert_close(got.weights, expected.weights, **EXACT)


@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("want", [False, True])
def test_a_sentence_of_padding_alone_gets_zeros_and_gives_no_gradient(window, want):
    attend = MultiHeadAttention(8, 2, window=window).double()
    x = torch.randn(2, 5, 8, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([True, False])[:, None, None, None].expand(2, 1, 1, 5)
    found = attend(x, x, mask, need_weights=want)
    assert not found.output[1].any()
    assert found.output[0].all()
    found.output.sum().backward()
    assert not x.grad[1].any()
    assert all(parameter.grad.isfinite().all() for parameter in attend.parameters())


def test_a_window_over_a_cache_heeds_the_mask():
    attend = MultiHeadAttention(8, 2, window=5, causal_window=True).double()
    x, now = torch.randn(1, 4, 8).double(), torch.randn(1, 1, 8).double()
    mask = torch.ones(1, 1, 1, 5, dtype=torch.bool)
    mask[..., 3] = False  # the position just before
    weights = attend(now, now, mask, attend(x, x).cache, need_weights=True).weights
    assert (weights[0, 0, 0] > 0).tolist() == [False, False, True, False, True]


def test_d_k_and_d_v_of_their_own():
    attend = MultiHeadAttention(d_model=6, n_heads=4, d_k=5, d_v=3)
    x = torch.randn(1, 2, 6)
    assert attend(x, x).output.shape == (1, 2, 6)
    assert sum(p.numel() for p in attend.parameters()) == 6 * 4 * (5 + 5 + 3 + 3)
    assert [attend(x, x).cache.key.size(-1), attend(x, x).cache.value.size(-1)] == [5, 3]


def test_heads_cost_no_parameters():
    counts = {sum(p.numel() for p in MultiHeadAttention(12, h).parameters()) for h in (1, 2, 4, 12)}
    assert counts == {4 * 12 * 12}


def test_dropout_acts_on_the_weights_in_training_only():
    attend = MultiHeadAttention(8, 2, dropout=0.5)
    x = torch.randn(1, 5, 8)
    assert not torch.equal(attend(x, x).output, attend(x, x).output)
    attend.eval()
    assert torch.equal(attend(x, x).output, attend(x, x).output)


@given(length=st.integers(2, 6), heads=st.sampled_from([1, 2, 4]))
def test_permutation_equivariant_without_a_mask(length, heads):
    attend = MultiHeadAttention(8, heads).double()
    assert_permutation_equivariant(
        lambda x: attend(x, x).output, torch.randn(2, length, 8, dtype=torch.float64)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"d_model": 10, "n_heads": 4}, "d_model = 10 is not divisible by n_heads = 4"),
        ({"d_model": 8, "n_heads": 0}, "n_heads is 0; it must be a whole number of 1 or more"),
        ({"d_model": 0, "n_heads": 1}, "d_model is 0"),
        ({"d_model": 8, "n_heads": 2, "d_k": 0}, "d_k is 0"),
        ({"d_model": 8, "n_heads": 2, "dropout": 1.0}, r"dropout is 1.0; it must lie in \[0, 1\)"),
        ({"d_model": 8, "n_heads": 2, "window": 4}, "window is 4; it must be odd"),
    ],
)
def test_bad_sizes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        MultiHeadAttention(**arguments)
    assert "\n" not in str(error.value)


def test_bad_calls_are_refused(unchecked_shapes):
    attend, near = MultiHeadAttention(8, 2), MultiHeadAttention(8, 2, window=3)
    x = torch.randn(2, 4, 8)
    for want in (False, True):
        with pytest.raises(ValueError, match=r"shape \[3, 1, 1, 4\], which does not fit"):
            attend(x, x, torch.ones(3, 1, 1, 4, dtype=torch.bool), need_weights=want)
        with pytest.raises(ValueError, match=r"mask is torch.float32; it must be torch.bool"):
            attend(x, x, torch.zeros(2, 1, 1, 4), need_weights=want)
        with pytest.raises(ValueError, match=r"mask has 2 axes, shape \[4, 4\]"):
            attend(x, x, torch.ones(4, 4, dtype=torch.bool), need_weights=want)
    with pytest.raises(ValueError, match="memory or a cache"):
        attend(x, None)
    with pytest.raises(ValueError, match="4 query rows"):
        near(x, x, causal_mask(4))
    with pytest.raises(ValueError, match="2 queries and 6 keys"):
        near(x[:, :2], x[:, :2], cache=near(x, x).cache)

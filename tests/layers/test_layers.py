"""All other layers against torch and the paper's formulas."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from transformer_lib.layers.embedding import OutputProjection, ScaledEmbedding
from transformer_lib.layers.feedforward import FeedForward
from transformer_lib.layers.normalization import BatchNorm, LayerNorm, layer_norm, make_norm
from transformer_lib.layers.positional import (
    LearnedPositions,
    NoPositions,
    SinusoidalPositions,
    sinusoidal_positions,
)
from transformer_lib.layers.residual import Residual

EXACT = {"atol": 1e-10, "rtol": 0}


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


@given(length=st.integers(1, 4), d_model=st.integers(1, 6), d_ff=st.integers(1, 6))
def test_feed_forward_is_equation_2(length, d_model, d_ff):
    ff, x = FeedForward(d_model, d_ff).double(), normal(2, length, d_model)
    w_1, w_2 = ff.w_1.weight.T, ff.w_2.weight.T
    expected = torch.clamp(x @ w_1 + ff.w_1.bias, min=0) @ w_2 + ff.w_2.bias
    torch.testing.assert_close(ff(x), expected, **EXACT)
    torch.testing.assert_close(ff(x)[:, :1], ff(x[:, :1]), **EXACT)  # each position by itself


def test_feed_forward_dropout_acts_inside_in_training_only():
    ff, x = FeedForward(8, 16, dropout=0.5), torch.randn(1, 3, 8)
    assert not torch.equal(ff(x), ff(x))
    assert torch.equal(ff.eval()(x), ff(x))


def test_embedding_is_a_lookup_times_sqrt_d_model():
    embedding = ScaledEmbedding(11, 16)
    tokens = torch.tensor([[3, 0, 10]])
    torch.testing.assert_close(embedding(tokens)[0, 2], embedding.weight[10] * 4)


def test_a_logit_is_the_dot_product_with_a_tokens_vector():
    embedding, output = ScaledEmbedding(11, 16), OutputProjection(11, 16)
    output.weight = embedding.weight  # the way to tie them
    hidden = torch.randn(2, 16)
    torch.testing.assert_close(output(hidden)[1, 7], hidden[1] @ embedding.weight[7])


@given(length=st.integers(1, 40), half=st.integers(1, 8), start=st.integers(0, 9))
def test_sinusoids_are_the_formula_term_by_term(length, half, start):
    d_model = 2 * half
    table = sinusoidal_positions(length, d_model, start, dtype=torch.float64)
    for row in range(length):
        for i in range(half):
            angle = (start + row) / 10000 ** (2 * i / d_model)
            assert abs(table[row, 2 * i].item() - math.sin(angle)) < 1e-10
            assert abs(table[row, 2 * i + 1].item() - math.cos(angle)) < 1e-10


def test_positions_are_added_from_where_they_start():
    x = normal(2, 5, 8)
    for positions in (SinusoidalPositions(8), LearnedPositions(9, 8).double(), NoPositions()):
        parts = torch.cat([positions(x[:, :2]), positions(x[:, 2:], start=2)], dim=1)
        torch.testing.assert_close(parts, positions(x), **EXACT)
    assert torch.equal(NoPositions()(x), x)
    assert not torch.allclose(LearnedPositions(9, 8).double()(x), x)


def test_positions_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="d_model = 7 is odd"):
        SinusoidalPositions(7)
    learned = LearnedPositions(4, 8)
    with pytest.raises(ValueError, match="sentence has 5 tokens, but only 4 positions are learned"):
        learned(torch.randn(1, 5, 8))
    with pytest.raises(ValueError, match="has 5 tokens"):
        learned(torch.randn(1, 1, 8), start=4)


@given(batch=st.integers(1, 4), length=st.integers(1, 5), d_model=st.integers(1, 8))
def test_layer_norm_equals_torchs(batch, length, d_model):
    ours, theirs, x = (
        LayerNorm(d_model).double(),
        nn.LayerNorm(d_model).double(),
        normal(batch, length, d_model),
    )
    with torch.no_grad():
        ours.gain.uniform_(), ours.bias.uniform_()
        theirs.weight.copy_(ours.gain), theirs.bias.copy_(ours.bias)
    torch.testing.assert_close(ours(x), theirs(x), **EXACT)
    torch.testing.assert_close(layer_norm(x, ours.gain, ours.bias, ours.eps), theirs(x), **EXACT)


def test_layer_norm_gradients_are_right():
    ours, x = LayerNorm(4).double(), normal(1, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(ours, x)
    assert torch.autograd.gradcheck(lambda y: layer_norm(y, ours.gain, ours.bias, ours.eps), x)


@given(batch=st.integers(2, 4), length=st.integers(1, 5), d_model=st.integers(1, 6))
def test_batch_norm_equals_torchs_in_train_and_eval(batch, length, d_model):
    ours, theirs = BatchNorm(d_model).double(), nn.BatchNorm1d(d_model).double()
    for _ in range(3):
        x = normal(batch, length, d_model)
        expected = theirs(x.flatten(0, 1)).view_as(x)
        torch.testing.assert_close(ours(x), expected, **EXACT)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, **EXACT)
    torch.testing.assert_close(ours.running_var, theirs.running_var, **EXACT)
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x.flatten(0, 1)).view_as(x), **EXACT)


def test_masked_batch_norm_counts_real_tokens_only():
    x, real = normal(3, 4, 5), torch.rand(3, 4) < 0.6
    real[0, 0] = True
    theirs, masked, plain = (
        nn.BatchNorm1d(5).double(),
        BatchNorm(5, masked=True).double(),
        BatchNorm(5).double(),
    )
    torch.testing.assert_close(masked(x, real)[real], theirs(x[real]), **EXACT)
    torch.testing.assert_close(masked.running_var, theirs.running_var, **EXACT)
    torch.testing.assert_close(plain(x, real), BatchNorm(5).double()(x), **EXACT)  # all positions
    assert not torch.allclose(plain(x, real)[real], theirs(x[real]))


def test_batch_norm_computes_in_float32_whatever_comes_in():
    """The mean of large bfloat16 numbers, rounded to bfloat16, would be off by a tenth and more."""
    x = (torch.randn(16, 32, 8) + 50).bfloat16()
    exact = nn.BatchNorm1d(8).double()(x.double().flatten(0, 1)).view_as(x)
    found = BatchNorm(8)(x)
    assert found.dtype == torch.bfloat16
    assert (found.double() - exact).abs().max() < 0.02


def test_batch_norm_gradients_are_right():
    norm, x = BatchNorm(3, masked=True).double(), normal(2, 3, 3).requires_grad_()
    real = torch.tensor([[True, True, False], [True, True, True]])
    assert torch.autograd.gradcheck(lambda y: norm(y, real), x)


@pytest.mark.parametrize("order", ["post", "pre"])
def test_residual_is_the_papers_formula_or_pre_norm(order):
    residual, x, weight = Residual(4, order=order).double(), normal(2, 3, 4), normal(4, 4)

    def norm(y):
        return F.layer_norm(y, (4,))

    expected = norm(x + x @ weight) if order == "post" else x + norm(x) @ weight
    torch.testing.assert_close(residual(x, lambda y: y @ weight), expected, **EXACT)


@pytest.mark.parametrize("order", ["pre", "post"])
def test_the_residual_path_has_the_type_of_the_sub_layers(order):
    residual = Residual(6, dropout=0.3, order=order)
    with torch.autocast("cpu", torch.bfloat16):
        output = residual(torch.randn(2, 3, 6), nn.Linear(6, 6))
    assert output.dtype == torch.bfloat16


def test_residual_dropout_acts_before_the_addition():
    """x itself is never dropped; survivors of the sub-layer's output grow by 1/0.9 (5.4)."""
    residual, x = Residual(1000, dropout=0.1, order="pre"), torch.full((1, 1, 1000), 5.0)
    values = residual(x, torch.ones_like).unique()
    torch.testing.assert_close(values, torch.tensor([5.0, 5.0 + 1 / 0.9]))
    assert residual.eval()(x, torch.ones_like).unique().tolist() == [6.0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Residual(8, order="mid"), "no norm order 'mid'; known: post, pre"),
        (lambda: Residual(8, dropout=-0.1), r"dropout is -0.1; it must lie in \[0, 1\)"),
        (lambda: make_norm("group", 8), "no norm 'group'; known: layer, batch, masked_batch"),
        (lambda: LayerNorm(0), "d_model is 0"),
        (lambda: FeedForward(8, 0), "d_ff is 0"),
        (lambda: FeedForward(8, 8, dropout=1.5), "dropout is 1.5"),
        (lambda: ScaledEmbedding(0, 8), "vocab_size is 0"),
        (lambda: LearnedPositions(0, 8), "max_length is 0"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()

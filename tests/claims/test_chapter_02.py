"""Claims 6 to 9: what attention computes, why its scores are scaled, and its additive rival."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.layers.attention import AdditiveAttention, scaled_dot_product_attention
from transformer_lib.workbench.cost import seconds

size = st.integers(1, 6)


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64)


# ----------------------------------------------------------------------
# Claim 6: a weighted mean of values


@given(n=size, m=size, d_k=size, d_v=size)
def test_the_output_is_a_mean_of_values_and_has_their_size(n, m, d_k, d_v):
    value = normal(1, 1, m, d_v)
    output, _ = scaled_dot_product_attention(3 * normal(1, 1, n, d_k), normal(1, 1, m, d_k), value)
    assert output.shape == (1, 1, n, d_v)
    directions = normal(d_v, 50)
    reach, limit = output[0, 0] @ directions, (value[0, 0] @ directions).amax(0)
    assert (reach <= limit + 1e-9).all()


def test_keys_decide_how_much_and_values_decide_what():
    query, key, value = normal(1, 1, 2, 4), normal(1, 1, 5, 4), normal(1, 1, 5, 3)
    output, weights = scaled_dot_product_attention(query, key, value)
    doubled, same = scaled_dot_product_attention(query, key, 2 * value)
    torch.testing.assert_close(same, weights)
    torch.testing.assert_close(doubled, 2 * output)
    _, other = scaled_dot_product_attention(query, normal(1, 1, 5, 4), value)
    assert (other - weights).abs().max() > 0.01


def test_a_long_query_fetches_the_value_of_the_best_key_alone():
    key, value = normal(1, 1, 5, 4), normal(1, 1, 5, 3)
    query = normal(1, 1, 1, 4)
    output, _ = scaled_dot_product_attention(1e4 * query, key, value)
    best = (key[0, 0] @ query[0, 0, 0]).argmax()
    torch.testing.assert_close(output[0, 0, 0], value[0, 0, best])
    mean, _ = scaled_dot_product_attention(0 * query, key, value)
    torch.testing.assert_close(mean[0, 0, 0], value[0, 0].mean(0))


# ----------------------------------------------------------------------
# Claim 7: two matrix products


@given(n=size, m=size, d_k=size, d_v=size)
def test_two_matrix_products_with_rows_that_sum_to_one(n, m, d_k, d_v):
    query, key, value = normal(n, d_k), normal(m, d_k), normal(m, d_v)
    shares = (query @ key.T / math.sqrt(d_k)).exp()
    shares = shares / shares.sum(1, keepdim=True)
    output, weights = scaled_dot_product_attention(*(x[None, None] for x in (query, key, value)))
    assert weights.shape == (1, 1, n, m)
    torch.testing.assert_close(weights[0, 0], shares, atol=1e-12, rtol=0)
    torch.testing.assert_close(output[0, 0], shares @ value, atol=1e-12, rtol=0)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 1, n, dtype=torch.float64))


# ----------------------------------------------------------------------
# Claim 8: the scores' variance, saturation, and where they do not matter


DRAWS = {
    "normal": normal,
    "uniform": lambda *shape: (2 * torch.rand(*shape, dtype=torch.float64) - 1) * math.sqrt(3),
    "signs": lambda *shape: torch.randint(2, shape).double() * 2 - 1,
}


@pytest.mark.parametrize("d_k", [1, 8, 64, 256])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_score_of_independent_components_has_variance_d_k(draw, d_k):
    scores = (draw(20_000, d_k) * draw(20_000, d_k)).sum(1)
    assert scores.var().item() == pytest.approx(d_k, rel=0.06)
    assert abs(scores.mean().item()) < 4 * math.sqrt(d_k / 20_000)


def test_correlated_components_give_a_variance_that_grows_with_the_square():
    def correlated(n, d_k, rho=0.5):
        return math.sqrt(rho) * normal(n, 1) + math.sqrt(1 - rho) * normal(n, d_k)

    for d_k in (8, 64):
        variance = (correlated(40_000, d_k) * correlated(40_000, d_k)).sum(1).var().item()
        assert variance == pytest.approx(d_k + d_k * (d_k - 1) / 4, rel=0.1)


def unscaled(query, key, value):
    return scaled_dot_product_attention(query * math.sqrt(query.size(-1)), key, value)


def random_weights(attend, d_k, n_keys=32, n_queries=200):
    """Return [n_queries, n_keys] weights, as they are before any training."""
    query, key = normal(n_queries, 1, 1, d_k), normal(n_queries, 1, n_keys, d_k)
    return attend(query, key, key)[1][:, 0, 0]


def jacobian_sizes(attend, d_k, n_keys=32):
    """Return for each query the root of the sum of squares of the softmax's derivative."""
    weights = random_weights(attend, d_k, n_keys)
    jacobian = torch.diag_embed(weights) - weights[:, :, None] * weights[:, None, :]
    return jacobian.flatten(1).norm(dim=1)


def compared(size, d_k, n_keys):
    """Return the median size without scaling as a multiple of that with it."""
    without, within = (size(f, d_k, n_keys) for f in (unscaled, scaled_dot_product_attention))
    return (without.median() / within.median()).item()


@pytest.mark.parametrize("n_keys", [6, 32, 128])
def test_scaled_weights_are_as_sharp_at_any_size_and_unscaled_ones_are_all_or_nothing(n_keys):
    def largest(attend, d_k):
        return random_weights(attend, d_k, n_keys).amax(dim=1).mean().item()

    scaled = [largest(scaled_dot_product_attention, d_k) for d_k in (4, 64, 256)]
    assert max(scaled) - min(scaled) < 0.1
    assert max(scaled) < 0.6
    assert largest(unscaled, 4) < largest(unscaled, 64) < largest(unscaled, 512)
    assert largest(unscaled, 512) > 0.85


@pytest.mark.parametrize("n_keys", [4, 32, 128])
def test_unscaled_a_typical_gradient_vanishes_for_large_d_k_and_not_for_small(n_keys):
    assert compared(jacobian_sizes, 1, n_keys) == pytest.approx(1, abs=0.3)
    assert compared(jacobian_sizes, 1024, n_keys) < 0.15


def test_where_the_gradient_falls_behind_depends_on_the_number_of_keys():
    ratios = [compared(jacobian_sizes, 64, n_keys) for n_keys in (4, 32, 128)]
    assert ratios == sorted(ratios)
    assert ratios[0] < 0.5
    assert ratios[-1] > 1


def test_the_undecided_queries_still_learn():
    without, within = (jacobian_sizes(f, 512) for f in (unscaled, scaled_dot_product_attention))
    assert without.median() < 0.05 * within.median()
    assert without.mean() > 0.1 * within.mean()


def query_gradients(attend, d_k, n_keys=32, n_queries=200):
    """Return for each query the size of the derivative of its weights with respect to it."""
    query, key = normal(n_queries, 1, 1, d_k).requires_grad_(), normal(n_queries, 1, n_keys, d_k)
    weights = attend(query, key, key)[1]
    columns = [
        torch.autograd.grad(weights[..., j].sum(), query, retain_graph=True)[0].flatten(1)
        for j in range(n_keys)
    ]
    return torch.cat(columns, dim=1).norm(dim=1)


def test_for_the_query_itself_the_unscaled_gradient_falls_behind_later():
    for n_keys, still_ahead, behind in ((4, 16, 256), (32, 64, 1024)):
        assert compared(query_gradients, still_ahead, n_keys) > 1.2
        assert compared(query_gradients, behind, n_keys) < 0.5
        assert compared(jacobian_sizes, still_ahead, n_keys) < 1


# ----------------------------------------------------------------------
# Claim 9: additive attention


def test_additive_attention_takes_queries_and_keys_of_different_sizes():
    attend = AdditiveAttention(d_query=3, d_key=5, d_attention=4)
    query, key, value = torch.randn(2, 7, 3), torch.randn(2, 6, 5), torch.randn(2, 6, 2)
    output, weights = attend(query, key, value)
    assert output.shape == (2, 7, 2)
    assert weights.shape == (2, 1, 7, 6)
    with pytest.raises((ValueError, TypeError, RuntimeError)):
        scaled_dot_product_attention(query[:, None], key[:, None], value[:, None])


N_WORDS = 24
RATES = (0.03, 0.1, 0.3)


def batch_of_words(n, length):
    return torch.rand(n, N_WORDS).argsort(-1)[:, :length], torch.randn(n, length, 8)


def aligned(make, d_k, seed, length=6, steps=50):
    """Train word vectors to fetch the values of their translations; return the share of right ones.

    `make(d_k)` returns the attention and what it learns. It gets the best of three learning rates,
    chosen on other sentences than those counted.
    """
    tries = [train(make, d_k, seed, rate, length, steps) for rate in RATES]
    return max(tries)[1]


def train(make, d_k, seed, rate, length, steps):
    torch.manual_seed(seed)
    tables = [torch.randn(N_WORDS, d_k).requires_grad_() for _ in ("German", "English")]
    attend, learned = make(d_k)
    optimizer = torch.optim.Adam([*tables, *learned], lr=rate)
    for _ in range(steps):
        words, value = batch_of_words(16, length)
        output, _ = attend(*(table[words] for table in tables), value)
        optimizer.zero_grad()
        (output - value).square().mean().backward()
        optimizer.step()
    return [share_right(attend, tables, length) for _ in ("to choose", "to count")]


@torch.no_grad()
def share_right(attend, tables, length):
    words, value = batch_of_words(100, length)
    _, weights = attend(*(table[words] for table in tables), value)
    return (weights[:, 0].argmax(-1) == torch.arange(length)).float().mean().item()


def one_head(attend):
    def attend_words(query, key, value):
        output, weights = attend(query[:, None], key[:, None], value[:, None])
        return output[:, 0], weights

    return lambda d_k: (attend_words, [])


def additive(d_k, spread=None):
    """Score the word vectors themselves: they are what W q and U k would be."""
    rival = AdditiveAttention(d_k, d_k, d_k)
    rival.w_q = rival.w_k = torch.nn.Identity()
    if spread is not None:
        torch.nn.init.normal_(rival.v, std=spread)
    return rival, [rival.v]


@pytest.mark.parametrize("seed", [0, 1])
def test_additive_equals_dot_for_small_d_k_and_beats_unscaled_for_large(seed):
    kinds = (one_head(scaled_dot_product_attention), one_head(unscaled), additive)
    assert min(aligned(make, 4, seed) for make in kinds) > 0.85
    within, without, rival = (aligned(make, 256, seed) for make in kinds)
    assert min(within, rival) > 0.95
    assert without < min(within, rival) - 0.05


def test_with_all_words_as_keys_the_unscaled_dot_product_falls_behind_further():
    kinds = (one_head(scaled_dot_product_attention), one_head(unscaled))
    within, without = (aligned(make, 64, seed=0, length=N_WORDS) for make in kinds)
    assert within > 0.95
    assert without < 0.6


def parted(weights_of, derivative_of):
    """Attend with the weights of one kind, and pass the gradient of the other."""

    def attend(query, key, value):
        shown, felt = (f(query, key, value)[1] for f in (weights_of, derivative_of))
        weights = shown.detach() + felt - felt.detach()
        return weights @ value, weights

    return one_head(attend)


@pytest.mark.parametrize("length", [6, N_WORDS])
def test_it_is_the_derivative_that_holds_the_unscaled_dot_product_back(length):
    kept = aligned(parted(unscaled, scaled_dot_product_attention), 256, seed=0, length=length)
    lost = aligned(parted(scaled_dot_product_attention, unscaled), 256, seed=0, length=length)
    assert kept > 0.95
    assert lost < kept - 0.05


@pytest.mark.parametrize("seed", [0, 1])
def test_additive_falls_behind_too_when_v_starts_large(seed):
    small, large = (aligned(partial(additive, spread=s), 256, seed) for s in (1 / 16, 1))
    assert small > 0.95
    assert large < small - 0.05


def test_dot_product_keeps_no_number_for_each_query_key_and_component():
    n, d = 64, 32
    x = torch.randn(1, n, d)
    rival = AdditiveAttention(d, d, d)
    additive = largest_result(lambda: rival(x, x, x))
    dot = largest_result(lambda: scaled_dot_product_attention(x[None], x[None], x[None]))
    assert (additive, dot) == (n * n * d, n * n)


def largest_result(function):
    """Return the number of entries of the largest tensor that any operation makes."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Watch(TorchDispatchMode):
        largest = 0

        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            result = operation(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                self.largest = max(self.largest, result.numel())
            return result

    with Watch() as watch, torch.no_grad():
        function()
    return watch.largest


def test_dot_product_is_faster():
    x = torch.randn(1, 1, 256, 64)
    rival, _ = additive(64)
    with torch.no_grad():
        slow = seconds(lambda: rival(x[0], x[0], x[0])).best
        fast = seconds(lambda: scaled_dot_product_attention(x, x, x)).best
    assert slow > 2 * fast  # a factor of tens is usual

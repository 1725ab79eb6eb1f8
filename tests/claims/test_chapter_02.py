"""Claims 6 to 9: what attention computes, why its scores are scaled, and its additive rival."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.layers.attention import AdditiveAttention, scaled_dot_product_attention

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


def sharpness(attend, d_k, n_queries=300, n_keys=32):
    """Mean entropy, and each query's size of the softmax's derivative."""
    query, key = normal(n_queries, 1, 1, d_k), normal(n_queries, 1, n_keys, d_k)
    weights = attend(query, key, key)[1][:, 0, 0]
    entropy = -(weights * weights.clamp_min(1e-300).log()).sum(-1)
    jacobian = torch.diag_embed(weights) - weights[:, :, None] * weights[:, None, :]
    return entropy.mean().item(), jacobian.flatten(1).norm(dim=1)


def test_scaled_weights_are_as_sharp_at_any_size_and_unscaled_ones_saturate():
    entropies = [sharpness(scaled_dot_product_attention, d_k)[0] for d_k in (4, 64, 512)]
    assert max(entropies) - min(entropies) < 0.1
    flat, middle, sharp = (sharpness(unscaled, d_k)[0] for d_k in (1, 64, 512))
    assert flat > 3 > 0.8 > middle > 2 * sharp


def test_unscaled_a_typical_gradient_vanishes_for_large_d_k_and_not_for_small():
    for d_k in (1, 4, 16):
        without, within = (sharpness(f, d_k)[1] for f in (unscaled, scaled_dot_product_attention))
        assert without.median() > 0.8 * within.median()
    without, within = (sharpness(f, 512)[1] for f in (unscaled, scaled_dot_product_attention))
    assert without.median() < 0.05 * within.median()
    assert without.mean() > 0.1 * within.mean()  # the undecided queries still learn


def query_gradient(attend, d_k, n_queries=300, n_keys=32):
    """Median size, over queries, of the derivative of the weights with respect to the query."""
    query, key = normal(n_queries, 1, 1, d_k).requires_grad_(), normal(n_queries, 1, n_keys, d_k)
    weights = attend(query, key, key)[1]
    columns = [
        torch.autograd.grad(weights[..., j].sum(), query, retain_graph=True)[0].flatten(1)
        for j in range(n_keys)
    ]
    return torch.cat(columns, dim=1).norm(dim=1).median().item()


def test_for_the_query_itself_the_unscaled_gradient_falls_behind_later():
    for d_k in (16, 64):
        within = query_gradient(scaled_dot_product_attention, d_k)
        assert query_gradient(unscaled, d_k) > 2 * within
    assert query_gradient(unscaled, 512) < 0.5 * query_gradient(scaled_dot_product_attention, 512)


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


N_WORDS, LENGTH = 24, 6


def alignment_accuracy(attend, parameters, tables, steps=70):
    """Train tables of word vectors to fetch the value of the word that a word translates."""
    optimizer = torch.optim.Adam([*tables, *parameters], lr=0.03, betas=(0.9, 0.98))
    for _ in range(steps):
        words, value = batch_of_words(32)
        output, _ = attend(*(table[words] for table in tables), value)
        optimizer.zero_grad()
        (output - value).square().mean().backward()
        optimizer.step()
    words, value = batch_of_words(200)
    _, weights = attend(*(table[words] for table in tables), value)
    right = weights[:, 0].argmax(-1) == torch.arange(LENGTH)
    return right.float().mean().item()


def batch_of_words(n):
    return torch.rand(n, N_WORDS).argsort(-1)[:, :LENGTH], torch.randn(n, LENGTH, 8)


def additive(d_k):
    """Score the word vectors themselves: they are what W q and U k would be."""
    rival = AdditiveAttention(d_k, d_k, d_k)
    with torch.no_grad():
        rival.w_q.weight.copy_(torch.eye(d_k))
        rival.w_k.weight.copy_(torch.eye(d_k))
    return rival


def accuracies(d_k, seed):
    """Train the three kinds from the same word vectors."""
    torch.manual_seed(seed)
    start = torch.randn(2, N_WORDS, d_k)
    found = {}
    for name, attend in (("scaled", scaled_dot_product_attention), ("unscaled", unscaled)):
        tables = [table.clone().requires_grad_() for table in start]
        one_head = partial(_one_head, attend)
        found[name] = alignment_accuracy(one_head, [], tables)
    rival = additive(d_k)
    tables = [table.clone().requires_grad_() for table in start]
    found["additive"] = alignment_accuracy(rival, [rival.v], tables)
    return found


def _one_head(attend, query, key, value):
    output, weights = attend(query[:, None], key[:, None], value[:, None])
    return output[:, 0], weights


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_additive_equals_dot_for_small_d_k_and_beats_unscaled_for_large(seed):
    small, large = accuracies(4, seed), accuracies(256, seed)
    assert max(small.values()) - min(small.values()) < 0.15
    assert large["additive"] > 0.95
    assert large["scaled"] > 0.95
    assert large["unscaled"] < min(large["additive"], large["scaled"]) - 0.05


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_additive_falls_behind_too_when_v_starts_large(seed):
    torch.manual_seed(seed)
    found = {}
    for name, spread in (("small", 1 / 256**0.5), ("large", 1)):
        rival = additive(256)
        with torch.no_grad():
            rival.v.normal_(std=spread)
        tables = [torch.randn(N_WORDS, 256).requires_grad_() for _ in range(2)]
        found[name] = alignment_accuracy(rival, [rival.v], tables)
    assert found["small"] > 0.95
    assert found["large"] < found["small"] - 0.05


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
    import time

    x = torch.randn(1, 256, 64)
    rival = AdditiveAttention(64, 64, 64)

    def seconds(function):
        times = []
        for _ in range(4):
            started = time.perf_counter()
            function()
            times.append(time.perf_counter() - started)
        return min(times)

    with torch.no_grad():
        additive = seconds(lambda: rival(x, x, x))
        dot = seconds(lambda: scaled_dot_product_attention(x[None], x[None], x[None]))
    assert additive > 2 * dot  # a factor of tens when nothing else runs

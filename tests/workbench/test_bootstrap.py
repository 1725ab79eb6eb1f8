"""The bootstrap draws whole rows, the same every time, and agrees with a formula of a mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.workbench.bootstrap import bootstrap, paired_bootstrap
from transformer_lib.workbench.intervals import of_mean


def test_a_bootstrap_of_a_mean_is_nearly_its_normal_interval():
    sample = np.random.default_rng(1).exponential(size=2000)
    found, by_formula = bootstrap(sample, np.mean, draws=2000), of_mean(sample)
    assert found.estimate == by_formula.estimate
    assert (found.low, found.high) == pytest.approx((by_formula.low, by_formula.high), abs=0.006)


def test_a_bootstrap_draws_whole_rows():
    """Both columns of a row stay together: their ratio is the same in every draw."""
    rows = [(n, 2 * n) for n in range(1, 40)]
    found = bootstrap(rows, lambda drawn: drawn[:, 1].sum() / drawn[:, 0].sum())
    assert found == (2, 2, 2)


def test_a_bootstrap_is_the_same_every_time_and_another_with_another_seed():
    sample = np.arange(50.0)
    assert bootstrap(sample, np.mean) == bootstrap(sample, np.mean)
    assert bootstrap(sample, np.mean) != bootstrap(sample, np.mean, seed=1)


def test_a_paired_bootstrap_takes_the_same_draws_for_both():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 5, size=200)
    found = paired_bootstrap(hard + 1, hard, np.mean)
    assert found == pytest.approx((1, 1, 1))
    assert bootstrap(hard, np.mean).half_width > 0.5


@given(
    st.lists(st.floats(-100, 100), min_size=1, max_size=9),
    st.floats(-100, 100),
    st.floats(0.01, 100),
)
def test_an_interval_of_a_median_moves_and_grows_with_its_values(numbers, shift, scale):
    plain = bootstrap(numbers, np.median, draws=50)
    moved = bootstrap(scale * np.array(numbers) + shift, np.median, draws=50)
    expected = [scale * end + shift for end in plain]
    assert list(moved) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: bootstrap([], np.mean), "0 rows"),
        (lambda: bootstrap([1, 2], np.mean, draws=0), "drawn 0 times"),
        (lambda: bootstrap([1, 2], np.mean, confidence=95.0), "the confidence is 95.0"),
        (lambda: bootstrap([1, 2], lambda drawn: np.inf), "number 0 of the scores is inf"),
        (lambda: paired_bootstrap([1, 2], [1], np.mean), "2 rows and 1 of the baseline"),
    ],
)
def test_a_wrong_call_is_refused_with_its_numbers(wrong, said):
    with pytest.raises(ValueError, match=said):
        wrong()

"""Intervals keep their promise: exact quantiles, the laws of their kind, what they catch."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.workbench.intervals import (
    Interval,
    of_mean,
    of_share,
    over_seeds,
    paired,
)
from transformer_lib.workbench.student import t_quantile

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


def share_below(t, degrees):
    """Student's distribution by the incomplete beta function, to thirty digits."""
    with mpmath.workdps(30):
        tail = mpmath.betainc(degrees / 2, 0.5, 0, degrees / (degrees + mpmath.mpf(t) ** 2), True)
        return float(1 - tail / 2 if t > 0 else tail / 2)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 30, 999])
@pytest.mark.parametrize("probability", [0.001, 0.025, 0.3, 0.75, 0.975, 0.9995])
def test_quantiles_are_those_of_students_distribution(degrees, probability):
    t = t_quantile(probability, degrees)
    assert share_below(t, degrees) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize(
    ("degrees", "printed"), [(1, 12.706), (4, 2.776), (9, 2.262), (29, 2.045), (120, 1.980)]
)
def test_quantiles_are_those_of_printed_tables(degrees, printed):
    assert round(t_quantile(0.975, degrees), 3) == printed


def test_the_middle_quantile_is_zero():
    assert t_quantile(0.5, 7) == pytest.approx(0, abs=1e-12)


def test_a_mean_worked_by_hand():
    """Mean 3, variance 2.5, five values: 3 ± 2.776 * sqrt(2.5 / 5)."""
    found = of_mean([1, 2, 3, 4, 5])
    assert found == pytest.approx((3, 3 - 1.963, 3 + 1.963), abs=1e-3)
    assert found.half_width == pytest.approx(1.963, abs=1e-3)


def test_an_interval_catches_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    caught = [of_mean(rng.normal(7, 2, size=4), 0.8).covers(7) for _ in range(2000)]
    assert np.mean(caught) == pytest.approx(0.8, abs=3 * math.sqrt(0.8 * 0.2 / 2000))


@given(values, st.floats(-100, 100), st.floats(0.01, 100))
def test_a_mean_moves_and_grows_with_its_values(numbers, shift, scale):
    plain = of_mean(numbers)
    moved = of_mean([scale * number + shift for number in numbers])
    expected = [scale * end + shift for end in plain]
    assert list(moved) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(values, st.floats(0.01, 0.98))
def test_more_confidence_never_makes_an_interval_narrower(numbers, confidence):
    narrow, wide = of_mean(numbers, confidence), of_mean(numbers, confidence + 0.01)
    assert wide.low <= narrow.low <= narrow.estimate <= narrow.high <= wide.high


@given(values)
def test_a_pair_of_equals_differs_by_exactly_nothing(numbers):
    assert paired(numbers, numbers) == (0, 0, 0)


def test_what_a_pair_shares_cancels():
    rng = np.random.default_rng(0)
    seeds = rng.normal(0, 10, size=6)
    one, other = seeds + rng.normal(1, 0.1, size=6), seeds + rng.normal(0, 0.1, size=6)
    assert paired(one, other) == of_mean(one - other)
    assert not paired(one, other).covers(0)
    assert paired(one, other).half_width < of_mean(one).half_width / 20


def test_seeds_are_paired_by_their_number_not_by_their_place():
    baseline = {seed: float(seed) for seed in range(10)}
    assert over_seeds({7: 8.0, 2: 3.0, 5: 6.0}, baseline) == (1, 1, 1)


def inverted(k, n, z):
    """The ends of Wilson's interval as the roots of (k/n - p)² = z² p (1 - p) / n."""
    return sorted(np.roots([1 + z**2 / n, -2 * k / n - z**2 / n, (k / n) ** 2]).real)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_is_wilsons_and_stays_inside(trials):
    k, n = trials
    found = of_share(k, n)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert [found.low, found.high] == pytest.approx(inverted(k, n, 1.959964), abs=1e-5)
    mirrored = of_share(n - k, n)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high))


def test_an_interval_is_written_with_the_digits_that_count():
    assert str(Interval(0.381, 0.331, 0.431)) == "0.381 ± 0.050"
    assert str(Interval(41.234, 39.5, 42.6)) == "41.2 (39.5 to 42.6)"
    assert str(Interval(1234.0, 1100.0, 1368.0)) == "1234 ± 134"
    assert str(Interval(2.0, 2.0, 2.0)) == "2.00 ± 0.00"
    assert f"{Interval(0.381, 0.331, 0.431):.0%}" == "38% ± 5%"
    assert f"{Interval(0.4, 0.1, 0.5):+.1f}" == "+0.4 (+0.1 to +0.5)"
    assert f"{Interval(0.4, 0.3, 0.5):+.1f}" == "+0.4 ± 0.1"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: of_mean([1.0]), "there are 1 values"),
        (lambda: of_mean([1.0, math.nan]), "number 1 of the values is nan"),
        (lambda: of_mean([1.0, 2.0], 95.0), "the confidence is 95.0"),
        (lambda: paired([1.0, 2.0], [1.0]), "2 values and 1 of the baseline"),
        (lambda: over_seeds({1: 0.1, 12: 0.2}, {1: 0.1, 2: 0.2}), "no run of seed 12"),
        (lambda: of_share(3, 2), "3 of 2 is no share"),
        (lambda: of_share(0, 0), "0 of 0 is no share"),
        (lambda: of_share(1, 2, 0.0), "the confidence is 0.0"),
        (lambda: t_quantile(0.975, 0), "0 degrees of freedom"),
    ],
)
def test_a_wrong_call_is_refused_with_its_numbers(wrong, said):
    with pytest.raises(ValueError, match=said):
        wrong()

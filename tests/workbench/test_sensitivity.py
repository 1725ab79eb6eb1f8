"""How small a difference some pairs of runs show, against the formula and against chance."""

import numpy as np
import pytest

from transformer_lib.workbench.sensitivity import smallest_difference

VALUES = [70.0, 72.0, 74.0, 71.0, 73.0]  # standard deviation sqrt(2.5)


def test_it_is_half_the_interval_of_a_paired_difference():
    # t(0.975) of 4 degrees of freedom is 2.776; the difference of two runs has variance 2 * 2.5
    assert smallest_difference(VALUES) == pytest.approx(2.7764 * (5 / 5) ** 0.5, rel=1e-4)
    assert smallest_difference(VALUES, n=10) == pytest.approx(2.2622 * (5 / 10) ** 0.5, rel=1e-4)


@pytest.mark.parametrize("power", [0.5, 0.8])
def test_such_a_difference_is_found_about_as_often_as_told(power):
    shift = smallest_difference(VALUES, n=5, power=power)
    rng = np.random.default_rng(0)
    differences = rng.normal(shift, 5**0.5, (20_000, 5))
    half = 2.7764 * differences.std(axis=1, ddof=1) / 5**0.5
    found = np.mean(differences.mean(axis=1) > half)
    assert found == pytest.approx(power, abs=0.07)


def test_one_value_has_no_spread():
    with pytest.raises(ValueError, match="1 values and 5 pairs"):
        smallest_difference([1.0])

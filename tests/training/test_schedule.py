"""The learning rate against equation 3."""

import math
from itertools import pairwise

import pytest

from transformer_lib.config import TrainConfig
from transformer_lib.training.schedule import (
    constant,
    cool_down,
    noam,
    schedule,
    warmup_to_peak,
)


@pytest.mark.parametrize("step", [1, 2, 3_999, 4_000, 4_001, 100_000])
def test_noam_is_equation_3(step):
    branches = 1 / math.sqrt(step), step / math.sqrt(4000**3)
    assert noam(step, 512, 4000) == pytest.approx(min(branches) / math.sqrt(512), rel=1e-12)


def test_noam_is_highest_at_the_end_of_the_warm_up():
    rates = [noam(step, 64, 50) for step in range(1, 400)]
    assert rates.index(max(rates)) + 1 == 50
    assert max(rates) == pytest.approx(1 / math.sqrt(64 * 50))
    steps_up = [b - a for a, b in pairwise(rates[:50])]
    assert steps_up == pytest.approx([rates[0]] * 49)  # a straight line through zero


def test_the_base_model_peaks_at_7e_4():
    assert noam(4000, 512, 4000) == pytest.approx(6.99e-4, rel=1e-3)


def test_a_named_peak_is_the_same_curve_at_another_height():
    ratios = [warmup_to_peak(s, 5e-3, 200) / noam(s, 128, 200) for s in range(1, 1000)]
    assert ratios == pytest.approx([ratios[0]] * len(ratios))
    assert warmup_to_peak(200, 5e-3, 200) == 5e-3


def test_a_constant_rate_is_one_number_without_a_warm_up():
    assert {constant(step, 0.1, 1) for step in range(1, 1000)} == {0.1}
    assert warmup_to_peak(100, 0.1, 1) == pytest.approx(0.01)  # the paper's falls all the same
    assert [constant(step, 0.1, 4) for step in (1, 2, 4, 5, 99)] == pytest.approx(
        [0.025, 0.05, 0.1, 0.1, 0.1]
    )


def test_a_constant_rate_has_to_be_named():
    with pytest.raises(ValueError, match="set peak_lr"):
        TrainConfig(schedule="constant")


def test_the_settings_choose_the_curve():
    level = TrainConfig(schedule="constant", warmup=10, peak_lr=0.1)
    assert schedule(level, 64)(7) == constant(7, 0.1, 10)
    assert schedule(level, 64)(70) == 0.1
    assert schedule(TrainConfig(warmup=10), 64)(7) == noam(7, 64, 10)
    assert schedule(TrainConfig(warmup=10, peak_lr=0.1), 64)(7) == warmup_to_peak(7, 0.1, 10)


def test_the_cool_down_is_a_straight_line_to_zero_after_the_last_step():
    factors = [cool_down(step, 100, 0.4) for step in range(1, 101)]
    assert factors[:60] == [1.0] * 60
    assert factors[60:] == pytest.approx([k / 41 for k in range(40, 0, -1)])


def test_the_settings_turn_the_cool_down_on():
    plain = schedule(TrainConfig(steps=100, warmup=10), 64)
    cooled = schedule(TrainConfig(steps=100, warmup=10, cooldown=0.4), 64)
    ratios = [cooled(step) / plain(step) for step in range(1, 101)]
    assert ratios == pytest.approx([cool_down(step, 100, 0.4) for step in range(1, 101)])
    assert plain(100) == noam(100, 64, 10)  # none unless asked for


@pytest.mark.parametrize("cooldown", [-0.1, 1.1])
def test_a_cool_down_longer_than_the_training_is_refused(cooldown):
    with pytest.raises(ValueError, match=f"cooldown is {cooldown}"):
        TrainConfig(steps=100, cooldown=cooldown)


def test_step_zero_is_refused():
    with pytest.raises(ValueError, match="step 0, warmup 10"):
        noam(0, 64, 10)
    for curve in (warmup_to_peak, constant):
        with pytest.raises(ValueError, match="the first update is step 1"):
            curve(0, 0.1, 10)

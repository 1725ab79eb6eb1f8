"""Every variant gets the same rates; the best is chosen by seeds that are not reported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.workbench.labs import GRAMMAR
from transformer_lib.workbench.rates import (
    RATES,
    TUNING_SEEDS,
    Choice,
    at_chosen_rates,
    choose_rate,
    choose_rates,
    with_rates,
)

VARIANTS = {"baseline": (), "pre-norm": ("model.norm_order=pre",)}


def job(variant, loss, seed=101):
    figures = (
        {"diverged": "at step 3"} if loss is None else {"diverged": None, "loss": {"valid": loss}}
    )
    return {"variant": variant, "seed": seed, "figures": figures}


def test_every_variant_is_tried_at_every_rate():
    assert with_rates(VARIANTS, (0.001, 0.003)) == {
        "baseline at 0.001": ("train.peak_lr=0.001",),
        "baseline at 0.003": ("train.peak_lr=0.003",),
        "pre-norm at 0.001": ("model.norm_order=pre", "train.peak_lr=0.001"),
        "pre-norm at 0.003": ("model.norm_order=pre", "train.peak_lr=0.003"),
    }
    low, own, high = RATES
    assert (f"{own:g}", low < own < high) == (f"{GRAMMAR.config.train.peak_lr:g}", True)


def test_the_best_mean_wins_and_an_edge_is_told():
    jobs = [job(name, loss, seed) for name in with_rates(VARIANTS, (1e-3, 3e-3, 9e-3))
            for seed, loss in zip(TUNING_SEEDS, losses_of(name), strict=True)]  # fmt: skip
    found = choose_rates(jobs)
    assert found["baseline"].rate == 3e-3
    assert found["baseline"].edge is None
    assert found["pre-norm"].rate == 9e-3
    assert found["pre-norm"].edge == "highest"
    assert found["baseline"].losses == pytest.approx({1e-3: 0.4, 3e-3: 0.3, 9e-3: 0.5})
    assert "0.003 of 0.001, 0.003, 0.009" in str(found["baseline"])
    assert "highest of the grid" in str(found["pre-norm"])


def losses_of(name):
    """Two seeds; the first of the baseline alone would choose the lowest rate."""
    return {
        "baseline at 0.001": (0.1, 0.7), "baseline at 0.003": (0.2, 0.4),
        "baseline at 0.009": (0.5, 0.5),
    }.get(name, (1 - float(name.split()[-1]),) * 2)  # fmt: skip


def test_a_rate_that_diverges_once_is_out():
    found = choose_rate({0.001: [0.5, 0.5], 0.003: [0.1, None], 0.009: [None, None]})
    assert found == Choice(0.001, "lowest", {0.001: 0.5, 0.003: None, 0.009: None})


@given(
    st.dictionaries(
        st.floats(1e-5, 1),
        st.lists(st.floats(0, 9), min_size=2, max_size=2),
        min_size=3,
        max_size=5,
    )
)
def test_no_other_rate_is_better(losses):
    found = choose_rate(losses)
    assert all(sum(losses[found.rate]) <= sum(others) for others in losses.values())
    assert (found.edge is not None) == (found.rate in (min(losses), max(losses)))


def test_what_is_no_fair_grid_is_refused():
    with pytest.raises(ValueError, match="three or more"):
        choose_rate({0.001: [1.0], 0.003: [1.0]})
    with pytest.raises(ValueError, match=r"0\.009: 1"):
        choose_rate({0.001: [1.0, 1.0], 0.003: [1.0, 1.0], 0.009: [1.0]})
    with pytest.raises(ValueError, match="every rate"):
        choose_rate({0.001: [None], 0.003: [None], 0.009: [None]})
    with pytest.raises(ValueError, match="names no rate"):
        choose_rates([job("baseline", 0.1)])


def test_reported_runs_have_their_own_rate_and_other_seeds():
    choices = {"pre-norm": Choice(0.009, "highest", {})}
    assert at_chosen_rates(VARIANTS, choices, range(1, 6)) == {
        "baseline": (), "pre-norm": ("model.norm_order=pre", "train.peak_lr=0.009")
    }  # fmt: skip
    with pytest.raises(ValueError, match="seed 101 is one"):
        at_chosen_rates(VARIANTS, choices, [1, 101])
    with pytest.raises(ValueError, match="no variant"):
        at_chosen_rates({"baseline": ()}, choices, [1])

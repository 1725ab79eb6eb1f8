"""The recorded baselines of the lab runs are what chapters may rely on."""

import pytest

from transformer_lib.workbench.intervals import of_mean
from transformer_lib.workbench.labs import CAPTIONS, GRAMMAR
from transformer_lib.workbench.results import by_seed, recorded
from transformer_lib.workbench.sensitivity import smallest_difference


@pytest.fixture(scope="module")
def baseline():
    return recorded("lab_baseline")


def test_the_grammars_baseline_is_of_the_lab_as_it_is_now(baseline):
    assert baseline["settings"]["lab"] == GRAMMAR.to_dict()
    assert len(by_seed(baseline, "exact_match", "baseline")) == 10


def test_something_can_be_lost_and_a_loss_can_be_seen(baseline):
    """At 70 to 80% exact neither a better nor a worse variant is hidden."""
    exact = [found["ordinary"] for found in by_seed(baseline, "exact_match").values()]
    assert 70 < of_mean(exact).low < of_mean(exact).high < 80
    assert smallest_difference(exact, n=5) < 5  # points


def test_a_job_takes_three_minutes_of_one_core_at_most(baseline):
    assert max(by_seed(baseline, "train_cpu_s").values()) < 180


def test_the_captions_baseline_is_of_the_lab_as_it_is_now():
    captions = recorded("caption_baseline")
    assert captions["settings"]["lab"] == CAPTIONS.to_dict()
    assert len(by_seed(captions, "loss", "baseline")) == 5
    assert max(by_seed(captions, "train_cpu_s").values()) < 600  # ten minutes of one core

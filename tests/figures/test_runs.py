"""The course of a run is drawn from what it recorded."""

import numpy as np
import pytest

from transformer_lib.figures import plot_run
from transformer_lib.figures.runs import at_steps

RECORDS = [
    {"step": 10, "nll": 4.0, "lr": 0.1},
    {"step": 20, "nll": 3.0, "lr": 0.2},
    {"step": 20, "valid_nll": 3.5},
    {"step": 40, "nll": 2.0, "lr": 0.1},
    {"step": 40, "valid_nll": 2.5},
]


def test_both_losses_pass_through_what_was_recorded():
    (axes,) = plot_run(RECORDS, "run: 40 steps").axes
    training, validation = axes.lines
    assert training.get_xydata().tolist() == [[10, 4], [20, 3], [40, 2]]
    np.testing.assert_equal(validation.get_ydata(), [np.nan, 3.5, 2.5])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["training", "validation"]


def test_between_records_lies_a_straight_line_and_beyond_them_nothing():
    np.testing.assert_equal(at_steps([10, 20, 30, 40, 50], RECORDS, "valid_nll"),
                            [np.nan, 3.5, 3.0, 2.5, np.nan])  # fmt: skip


def test_other_keys_can_be_drawn_and_what_is_missing_is_left_out():
    (axes,) = plot_run(RECORDS[:2], "Early").axes
    assert len(axes.lines) == 1
    (axes,) = plot_run(RECORDS, "Rate", curves={"rate": "lr"}, y_label="learning rate").axes
    assert list(axes.lines[0].get_ydata()) == [0.1, 0.2, 0.1]
    assert axes.get_ylabel() == "learning rate"


def test_nothing_recorded_is_refused():
    with pytest.raises(ValueError, match="none of 1 records has nll or valid_nll"):
        plot_run([{"step": 1, "lr": 0.1}], "Nothing")

"""Curves show what they were given."""

import numpy as np
import pytest

from transformer_lib.figures.curves import plot_curve_grid, plot_curves, plot_schedule
from transformer_lib.figures.style import new_figure


def test_a_line_shows_its_values_and_runs_show_mean_and_range():
    figure = plot_curves([1, 2], {"one": [3, 4], "runs": [[1, 2], [5, 4]]}, "Up", "step", "loss")
    (axes,) = figure.axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[3, 4], [3, 3]]
    (band,) = axes.collections
    assert band.get_paths()[0].get_extents().bounds == pytest.approx((1, 1, 1, 4))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "runs"]


def test_axes_can_be_logarithmic():
    figure = plot_curves([1, 2], {"a": [1, 9]}, "Up", "x", "y", log_x=True, log_y=True)
    assert (figure.axes[0].get_xscale(), figure.axes[0].get_yscale()) == ("log", "log")


def test_small_multiples_share_scales_and_one_legend():
    x, curves = [1, 2], {"a": [1, 9], "b": [[2, 3], [4, 5]]}
    panels = {"one": curves, "two": {"a": [5, 6], "b": [0, 0]}, "three": curves}
    figure = plot_curve_grid(x, panels, "Up", "step", "loss")
    axes = figure.axes
    assert [a.get_title("left") for a in axes] == ["one", "two", "three", ""]
    assert len({a.get_ylim() for a in axes[:3]}) == 1
    assert axes[0].get_ylim()[0] < 0 < 9 < axes[0].get_ylim()[1]
    assert [a.get_xlabel() for a in axes] == ["", "step", "step", ""]
    assert figure.get_supylabel() == "loss"
    assert [a.get_legend() for a in axes] == [None] * 4
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b"]
    assert [a.get_visible() for a in axes] == [True, True, True, False]


def test_small_multiples_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="0 panels"):
        plot_curve_grid([1], {}, "Up", "x", "y")
    with pytest.raises(ValueError, match="panel 'two' has the curves"):
        plot_curve_grid([1], {"one": {"a": [1]}, "two": {"b": [1]}}, "Up", "x", "y")


def test_few_points_can_be_marked():
    figure = plot_curves([1, 2], {"a": [1, 9]}, "Up", "x", "y", markers=True)
    assert figure.axes[0].lines[0].get_marker() == "o"


def test_a_curve_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="curve 'a' has 3 points, but x has 2"):
        plot_curves([1, 2], {"a": [1, 2, 3]}, "Up", "x", "y")
    with pytest.raises(ValueError, match="it needs 2 axes"):
        plot_curves([1, 2], {"a": np.ones((2, 2, 2))}, "Up", "x", "y")
    with pytest.raises(ValueError, match="5 things to tell apart"):
        plot_curves([1], {str(i): [i] for i in range(5)}, "Up", "x", "y")


def test_a_schedule_marks_its_peak():
    figure = plot_schedule({"a": [0.1, 0.4, 0.3], "b": [0.5, 0.2, 0.1]}, "Up, then down")
    peaks = [line.get_xydata()[0].tolist() for line in figure.axes[0].lines[2:]]
    assert peaks == [[2, 0.4], [1, 0.5]]


def test_the_legend_of_schedules_stands_clear_of_their_lines():
    steps = np.arange(1, 101)
    late = np.minimum(steps / 40, (40 / steps) ** 0.5)
    figure = plot_schedule({"early, and a long name": late, "late": steps / 100}, "Up")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    box = axes.get_legend().get_window_extent()
    for line in axes.lines:
        assert not box.count_contains(axes.transData.transform(line.get_xydata()))


def test_schedules_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="0 schedules"):
        plot_schedule({}, "Up")
    with pytest.raises(ValueError, match="curve 'b' has 1 points, but x has 2"):
        plot_schedule({"a": [1, 2], "b": [1]}, "Up")


def test_nothing_is_left_in_pyplot():
    from matplotlib import pyplot

    new_figure("Up")
    assert pyplot.get_fignums() == []

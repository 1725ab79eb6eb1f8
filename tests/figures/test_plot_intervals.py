"""Intervals, bars and histograms stand where their numbers say, read back from the axes."""

from itertools import pairwise

import numpy as np
import pytest
from gallery import THREE, Interval
from matplotlib.colors import to_hex

from transformer_lib.figures import plot_bars, plot_curves, plot_intervals
from transformer_lib.figures.intervals import are_intervals, to_intervals

ENDS = [(0.5, 1.5), (1.0, 4.0), (3.0, 3.0)]


def error_bars(axes):
    """The (x, low, high) of every error bar."""
    (bars,) = axes.containers[-1].lines[2]
    return [(line[0, 0], line[0, 1], line[1, 1]) for line in bars.get_segments()]


def test_tuples_of_three_are_intervals_and_lists_are_runs():
    assert are_intervals(THREE)
    assert are_intervals([(1, 0, 2)])
    for runs in ([[1, 0, 2]], np.ones((2, 3)), [1, 2, 3], [(1, 2)], []):
        assert not are_intervals(runs)


def test_a_number_is_an_interval_of_no_width():
    np.testing.assert_array_equal(to_intervals("x", [2, 5]), [[2, 2, 2], [5, 5, 5]])


@pytest.mark.parametrize("wrong", [(1.0, 2.0, 3.0), (4.0, 2.0, 3.0), (float("nan"), 0.0, 1.0)])
def test_an_estimate_beyond_its_ends_is_refused(wrong):
    with pytest.raises(ValueError, match=r"give \(estimate, low, high\)"):
        to_intervals("x", [(1.0, 0.0, 2.0), wrong])


def test_a_curve_of_intervals_has_a_band_from_end_to_end():
    (axes,) = plot_curves([1, 2, 4], {"a": THREE}, "Up", "x", "y").axes
    assert list(axes.lines[0].get_ydata()) == [1, 2, 3]
    (band,) = axes.collections
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
    for x, (low, high) in zip([1, 2, 4], ENDS, strict=True):
        assert {(x, low), (x, high)} <= corners


def test_marked_points_have_error_bars_at_their_ends():
    (axes,) = plot_curves([1, 2, 4], {"a": THREE}, "Up", "x", "y", markers=True).axes
    expected = [(x, *ends) for x, ends in zip([1, 2, 4], ENDS, strict=True)]
    np.testing.assert_allclose(error_bars(axes), expected)


def test_bars_start_at_zero_and_carry_their_intervals():
    names = ["rare", "some", "all"]
    (axes,) = plot_bars(names, {"a": [5, 6, 7], "b": THREE}, "Up", "x", "y", top=10.0).axes
    assert [(bar.get_y(), bar.get_height()) for bar in axes.patches] == [
        (0, 5), (0, 6), (0, 7), (0, 1), (0, 2), (0, 3),
    ]  # fmt: skip
    centres = [bar.get_x() + bar.get_width() / 2 for bar in axes.patches[3:]]
    for (x, low, high), centre, ends in zip(error_bars(axes), centres, ENDS, strict=True):
        assert (x, low, high) == pytest.approx((centre, *ends))
    assert axes.get_ylim() == (0, 10)


def test_bars_of_a_group_stand_side_by_side_about_its_name():
    (axes,) = plot_bars(["one", "two"], {c: [1, 2] for c in "abcd"}, "Up", "x", "y").axes
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches)
    assert all(left[1] < right[0] for left, right in pairwise(spans))
    assert spans[0][0] + spans[3][1] == pytest.approx(0)  # the first name stands at 0
    assert [label.get_text() for label in axes.get_xticklabels()] == ["one", "two"]
    assert len({bar.get_hatch() for bar in axes.patches}) == 4  # told apart without colour


def test_bars_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="series 'a' has 3 heights, but there are 2 names"):
        plot_bars(["one", "two"], {"a": [1, 2, 3]}, "Up", "x", "y")
    with pytest.raises(ValueError, match="5 things to tell apart"):
        plot_bars(["one"], {c: [1] for c in "abcde"}, "Up", "x", "y")


def test_differences_stand_in_order_and_are_hollow_where_none_is_shown():
    rows = {"worse": Interval(-2.0, -3.0, -1.0), "same": Interval(0.1, -0.2, 0.4)}
    (axes,) = plot_intervals(rows, "One is worse", "points").axes
    assert axes.yaxis_inverted()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["worse", "same"]
    worse, dot, same, diamond, reference = axes.lines
    assert [list(line.get_xdata()) for line in (worse, same)] == [[-3, -1], [-0.2, 0.4]]
    assert [list(mark.get_xydata()[0]) for mark in (dot, diamond)] == [[-2, 0], [0.1, 1]]
    assert dot.get_marker() != diamond.get_marker()
    assert to_hex(dot.get_markerfacecolor()) == to_hex(dot.get_color())
    assert diamond.get_markerfacecolor() == "none"
    assert list(reference.get_xdata()) == [0, 0]


def test_without_a_reference_every_mark_is_full():
    (axes,) = plot_intervals({"a": Interval(0.1, -0.2, 0.4)}, "One", "x", reference=None).axes
    assert len(axes.lines) == 2
    assert axes.lines[1].get_markerfacecolor() == axes.lines[1].get_color()


def test_no_interval_is_refused():
    with pytest.raises(ValueError, match="0 intervals"):
        plot_intervals({}, "None", "x")

"""Histograms count as NumPy does; points, paths and names stand where they belong."""

from itertools import pairwise

import numpy as np
import pytest

from transformer_lib.figures import plot_histogram, plot_scatter

VALUES = np.random.default_rng(0).normal(size=500)


def outline_counts(patch, edges):
    """How high an outline stands in the middle of each bin."""
    corners = patch.get_xy()
    tops = {}
    for (x0, y0), (x1, y1) in pairwise(corners):
        if y0 == y1 and x0 < x1:
            tops[(round(x0, 9), round(x1, 9))] = y0
    return [tops.get((round(a, 9), round(b, 9)), 0.0) for a, b in pairwise(edges)]


def test_counts_are_those_of_numpy_and_two_samples_share_bins():
    samples = {"a": VALUES, "b": VALUES[:200] + 2}
    (axes,) = plot_histogram(samples, "Two", "score", "count", bins=12).axes
    edges = np.histogram_bin_edges(np.concatenate(list(samples.values())), 12)
    for patch, values in zip(axes.patches, samples.values(), strict=True):
        assert outline_counts(patch, edges) == np.histogram(values, edges)[0].tolist()
    assert len({patch.get_linestyle() for patch in axes.patches}) == 2


def test_bins_can_be_given():
    edges = [0.0, 1.0, 4.0]
    (axes,) = plot_histogram({"a": [0.5, 2, 3]}, "Given", "x", "n", bins=edges).axes
    assert outline_counts(axes.patches[0], edges) == [1, 2]


def test_marks_and_intervals_stand_at_their_values():
    looks = {"marks": {"published": 1.5}, "intervals": {"95%": (0.0, -1.0, 1.0)}}
    (axes,) = plot_histogram({"draws": VALUES}, "One", "BLEU", "draws", **looks).axes
    assert list(axes.lines[0].get_xdata()) == [1.5, 1.5]
    span = axes.patches[-1].get_extents().transformed(axes.transData.inverted())
    assert (span.x0, span.x1) == pytest.approx((-1, 1))
    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert named == ["draws", "95%", "published"]


def test_samples_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match="0 samples"):
        plot_histogram({}, "None", "x", "n")
    with pytest.raises(ValueError, match=r"sample 'a' has shape \(0,\)"):
        plot_histogram({"a": []}, "None", "x", "n")


def test_points_paths_and_names_stand_in_their_places():
    groups = {"values": [[0, 1], [2, 3]], "start": [[5, 6]]}
    figure = plot_scatter(
        groups, "Where", "x", "y", paths={"way": [[0, 0], [1, 1]]}, names=["a", "b"]
    )
    (axes,) = figure.axes
    way, values, start = axes.lines
    assert [line.get_xydata().tolist() for line in (way, values, start)] == [
        [[0, 0], [1, 1]], *groups.values(),
    ]  # fmt: skip
    assert [(text.get_text(), text.xy) for text in axes.texts] == [("a", (0, 1)), ("b", (2, 3))]
    assert values.get_linestyle() == start.get_linestyle() == "None"
    assert values.get_marker() != start.get_marker()


def test_axes_of_points_can_be_logarithmic_or_equal():
    (axes,) = plot_scatter({"a": [[1, 2], [8, 9]]}, "T", "x", "y", log_x=True, log_y=True).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    (axes,) = plot_scatter({"a": [[1, 2], [8, 9]]}, "T", "x", "y", equal=True).axes
    assert axes.get_aspect() == 1


def test_points_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="needs pairs"):
        plot_scatter({"a": [[1, 2, 3]]}, "T", "x", "y")
    with pytest.raises(ValueError, match="1 points in the first group, but 2 names"):
        plot_scatter({"a": [[1, 2]]}, "T", "x", "y", names=["a", "b"])

"""Matrices are drawn to scale, side by side."""

import pytest

from transformer_lib.figures.shapes import plot_shapes
from transformer_lib.figures.style import to_svg

PARTS = [("$Q$", 6, 4), "·", (r"$K^\top$", 4, 6), "=", ("scores", 6, 6)]


def test_rectangles_have_their_sizes_and_do_not_overlap():
    (axes,) = plot_shapes(PARTS, "Two sizes must agree").axes
    assert [(r.get_height(), r.get_width()) for r in axes.patches] == [(6, 4), (4, 6), (6, 6)]
    for left, right in zip(axes.patches, axes.patches[1:], strict=False):
        assert left.get_x() + left.get_width() < right.get_x()
    assert [text.get_text() for text in axes.texts][:2] == ["$Q$\n6 × 4", "·"]
    assert axes.get_aspect() == 1


def test_the_drawing_is_stable():
    assert to_svg(plot_shapes(PARTS, "Same")) == to_svg(plot_shapes(PARTS, "Same"))


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="0 matrices"):
        plot_shapes(["="], "Nothing")
    with pytest.raises(ValueError, match="Q is 0 × 4"):
        plot_shapes([("Q", 0, 4)], "Nothing")

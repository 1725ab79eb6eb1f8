"""Networks: every line is drawn, and the marked way runs along lines."""

import pytest
from gallery import CHAIN, WORDS

from transformer_lib.figures import Network, plot_networks


def test_lines_dots_and_way_stand_in_their_places():
    first, second = plot_networks({"a": CHAIN, "b": CHAIN}, WORDS, "Ways").axes
    *lines, way, dots = first.lines
    drawn = [tuple(map(tuple, line.get_xydata().tolist())) for line in lines]
    assert drawn == [tuple(line) for line in CHAIN.lines]
    assert [tuple(dot) for dot in way.get_xydata()] == CHAIN.way
    assert len(dots.get_xydata()) == 12
    assert first.get_title() == "a\n2 lines"
    assert [label.get_text() for label in first.get_xticklabels()] == WORDS
    assert first.get_ylim() == second.get_ylim()


def test_a_single_line_is_counted_in_the_singular():
    network = Network([((0, 0), (1, 1))], [(0, 0), (1, 1)])
    (axes,) = plot_networks({"a": network}, ["x", "y"], "One").axes
    assert axes.get_title() == "a\n1 line"


def test_a_way_off_the_lines_is_refused():
    with pytest.raises(ValueError, match=r"'a' goes from \(0, 0\) to \(2, 1\): no such line"):
        plot_networks({"a": CHAIN._replace(way=[(0, 0), (2, 1)])}, WORDS, "Jump")

"""Figures read on both grounds, say the same twice, and refuse what they cannot draw."""

import re
from itertools import combinations, pairwise

import numpy as np
import pytest
import torch

from transformer_lib.figures import style
from transformer_lib.figures.curves import plot_curves


def luminance(colour):
    """WCAG 2.2, relative luminance of '#rrggbb'."""
    channels = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(first, second):
    """WCAG 2.2, contrast ratio, from 1 to 21."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def curve():
    return plot_curves([1, 2, 3], {"a": [3, 1, 2], "b": [[1, 2, 3], [2, 3, 5]]}, "Up", "x", "y")


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("ground", [style.LIGHT_GROUND, style.DARK_GROUND])
@pytest.mark.parametrize("colour", [style.GREY, *style.PALETTE.values()])
def test_every_colour_stands_out_from_both_grounds(colour, ground):
    assert contrast(colour, ground) >= 3


def as_seen_by_a_deuteranope(colour):
    """Viénot, Brettel and Mollon 1999: red and green collapse; the result is linear RGB."""
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c**2.2 for c in (red, green, blue))
    mixed = 0.29275 * red + 0.70725 * green
    return np.array([mixed, mixed, -0.02234 * red + 0.02234 * green + blue]).clip(0)


def test_colours_differ_without_red_and_green():
    seen = [as_seen_by_a_deuteranope(c) ** (1 / 2.2) for c in style.PALETTE.values()]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 0.1


def test_curves_differ_without_colour():
    looks = [style.line_look(i)["linestyle"] for i in range(len(style.PALETTE))]
    assert len(set(looks)) == len(looks)


def test_svg_is_the_same_twice_and_from_a_new_figure():
    figure = curve()
    first = style.to_svg(figure)
    assert style.to_svg(figure) == first
    assert style.to_svg(curve()) == first
    assert style.to_png(curve()) == style.to_png(curve())


def test_svg_is_the_same_when_last_bits_differ():
    third = np.array([1, 2, 3]) / 3
    figures = [
        plot_curves([1, 2, 3], {"a": np.stack([third, third + wobble])}, "Up", "x", "y")
        for wobble in (1.0, 1.0 + 1e-9)
    ]
    assert style.to_svg(figures[0]) == style.to_svg(figures[1])


def test_rounding_keeps_the_letters_size():
    assert "scale(0.015625)" in style.to_svg(curve())


def test_svg_has_no_white_face_no_date_and_no_version():
    svg = style.to_svg(curve())
    assert not re.search(r"fill: *(#fff|white)", svg)
    assert not re.search(r"<dc:|[Mm]atplotlib v|20\d\d-", svg)


def test_what_the_caller_adds_keeps_the_style():
    with style.house_style():
        figure, (axes,) = style.new_figure("Up")
        axes.plot([1, 2], label="a")
        axes.legend()
        axes.text(1, 1, "here")
    svg = style.to_svg(figure)
    foreign = [colour for colour in ("#ffffff", "#000000") if colour in svg]
    assert not foreign
    assert axes.texts[0].get_color() == style.GREY


def test_png_is_transparent():
    import io

    from matplotlib.image import imread

    assert imread(io.BytesIO(style.to_png(curve())))[0, 0, 3] == 0


def test_the_title_is_the_message():
    assert curve().get_suptitle() == "Up"
    with pytest.raises(ValueError, match="title is empty"):
        style.new_figure(" ")


def test_a_title_is_broken_where_it_would_be_too_wide():
    title = "one word after the other until there is no room for another one"
    lines = style.broken(title, 2.0).split("\n")
    assert " ".join(lines) == title
    assert len(lines) > 2
    assert max(map(style._inches, lines)) <= 2.0
    pairs = pairwise(lines)
    assert all(style._inches(f"{a} {b.split()[0]}") > 2.0 for a, b in pairs)  # each line is full


def test_a_title_keeps_its_own_breaks_and_its_formulas():
    assert style.broken("one\ntwo", 9.0) == "one\ntwo"
    assert style.broken("the $d_k = 1$ end", 0.1) == "the\n$d_k = 1$\nend"


def test_a_figure_has_the_rows_and_columns_asked_for():
    _, axes = style.new_figure("Six", n_rows=2, n_columns=3)
    places = [a.get_subplotspec() for a in axes]
    assert [(p.rowspan.start, p.colspan.start) for p in places] == [
        (row, column) for row in range(2) for column in range(3)
    ]
    with pytest.raises(ValueError, match="n_rows is 1, n_columns is 0"):
        style.new_figure("None", n_columns=0)


def test_one_curve_too_many():
    with pytest.raises(ValueError, match="5 things to tell apart, but 4 colours"):
        style.line_look(4)


def test_tensors_and_lists_become_arrays():
    tensor = torch.ones(2, 3, requires_grad=True)
    assert style.to_array("x", tensor, 2).dtype == np.float64
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\); it needs 1 axes"):
        style.to_array("x", tensor, 1)
    with pytest.raises(ValueError, match=r"shape \(0,\)"):
        style.to_array("x", [], 1)


def test_show_displays_one_picture_and_its_message(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    style.show(curve())
    style.show(curve(), dense=True)
    assert [set(data) for data in shown] == [
        {"image/svg+xml", "text/plain"},
        {"image/png", "text/plain"},
    ]
    assert shown[0]["text/plain"] == "Up"

"""What must hold of every figure, whatever it shows."""

import inspect
import io
import re

import pytest
from gallery import GALLERY, LONG
from matplotlib import rcParams
from matplotlib.image import imread
from matplotlib.text import Text

from transformer_lib import figures

every_figure = pytest.mark.parametrize("make", GALLERY.values(), ids=GALLERY)


@pytest.fixture(scope="module", params=GALLERY.values(), ids=GALLERY)
def figure(request):
    """Every figure, drawn once for all tests that only look at it."""
    figure = request.param()
    figure.draw_without_rendering()
    return figure


def test_the_gallery_has_every_kind_of_figure():
    kinds = {name.split(",")[0] for name in GALLERY}
    makers = {n for n in figures.__all__ if n.startswith("plot_") or n.endswith(("_map", "_grid"))}
    assert kinds == makers


@every_figure
def test_the_picture_is_the_same_byte_for_byte(make):
    figure = make()
    first = figures.to_svg(figure)
    again, anew = figures.to_svg(figure) == first, figures.to_svg(make()) == first
    assert (again, anew) == (True, True)  # not the texts themselves: pytest would compare lines
    assert not re.search(r"<dc:|[Mm]atplotlib v|20\d\d-", first)


def test_the_ground_shines_through(figure):
    picture = imread(io.BytesIO(figures.to_png(figure, dpi=40)))
    for corner in picture[0, 0], picture[0, -1], picture[-1, 0], picture[-1, -1]:
        assert corner[3] == 0


def test_the_title_is_the_message_and_is_the_text_of_the_picture(figure):
    assert figure.get_suptitle().replace("\n", " ") == LONG


def test_letters_are_large_enough(figure):
    assert min(text.get_size() for text in figure.findobj(Text)) >= 8


def test_nothing_is_cut_off(figure):
    ink = figure.get_tightbbox()  # inches
    width, height = figure.get_size_inches()
    assert min(ink.x0, ink.y0) >= -0.01
    assert ink.x1 <= width + 0.01
    assert ink.y1 <= height + 0.01


def test_no_figure_is_wider_than_the_page(figure):
    assert figure.get_figwidth() <= 6.6


@every_figure
def test_the_callers_own_settings_stay(make):
    before = dict(rcParams)
    make()
    assert dict(rcParams) == before


@pytest.mark.parametrize("name", figures.__all__)
def test_switches_are_given_by_name(name):
    function = getattr(figures, name)
    if not inspect.isfunction(function):
        return
    for parameter in inspect.signature(function).parameters.values():
        if isinstance(parameter.default, bool):
            assert parameter.kind is parameter.KEYWORD_ONLY, f"{name}: {parameter}"

"""Maps show each number in its place: the highest brightest, plus and minus told apart."""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from test_style import contrast, luminance

from transformer_lib.figures import attention, signed
from transformer_lib.figures.attention import attention_grid, attention_map
from transformer_lib.figures.maps import Scale
from transformer_lib.figures.signed import signed_grid, signed_map

QUERIES = ["der", "müde", "Bär"]
KEYS = ["the", "tired"]
WEIGHTS = torch.tensor([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])
SIGNED = np.array([[-2.0, 1.0], [0.0, 0.5], [0.25, -0.25]])
ENDS = {"rows": "from", "columns": "to"}


def names_of(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def cells(axes):
    return axes.collections[0].get_array()


def shown(axes):
    """The colour of each cell, as it is drawn: luminance, [rows, columns]."""
    (mesh,) = axes.collections
    return np.vectorize(lambda v: luminance(to_hex(mesh.cmap(mesh.norm(v)))))(mesh.get_array())


def test_rows_are_queries_from_the_top_and_columns_keys_from_the_left():
    (axes,) = attention_map(WEIGHTS, QUERIES, KEYS, "Who looks at whom").axes
    assert names_of(axes.yaxis) == QUERIES
    assert names_of(axes.xaxis) == KEYS
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("queries", "keys")
    assert axes.yaxis_inverted()
    assert not axes.xaxis_inverted()
    np.testing.assert_allclose(cells(axes), WEIGHTS)


def test_a_map_says_what_its_rows_and_columns_are():
    ends = {"rows": "target words", "columns": "source words"}
    (axes,) = attention_map(WEIGHTS, QUERIES, KEYS, "Who looks at whom", **ends).axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("target words", "source words")


def test_names_stand_in_the_middle_of_their_cells():
    (axes,) = attention_map(WEIGHTS, QUERIES, KEYS, "Who looks at whom").axes
    np.testing.assert_allclose(axes.get_yticks(), [0.5, 1.5, 2.5])
    np.testing.assert_allclose(axes.get_xticks(), [0.5, 1.5])


@pytest.mark.parametrize("scores", [WEIGHTS, WEIGHTS * 0.1])
def test_more_weight_is_brighter_and_the_highest_has_the_brightest_colour(scores):
    (axes,) = attention_map(scores, QUERIES, KEYS, "Bright").axes
    bright = shown(axes)
    order = np.argsort(scores.flatten().numpy(), kind="stable")
    assert (np.diff(bright.flat[order]) >= 0).all()
    assert bright.max() == pytest.approx(luminance(to_hex(attention.COLOURS(1.0))))
    assert bright.min() == pytest.approx(luminance(to_hex(attention.COLOURS(0.0))))


@pytest.mark.parametrize("colours", [attention.COLOURS, signed.COLOURS])
def test_brightness_alone_tells_which_is_more(colours):
    levels = [luminance(to_hex(colours(level))) for level in np.linspace(0, 1, 101)]
    assert (np.diff(levels) > 0).all()


def test_small_maps_print_their_numbers_and_large_ones_have_a_colour_bar():
    figure = attention_map(WEIGHTS, QUERIES, KEYS, "Who looks at whom")
    (axes,) = figure.axes
    printed = {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in axes.texts}
    assert printed[(0.5, 1.5)] == "0.75"
    assert printed[(1.5, 0.5)] == "1.00"
    axes, bar = attention_map(np.full((20, 20), 0.05), ["x"] * 20, ["y"] * 20, "Even").axes
    assert not axes.texts
    assert bar.get_ylabel() == "weight"


def test_signed_numbers_carry_their_sign():
    (axes,) = signed_map(SIGNED, QUERIES, KEYS, "Signs", **ENDS).axes
    assert [t.get_text() for t in axes.texts][:2] == ["−2.00", "+1.00"]


@pytest.mark.parametrize("scale", [
    Scale(attention.COLOURS, 0.0, 0.4, "", ".2f"), Scale(signed.COLOURS, -2.0, 2.0, "", "+.2f"),
])  # fmt: skip
def test_printed_numbers_can_be_read_on_their_colour(scale):
    for value in np.linspace(scale.low, scale.high, 41):
        cell = scale.colours((value - scale.low) / (scale.high - scale.low))
        assert contrast({"black": "#000000", "white": "#ffffff"}[scale.ink(value)],
                        to_hex(cell)) >= 4.5  # fmt: skip


@pytest.mark.parametrize("values", [SIGNED, -SIGNED])
def test_the_scale_of_signed_values_is_centred_on_zero(values):
    (axes,) = signed_map(values, QUERIES, KEYS, "Signs", **ENDS).axes
    (mesh,) = axes.collections
    assert mesh.get_clim() == (-2, 2)
    red, green, blue, _ = mesh.cmap(mesh.norm(0.0))
    assert max(red, green, blue) - min(red, green, blue) < 0.03  # zero is grey
    both = signed.COLOURS(np.linspace(0, 1, 257))
    assert (both[:100, 2] > both[:100, 0]).all()  # below zero more blue than red
    assert (both[-100:, 2] < both[-100:, 0]).all()


@pytest.mark.parametrize("ground", ["#ffffff", "#121212"])
def test_zero_is_seen_on_both_grounds(ground):
    assert contrast(to_hex(signed.COLOURS(128)), ground) >= 3


def test_a_given_ceiling_makes_maps_comparable():
    (axes,) = attention_map(WEIGHTS / 4, QUERIES, KEYS, "Dim", highest=0.5).axes
    assert axes.collections[0].get_clim() == (0, 0.5)
    (axes,) = signed_map(SIGNED, QUERIES, KEYS, "Signs", limit=4.0, **ENDS).axes
    assert axes.collections[0].get_clim() == (-4, 4)


def test_a_grid_has_one_scale_over_all_its_maps():
    weights = torch.stack([WEIGHTS * 0.2, WEIGHTS * 0.5, WEIGHTS * 0.1])
    *panels, bar = attention_grid(weights, QUERIES, KEYS, "Three heads").axes
    assert {panel.collections[0].get_clim() for panel in panels} == {(0, 0.5)}
    for panel, table in zip(panels, weights, strict=True):
        np.testing.assert_allclose(cells(panel), table)
    assert bar.get_ylabel() == "weight"
    maps = np.stack([SIGNED, -3 * SIGNED])
    grid = signed_grid(maps, QUERIES, KEYS, "Signs", map_names=["a", "b"], **ENDS)
    assert {panel.collections[0].get_clim() for panel in grid.axes[:-1]} == {(-6, 6)}


def test_a_grid_is_named_at_its_edge_only():
    figure = attention_grid(WEIGHTS.expand(8, 3, 2), QUERIES, KEYS, "Eight heads")
    *panels, _ = figure.axes
    assert [panel.get_title() for panel in panels] == [f"head {i}" for i in range(1, 9)]
    assert [names_of(panel.yaxis) for panel in panels] == [QUERIES, [], [], []] * 2
    assert [names_of(panel.xaxis) for panel in panels] == [[]] * 4 + [KEYS] * 4
    assert (figure.get_supylabel(), figure.get_supxlabel()) == ("queries", "keys")


def test_the_last_line_of_a_grid_may_be_shorter():
    *panels, _ = attention_grid(WEIGHTS.expand(5, 3, 2), QUERIES, KEYS, "Five heads").axes
    assert [panel.get_visible() for panel in panels] == [True] * 5 + [False]
    assert [names_of(panel.xaxis) for panel in panels[:5]] == [[], [], KEYS, KEYS, KEYS]


def test_layers_are_lines_and_heads_columns():
    weights = torch.rand(2, 3, 3, 2) / 2
    *panels, _ = attention_grid(weights, QUERIES, KEYS, "Two layers").axes
    np.testing.assert_allclose(cells(panels[4]), weights[1, 1])
    assert [panel.get_title() for panel in panels] == ["head 1", "head 2", "head 3", "", "", ""]
    assert [panel.get_ylabel() for panel in panels] == ["layer 1", "", "", "layer 2", "", ""]
    rows = [panel.get_subplotspec().rowspan.start for panel in panels]
    assert rows == [0, 0, 0, 1, 1, 1]


def test_names_that_would_touch_are_left_out_evenly():
    n = 64
    names = [str(i) for i in range(n)]
    axes, _ = signed_map(np.eye(n), names, names, "Large", rows="i", columns="j").axes
    shown_names, places = names_of(axes.yaxis), axes.get_yticks()
    assert shown_names == [str(int(place)) for place in places]
    assert 2 < places[1] - places[0] + 1 < n / 8


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 2\), but there are names of 2 rows and 3"):
        attention_map(WEIGHTS, KEYS, QUERIES, "Turned")
    with pytest.raises(ValueError, match=r"shape \(1, 3, 2\); it needs 2 axes"):
        attention_map(WEIGHTS[None], QUERIES, KEYS, "One axis too many")
    with pytest.raises(ValueError, match="1 names of maps and 0 of lines; give 2 and 0"):
        attention_grid(WEIGHTS.expand(2, 3, 2), QUERIES, KEYS, "Two", map_names=["a"])


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_scores_are_not_weights(wrong):
    scores = WEIGHTS.clone()
    scores[0, 0] = wrong
    with pytest.raises(ValueError, match="apply softmax first"):
        attention_map(scores, QUERIES, KEYS, "Scores")


@pytest.mark.parametrize(("wrong", "limit"), [(2.5, 2.0), (float("nan"), None)])
def test_a_value_beyond_the_limit_is_refused(wrong, limit):
    values = SIGNED.copy()
    values[0, 0] = wrong
    with pytest.raises(ValueError, match="must be finite and at most the limit"):
        signed_map(values, QUERIES, KEYS, "Large", limit=limit, **ENDS)


@pytest.mark.parametrize("draw", [attention_map, attention_grid])
def test_a_map_of_zeros_is_dark(draw):
    weights = torch.zeros(3, 2) if draw is attention_map else torch.zeros(2, 3, 2)
    axes = draw(weights, QUERIES, KEYS, "Nothing").axes[0]
    assert shown(axes).max() < 0.05

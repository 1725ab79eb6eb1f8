"""Maps of attention show each weight in its place."""

import numpy as np
import pytest
import torch
from test_style import contrast

from transformer_lib.figures import attention
from transformer_lib.figures.style import new_figure, to_svg

QUERIES = ["der", "müde", "Bär"]
KEYS = ["the", "tired"]
WEIGHTS = torch.tensor([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])


def test_rows_are_queries_from_the_top_and_columns_keys_from_the_left():
    (axes,) = attention.plot_attention(WEIGHTS, QUERIES, KEYS, "Who looks at whom").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == QUERIES
    assert [label.get_text() for label in axes.get_xticklabels()] == KEYS
    assert axes.yaxis_inverted()
    assert not axes.xaxis_inverted()
    (mesh,) = axes.collections
    np.testing.assert_allclose(mesh.get_array(), WEIGHTS)
    assert mesh.get_clim() == (0, 1)


def test_small_maps_print_their_weights():
    (axes,) = attention.plot_attention(WEIGHTS, QUERIES, KEYS, "Who looks at whom").axes
    printed = {(t.get_position()[1], t.get_position()[0]): t.get_text() for t in axes.texts}
    assert printed[(0.5, 1.5)] == "0.75"
    assert printed[(1.5, 0.5)] == "1.00"
    large = np.full((9, 9), 1 / 9)
    assert not attention.plot_attention(large, ["x"] * 9, ["y"] * 9, "Even").axes[0].texts


@pytest.mark.parametrize("level", np.linspace(0, 1, 21))
def test_printed_weights_can_be_read_on_their_colour(level):
    from matplotlib.colors import to_hex

    cell = attention.colormaps[attention.WEIGHT_COLOURS](level)
    assert contrast(to_hex(attention.text_colour(level)), to_hex(cell)) >= 4.5


def test_long_names_stand_upright_and_the_map_is_stable():
    n = 20
    figures = [
        attention.plot_attention(np.full((n, n), 1 / n), ["größe"] * n, ["größe"] * n, "Even")
        for _ in range(2)
    ]
    assert {t.get_rotation() for t in figures[0].axes[0].get_xticklabels()} == {90}
    first = to_svg(figures[0])
    assert to_svg(figures[0]) == first
    assert to_svg(figures[1]) == first


def test_a_lower_ceiling_makes_small_weights_bright():
    _, (axes,) = new_figure("Bright")
    attention.draw_attention(axes, WEIGHTS / 2, QUERIES, KEYS, highest=0.5)
    assert axes.collections[0].get_clim() == (0, 0.5)


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3, 2\), but there are 2 query tokens and 3"):
        attention.plot_attention(WEIGHTS, KEYS, QUERIES, "Turned")
    with pytest.raises(ValueError, match=r"shape \(1, 3, 2\); it needs 2 axes"):
        attention.plot_attention(WEIGHTS[None], QUERIES, KEYS, "One axis too many")


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_scores_are_not_weights(wrong):
    scores = WEIGHTS.clone()
    scores[0, 0] = wrong
    with pytest.raises(ValueError, match="apply softmax first"):
        attention.plot_attention(scores, QUERIES, KEYS, "Scores")

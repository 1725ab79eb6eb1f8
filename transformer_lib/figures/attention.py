"""Maps of attention: who looks at whom, and how much (sections 3.2.1 and the appendix)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transformer_lib.figures.style import new_figure, to_array

WEIGHT_COLOURS = "cividis"  # the same to all eyes: brighter is more
LARGEST_WITH_NUMBERS = 8  # rows or columns; beyond, numbers would not fit into the cells


def draw_attention(
    axes: Axes,
    weights: Any,
    query_tokens: Sequence[str],
    key_tokens: Sequence[str],
    highest: float = 1.0,
) -> None:
    """Draw a map of weights into axes of `new_figure`: a row for each query, a column for each key.

    Small maps have the weight printed in each cell.

    Args:
        axes: where to draw.
        weights: [queries, keys], from 0 to `highest`.
        query_tokens: names of the rows, top to bottom.
        key_tokens: names of the columns, left to right.
        highest: the weight that gets the brightest colour.

    Raises:
        ValueError: the names do not fit the weights, or a weight lies outside 0 to `highest`.
    """
    table = to_array("weights", weights, 2)
    if table.shape != (len(query_tokens), len(key_tokens)):
        raise ValueError(
            f"weights have shape {table.shape}, but there are {len(query_tokens)} query tokens "
            f"and {len(key_tokens)} key tokens; give a row for each query, a column for each key"
        )
    if not (table.min() >= 0 and table.max() <= highest + 1e-6):
        raise ValueError(
            f"weights run from {table.min():.3g} to {table.max():.3g}; they must lie in "
            f"0..{highest:g}; apply softmax first, or set highest"
        )
    axes.pcolormesh(table, cmap=WEIGHT_COLOURS, vmin=0, vmax=highest, edgecolors="face", lw=0.4)
    _label(axes, query_tokens, key_tokens)
    if max(table.shape) <= LARGEST_WITH_NUMBERS:
        _print_weights(axes, table, highest)


def _label(axes: Axes, query_tokens: Sequence[str], key_tokens: Sequence[str]) -> None:
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    turned = {"rotation": 45, "ha": "left"} if len(key_tokens) <= 12 else {"rotation": 90}
    axes.set_xticks(np.arange(len(key_tokens)) + 0.5, key_tokens, **turned)
    axes.set_yticks(np.arange(len(query_tokens)) + 0.5, query_tokens)
    axes.set(xlabel="keys", ylabel="queries")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _print_weights(axes: Axes, table: np.ndarray, highest: float) -> None:
    for (row, column), weight in np.ndenumerate(table):
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{weight:.2f}",
            color=text_colour(weight / highest),
            size=8,
            ha="center",
            va="center",
        )


def text_colour(level: float) -> str:
    """Return black or white, whichever reads on the colour of a weight between 0 and 1."""
    red, green, blue, _ = colormaps[WEIGHT_COLOURS](level)
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.45 else "white"


def plot_attention(
    weights: Any,
    query_tokens: Sequence[str],
    key_tokens: Sequence[str],
    title: str,
    highest: float = 1.0,
) -> Figure:
    """Make a figure of `draw_attention`; `title` is its message.

    Raises:
        ValueError: as `draw_attention`, or the title is empty.
    """
    names = 0.4 + 0.08 * max(map(len, query_tokens))  # inches, about, beside the rows
    cell = min(0.45, (5.6 - names) / len(key_tokens))
    figure, (axes,) = new_figure(title, height=cell * len(query_tokens) + 1.4)
    draw_attention(axes, weights, query_tokens, key_tokens, highest)
    return figure

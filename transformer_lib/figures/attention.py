"""Maps of attention: who looks at whom, and how much (sections 3.2.1 and the appendix)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from transformer_lib.figures.grids import grid_of
from transformer_lib.figures.maps import Names, Scale, check_names, map_of
from transformer_lib.figures.style import to_array

COLOURS = colormaps["cividis"]  # brighter is more, to all eyes and in grey


def attention_map(
    weights: Any,
    query_tokens: Sequence[str],
    key_tokens: Sequence[str],
    title: str,
    *,
    rows: str = "queries",
    columns: str = "keys",
    highest: float | None = None,
) -> Figure:
    """Draw one map of weights: a row for each query, a column for each key, the highest brightest.

    Up to about ten keys, each cell has its weight in it; beyond, a bar says what colours mean.

    Args:
        weights: [queries, keys], as a softmax makes them.
        query_tokens: names of the rows, from the top.
        key_tokens: names of the columns, from the left.
        title: the message.
        rows: what the rows are, such as "target pieces".
        columns: what the columns are, such as "source pieces".
        highest: the weight that gets the brightest colour; None takes the highest of the map. Give
            it where two figures are to be compared.

    Raises:
        ValueError: the names do not fit the weights, a weight lies outside 0 to `highest`, or the
            title is empty.
    """
    table = to_array("weights", weights, 2)
    names = Names(rows, columns, query_tokens, key_tokens)
    check_names("weights", table.shape, names)
    return map_of(table, names, _scale(table, highest), title)


def attention_grid(
    weights: Any,
    query_tokens: Sequence[str],
    key_tokens: Sequence[str],
    title: str,
    *,
    map_names: Sequence[str] | None = None,
    line_names: Sequence[str] | None = None,
    rows: str = "queries",
    columns: str = "keys",
    highest: float | None = None,
) -> Figure:
    """Draw maps side by side under one scale, such as the heads of a layer, or of every layer.

    Args:
        weights: [heads, queries, keys], set line by line; or [layers, heads, queries, keys], a line
            of the grid for each layer.
        query_tokens: names of the rows of every map.
        key_tokens: names of the columns of every map.
        title: the message.
        map_names: what stands above the maps; None counts "head 1", "head 2", ...
        line_names: what stands beside the lines; None counts "layer 1", "layer 2", ...
        rows: as in `attention_map`.
        columns: as in `attention_map`.
        highest: as in `attention_map`, of all maps.

    Raises:
        ValueError: as `attention_map`, or other numbers of names than of maps and lines.
    """
    tables = to_array("weights", weights, 4 if np.ndim(weights) == 4 else 3)
    names = Names(rows, columns, query_tokens, key_tokens)
    check_names("weights", tables.shape, names)
    n_lines = len(tables) if tables.ndim == 4 else 0
    map_names = _counted("head", tables.shape[-3]) if map_names is None else map_names
    line_names = _counted("layer", n_lines) if line_names is None else line_names
    return grid_of(tables, names, _scale(tables, highest), title, map_names, line_names)


def _scale(weights: np.ndarray, highest: float | None) -> Scale:
    top = float(weights.max()) if highest is None else highest
    if not (weights.min() >= 0 and weights.max() <= min(top, 1.0) + 1e-6):
        raise ValueError(
            f"weights run from {weights.min():.3g} to {weights.max():.3g}; they must lie in "
            f"0..{min(top, 1.0):g}; apply softmax first, or set highest"
        )
    return Scale(COLOURS, 0.0, top or 1.0, "weight", ".2f")


def _counted(what: str, n: int) -> list[str]:
    return [f"{what} {i}" for i in range(1, n + 1)]

"""Maps of signed values: zero is grey, more is brighter, less is darker and blue."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from transformer_lib.figures.grids import grid_of
from transformer_lib.figures.maps import Names, Scale, check_names, map_of
from transformer_lib.figures.style import to_array

# Brightness alone tells plus from minus, so print and every eye can. A white or black zero would
# vanish in one theme of the page and glare in the other.
COLOURS = LinearSegmentedColormap.from_list(
    "signed", ["#00245c", "#2a63ae", "#8c8f93", "#e3a53a", "#ffdf7e"], N=257
)


def signed_map(
    values: Any,
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str,
    *,
    rows: str,
    columns: str,
    label: str = "value",
    limit: float | None = None,
) -> Figure:
    """Draw one map of values of both signs, such as scores, positions or differences of weights.

    Up to about ten columns, each cell has its value in it; beyond, a bar says what colours mean.

    Args:
        values: [rows, columns].
        row_names: names of the rows, from the top.
        column_names: names of the columns, from the left.
        title: the message.
        rows: what the rows are.
        columns: what the columns are.
        label: what the values are, with their unit, for the colour bar.
        limit: the scale runs from -limit to limit; None takes the largest size of a value. Give it
            where two figures are to be compared.

    Raises:
        ValueError: the names do not fit the values, a value is larger than `limit`, or the title
            is empty.
    """
    table = to_array("values", values, 2)
    names = Names(rows, columns, row_names, column_names)
    check_names("values", table.shape, names)
    return map_of(table, names, _scale(table, label, limit), title)


def signed_grid(
    values: Any,
    row_names: Sequence[str],
    column_names: Sequence[str],
    title: str,
    *,
    map_names: Sequence[str],
    line_names: Sequence[str] = (),
    rows: str,
    columns: str,
    label: str = "value",
    limit: float | None = None,
) -> Figure:
    """Draw maps of signed values side by side under one scale.

    Args:
        values: [maps, rows, columns], set line by line; or [lines, maps, rows, columns].
        row_names: names of the rows of every map.
        column_names: names of the columns of every map.
        title: the message.
        map_names: what stands above the maps.
        line_names: what stands beside the lines, where there are lines.
        rows: as in `signed_map`.
        columns: as in `signed_map`.
        label: as in `signed_map`.
        limit: as in `signed_map`, of all maps.

    Raises:
        ValueError: as `signed_map`, or other numbers of names than of maps and lines.
    """
    tables = to_array("values", values, 4 if np.ndim(values) == 4 else 3)
    names = Names(rows, columns, row_names, column_names)
    check_names("values", tables.shape, names)
    return grid_of(tables, names, _scale(tables, label, limit), title, map_names, line_names)


def _scale(values: np.ndarray, label: str, limit: float | None) -> Scale:
    largest = float(np.abs(values).max())
    limit = largest if limit is None else limit
    if not largest <= limit + 1e-6:
        raise ValueError(
            f"the largest size of a value is {largest:.3g}; it must be finite and at most the "
            f"limit, {limit:g}"
        )
    return Scale(COLOURS, -(limit or 1.0), limit or 1.0, label, "+.2f")

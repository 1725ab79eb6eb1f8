"""Grids of maps: many tables under one scale, named at the outer edge only."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transformer_lib.figures.maps import (
    BAR,
    LARGEST_CELL,
    LINE,
    NARROWEST,
    WIDEST,
    Names,
    Scale,
    add_bar,
    between,
    draw_cells,
    make_room_for_title,
    name_columns,
    name_rows,
)
from transformer_lib.figures.style import house_style, new_figure

MOST_COLUMNS = 4  # unless the caller's array says otherwise
GAP = 0.1  # inches between two maps
HEAD = 0.3  # inches above a map, for its name
LINE_NAME = 0.2  # inches beside a line, for its name


@house_style()
def grid_of(
    tables: np.ndarray,
    names: Names,
    scale: Scale,
    title: str,
    map_names: Sequence[str],
    line_names: Sequence[str] = (),
) -> Figure:
    """Make a figure of maps with one scale, one colour bar and names at the edge.

    Args:
        tables: [maps, rows, columns], set line by line; or [lines, maps in a line, rows, columns].
        names: of the rows and columns of every map.
        scale: what the colours mean.
        title: the message.
        map_names: one above each map; with lines, one above each column of the grid.
        line_names: one beside each line, where there are lines.

    Raises:
        ValueError: the title is empty, or there is another number of names than of maps or lines.
    """
    check_grid_names(tables, map_names, line_names)
    n_rows, n_across = tables.shape[-2:]
    beside = names.beside + (LINE_NAME if line_names else 0.0) + BAR
    room = WIDEST - beside
    n_columns = (
        tables.shape[1] if tables.ndim == 4 else _columns(len(tables), room / (LINE * n_across))
    )
    maps = tables.reshape(-1, n_rows, n_across)
    n_lines = math.ceil(len(maps) / n_columns)
    cell = min(LARGEST_CELL, (room / n_columns - GAP) / n_across)
    above = [HEAD, *[GAP if line_names else HEAD] * (n_lines - 1)]
    figure, panels = new_figure(
        title,
        width=between(NARROWEST, beside + n_columns * (cell * n_across + GAP), WIDEST),
        height=n_lines * cell * n_rows + sum(above) + names.along(cell) + 0.4,
        n_rows=n_lines,
        n_columns=n_columns,
    )
    make_room_for_title(figure)
    for panel in panels[len(maps) :]:
        panel.set_visible(False)
    for panel, table in zip(panels, maps, strict=False):
        draw_cells(panel, table, scale)
    _name_edge(panels[: len(maps)], names, cell, n_columns)
    for panel, name in zip(panels, map_names, strict=False):
        panel.set_title(name, size=9, weight="normal", loc="center")
    for panel, name in zip(panels[::n_columns], line_names, strict=False):
        panel.set_ylabel(name, size=9)
    figure.supxlabel(names.column_title, size=10)
    figure.supylabel(names.row_title, size=10)
    add_bar(figure, panels, scale)
    return figure


def check_grid_names(
    tables: np.ndarray, map_names: Sequence[str], line_names: Sequence[str]
) -> None:
    """Refuse names that do not fit a grid.

    Raises:
        ValueError: there is another number of names than of maps or lines.
    """
    n_lines, n_maps = tables.shape[:2] if tables.ndim == 4 else (0, len(tables))
    if (len(line_names), len(map_names)) != (n_lines, n_maps):
        raise ValueError(
            f"maps have shape {tables.shape}, but there are {len(map_names)} names of maps and "
            f"{len(line_names)} of lines; give {n_maps} and {n_lines}"
        )


def _columns(n_maps: int, fitting: float) -> int:
    """Return how many maps stand in a line: two to four, and lines as even as can be."""
    most = max(2, min(MOST_COLUMNS, int(fitting)))
    return math.ceil(n_maps / math.ceil(n_maps / most))


def _name_edge(panels: Sequence[Axes], names: Names, cell: float, n_columns: int) -> None:
    for i, panel in enumerate(panels):
        if i % n_columns == 0:
            name_rows(panel, names, cell)
        if i + n_columns >= len(panels):
            name_columns(panel, names, cell, above=False)

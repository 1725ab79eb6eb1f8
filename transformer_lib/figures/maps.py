"""Maps: tables of numbers as coloured cells, one of them or a grid under one scale.

`attention_map` and `signed_map` say what the colours mean; how cells are drawn is the same.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from transformer_lib.figures.style import SMALL, house_style, new_figure

LETTER = 0.09  # inches, about, that a letter takes, and a line of small letters in height
LINE = 0.13
LARGEST_CELL = 0.45  # inches
CELL_WITH_NUMBER = 0.36
WIDEST = 5.6  # inches of a figure
NARROWEST = 3.4
BAR = 0.8  # inches beside the maps for a colour bar


class Scale(NamedTuple):
    """What the colours mean: `low` and `high` are the ends of the colour bar named `label`."""

    colours: Colormap
    low: float
    high: float
    label: str
    written: str  # how a cell's number is written, as a format

    def ink(self, value: float) -> str:
        """Return black or white, whichever reads better on the colour of `value`."""
        share = (value - self.low) / (self.high - self.low)
        # Contrast is (L + 0.05) / 0.05 with black and 1.05 / (L + 0.05) with white (WCAG 2.2).
        return "black" if luminance(self.colours(share)) > 0.179 else "white"


class Names(NamedTuple):
    """What rows and columns are, and the name of each of them, from the top and the left."""

    row_title: str
    column_title: str
    rows: Sequence[str]
    columns: Sequence[str]

    @property
    def beside(self) -> float:
        """Inches that the names beside the rows take."""
        return 0.3 + LETTER * max(map(len, self.rows), default=0)

    def along(self, cell: float) -> float:
        """Inches that the turned names above or below columns of `cell` inches take."""
        share = 0.75 if self.turned(cell) == 45 else 1.0
        return 0.3 + share * LETTER * max(map(len, self.columns), default=0)

    def turned(self, cell: float) -> int:
        """Degrees by which the names of columns are turned; upright ones may stand closer."""
        return 45 if cell >= 1.42 * LINE else 90


def luminance(colour: Sequence[float]) -> float:
    """Return the relative luminance of red, green and blue in 0..1, as in WCAG 2.2."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def check_names(what: str, shape: tuple[int, ...], names: Names) -> None:
    """Refuse names that do not fit maps of `shape`, [..., rows, columns].

    Raises:
        ValueError: there is not one name for each row and one for each column.
    """
    if tuple(shape[-2:]) != (len(names.rows), len(names.columns)):
        raise ValueError(
            f"{what} have shape {tuple(shape)}, but there are names of {len(names.rows)} rows and "
            f"{len(names.columns)} columns; give one for each of the last two axes"
        )


@house_style()
def draw_map(
    axes: Axes, table: np.ndarray, names: Names, scale: Scale, cell: float, *, numbered: bool
) -> None:
    """Draw one map with all its names, of rows at the left and of columns above.

    Args:
        axes: where to draw.
        table: [rows, columns].
        names: of rows and columns.
        scale: what the colours mean.
        cell: the side of a cell in inches, about.
        numbered: whether each cell has its number in it.
    """
    draw_cells(axes, table, scale)
    name_rows(axes, names, cell)
    name_columns(axes, names, cell, above=True)
    axes.set(xlabel=names.column_title, ylabel=names.row_title)
    if numbered:
        for (row, column), value in np.ndenumerate(table):
            text, ink = format(value, scale.written).replace("-", "−"), scale.ink(value)
            place = {"ha": "center", "va": "center"}
            axes.text(column + 0.5, row + 0.5, text, color=ink, size=SMALL, **place)


def draw_cells(axes: Axes, table: np.ndarray, scale: Scale) -> None:
    """Draw the coloured cells of one map, [rows, columns], and nothing around them."""
    ends = {"cmap": scale.colours, "vmin": scale.low, "vmax": scale.high}
    axes.pcolormesh(table, edgecolors="face", lw=0.4, **ends)
    axes.set(ylim=(len(table), 0), xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def name_rows(axes: Axes, names: Names, cell: float) -> None:
    """Write the names of rows at the left; of names that would touch, every second or third."""
    step = math.ceil(LINE / cell)
    shown = names.rows[::step]
    axes.set_yticks(np.arange(len(shown)) * step + 0.5, shown, size=_letters(cell))


def name_columns(axes: Axes, names: Names, cell: float, *, above: bool) -> None:
    """Write the names of columns above or below the map, turned; some are left out as in rows."""
    if above:
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.tick_params(length=0)
    turned = {"rotation": 90}
    if names.turned(cell) == 45:
        turned = {"rotation": 45, "ha": "left" if above else "right", "rotation_mode": "anchor"}
    step = math.ceil(LINE / cell)
    shown = names.columns[::step]
    axes.set_xticks(np.arange(len(shown)) * step + 0.5, shown, size=_letters(cell), **turned)


def _letters(cell: float) -> int:
    return SMALL if cell < 0.2 else 10


def add_bar(figure: Figure, panels: Sequence[Axes], scale: Scale) -> None:
    """Add one colour bar that says what the colours of all these maps mean."""
    bar = figure.colorbar(panels[0].collections[0], ax=panels, label=scale.label, aspect=30)
    bar.outline.set_visible(False)


@house_style()
def map_of(table: np.ndarray, names: Names, scale: Scale, title: str) -> Figure:
    """Make a figure of one map, as wide as it needs to be; a bar says what colours mean.

    There is no bar where every cell has its number.

    Args:
        table: [rows, columns].
        names: of rows and columns.
        scale: what the colours mean.
        title: the message.

    Raises:
        ValueError: the title is empty.
    """
    n_rows, n_columns = table.shape
    room = WIDEST - names.beside - 0.2
    numbered = room / n_columns >= CELL_WITH_NUMBER
    bar = 0.0 if numbered else BAR
    cell = min(LARGEST_CELL, (room - bar) / n_columns)
    figure, (axes,) = new_figure(
        title,
        width=between(NARROWEST, names.beside + cell * n_columns + bar + 0.2, WIDEST),
        height=cell * n_rows + names.along(cell) + 0.5,
    )
    make_room_for_title(figure)
    draw_map(axes, table, names, scale, cell, numbered=numbered)
    if not numbered:
        add_bar(figure, [axes], scale)
    return figure


def between(low: float, value: float, high: float) -> float:
    """Return `value`, or the end that it lies beyond."""
    return max(low, min(value, high))


def make_room_for_title(figure: Figure) -> None:
    """Make the figure higher by what a title of several lines takes more than one line."""
    more = 0.18 * figure.get_suptitle().count("\n")
    figure.set_figheight(figure.get_figheight() + more)

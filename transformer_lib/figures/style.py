"""House style: figures that read on light and dark ground, without colour, and byte for byte again.

A figure has no ground of its own; text and axes are a grey between light and dark. Colours are
those of Okabe and Ito that stand out from both grounds; line styles repeat what the colours say.
The title is the message. Alt text belongs in the metadata of the notebook's cell.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

LIGHT_GROUND = "#ffffff"
DARK_GROUND = "#121212"  # of the book's theme
GREY = "#788088"
PALETTE = {"blue": "#0072b2", "orange": "#d55e00", "green": "#009e73", "pink": "#cc79a7"}
LINE_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D")
HATCHES = ("", "///", "...", "xxx")
TITLE_SIZE = 11  # points, as every size of letters; none is below SMALL
SMALL = 8
STYLE = {
    "axes.edgecolor": GREY,
    "axes.facecolor": "none",
    "axes.labelcolor": GREY,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": GREY,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "figure.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "grid.alpha": 0.3,
    "grid.color": GREY,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": GREY,
    "lines.linewidth": 1.8,
    "savefig.facecolor": "none",
    "svg.fonttype": "path",
    "svg.hashsalt": "the measured transformer",
    "text.color": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style inside a `with`, and leave the caller's own settings as they were.

    Every function of `figures` is in it. Whoever draws by hand into axes of `new_figure` opens it,
    since matplotlib gives a line, a text or a legend its looks when it is made.
    """
    with rc_context(STYLE):
        yield


@house_style()
def new_figure(
    title: str,
    *,
    width: float = 5.6,
    height: float = 3.2,
    n_rows: int = 1,
    n_columns: int = 1,
    shared: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Make a figure in the house style, with its axes in a grid.

    Args:
        title: the message, a short sentence; it is broken where it would be wider than the figure.
        width: in inches; the page shows about 7, a phone 3.5, so narrow figures keep large letters.
        height: in inches.
        n_rows: number of axes from top to bottom.
        n_columns: number of axes from left to right.
        shared: whether all axes have one scale, written at the left and lower edge only.

    Returns:
        The figure, which pyplot does not know, and its axes, row by row from the upper left.

    Raises:
        ValueError: the title is empty, or there is no row or column.
    """
    if not title.strip():
        raise ValueError("the title is empty; say what the figure shows, in a short sentence")
    if min(n_rows, n_columns) < 1:
        raise ValueError(
            f"n_rows is {n_rows}, n_columns is {n_columns}; a figure needs at least 1 of each"
        )
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(n_rows, n_columns, sharex=shared, sharey=shared, squeeze=False)
    lines = broken(title, 0.98 * width)
    figure.suptitle(lines, x=0.01, ha="left", fontsize=TITLE_SIZE, fontweight="bold")
    return figure, list(axes.flat)


def broken(title: str, width: float) -> str:
    """Return a title with line breaks added, so that no line is wider than `width` inches."""
    lines = []
    for given in title.split("\n"):
        lines.append("")
        for word in re.findall(r"(?:\$[^$]*\$|\S)+", given):  # a formula stays whole
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and _inches(longer) > width:
                lines.append(word)
            else:
                lines[-1] = longer
    return "\n".join(lines)


def _inches(line: str) -> float:
    font = {"family": STYLE["font.family"], "weight": "bold"}
    return TextPath((0, 0), line, TITLE_SIZE, prop=font).get_extents().width / 72


def colour_of(i: int) -> str:
    """Return the colour of the i-th thing of a figure; it has a line style, marker and hatch too.

    Raises:
        ValueError: there are more things than colours; draw fewer, or two figures.
    """
    if i >= len(PALETTE):
        raise ValueError(
            f"{i + 1} things to tell apart, but {len(PALETTE)} colours; draw two figures"
        )
    return list(PALETTE.values())[i]


def line_look(i: int) -> dict[str, Any]:
    """Return colour and line style of the i-th curve.

    Raises:
        ValueError: there are more curves than colours; draw fewer, or two figures.
    """
    return {"color": colour_of(i), "linestyle": LINE_STYLES[i]}


def to_array(name: str, values: Any, n_axes: int) -> np.ndarray:
    """Turn a tensor, an array or nested lists into a float64 array.

    Raises:
        ValueError: it is empty, or has another number of axes than `n_axes`.
    """
    values = values.detach().cpu() if hasattr(values, "detach") else values
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != n_axes or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; it needs {n_axes} axes, none empty")
    return array


def to_svg(figure: Figure) -> str:
    """Return the figure as SVG text, the same bytes every time."""
    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with house_style():
        _settle(figure)
        figure.savefig(buffer, format="svg", metadata=no_metadata)
    return _without_last_bits(buffer.getvalue())


def _settle(figure: Figure) -> None:
    """Fix the layout, which otherwise moves a little each time the figure is drawn."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def _without_last_bits(svg: str) -> str:
    """Keep two decimals of a point, and count ids up; both depend on last bits otherwise."""
    rounded = re.sub(r"(?<![\w.])(?<!scale\()-?\d+\.\d{3,}", lambda m: f"{float(m[0]):.2f}", svg)
    ids = dict.fromkeys(re.findall(r'id="([a-z][0-9a-f]{10})"', rounded))
    plain = {old: f"{old[0]}{i}" for i, old in enumerate(ids)}
    return re.sub(r"\b[a-z][0-9a-f]{10}\b", lambda m: plain.get(m[0], m[0]), rounded)


def to_png(figure: Figure, *, dpi: int = 144) -> bytes:
    """Return the figure as PNG, for pictures with so many marks that SVG grows large."""
    buffer = io.BytesIO()
    with house_style():
        _settle(figure)
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def show(figure: Figure, *, dense: bool = False) -> None:
    """Display the figure as the output of a notebook's cell, as SVG, or as PNG if it is dense."""
    from IPython.display import display

    picture = {"image/png": to_png(figure)} if dense else {"image/svg+xml": to_svg(figure)}
    display({**picture, "text/plain": figure.get_suptitle()}, raw=True)

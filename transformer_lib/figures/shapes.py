"""Matrix products drawn to scale: one sees which sizes must agree (sections 3.2.1, 3.2.2)."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from transformer_lib.figures.style import PALETTE, house_style, new_figure

GAP = 2.5  # between neighbours, in rows


@house_style()
def plot_shapes(parts: Sequence[tuple[str, int, int] | str], title: str) -> Figure:
    """Draw matrices as rectangles of their size, with signs between them.

    Args:
        parts: from left to right, (name, rows, columns) for a matrix, a string for a sign.
        title: the message.

    Raises:
        ValueError: there is no matrix, or one has a size below 1.
    """
    matrices = [part for part in parts if not isinstance(part, str)]
    if not matrices:
        raise ValueError("0 matrices to draw; give at least one (name, rows, columns)")
    figure, (axes,) = new_figure(title, height=2.0)
    x, tallest = 0.0, max(rows for _, rows, _ in matrices)
    for part in parts:
        if isinstance(part, str):
            width = GAP * (0.4 + 0.35 * max(len(line) for line in part.split("\n")))
            axes.text(x + width / 2, 0, part, ha="center", va="center")
        else:
            width = _draw_matrix(axes, x, part)
        x += width
    axes.set(xlim=(-0.2, x + 0.2), ylim=(-tallest / 2 - 0.2, tallest / 2 + 0.2), aspect="equal")
    axes.axis("off")
    return figure


def _draw_matrix(axes, left: float, part: tuple[str, int, int]) -> float:
    name, rows, columns = part
    if min(rows, columns) < 1:
        raise ValueError(f"{name} is {rows} × {columns}; both must be at least 1")
    look = {"ec": PALETTE["blue"], "fc": "none", "lw": 2}  # alike: colour would mean nothing
    axes.add_patch(Rectangle((left, -rows / 2), columns, rows, **look))
    label = f"{name}\n{rows} × {columns}"
    axes.text(left + columns / 2, 0, label, size=9, ha="center", va="center")
    return float(columns)

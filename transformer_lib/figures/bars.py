"""Bars: one number or interval for each name, for one or several things side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from transformer_lib.figures.intervals import are_intervals, to_intervals
from transformer_lib.figures.style import GREY, HATCHES, colour_of, house_style, new_figure


@house_style()
def plot_bars(
    names: Sequence[str],
    bars: Mapping[str, Any],
    title: str,
    x_label: str,
    y_label: str,
    *,
    top: float | None = None,
) -> Figure:
    """Draw bars from zero, in groups: one group for each name, one bar in it for each series.

    Bars say how much there is of something. A difference or a loss, where zero means little, reads
    better as `plot_intervals`.

    Args:
        names: of the groups, from the left.
        bars: name of a series to its heights, [groups], or to a list of a tuple (estimate, low,
            high) for each group; at most four series.
        title: the message.
        x_label: what the groups are.
        y_label: what the height is, with its unit.
        top: the upper end of the scale, such as 100 of a percentage; None fits it.

    Raises:
        ValueError: a series has another number of heights than there are names, there are more than
            four series, or the title is empty.
    """
    figure, (axes,) = new_figure(title)
    wide = 0.8 / max(1, len(bars))
    for i, (name, values) in enumerate(bars.items()):
        estimate, low, high = _heights(name, values, len(names))
        places = np.arange(len(names)) + wide * (i - (len(bars) - 1) / 2)
        look = {"color": colour_of(i), "hatch": HATCHES[i], "edgecolor": "white", "lw": 0}
        axes.bar(places, estimate, wide * 0.94, label=name, **look)
        if are_intervals(values):
            ends = [estimate - low, high - estimate]
            axes.errorbar(places, estimate, ends, fmt="none", ecolor=GREY, capsize=3)
    axes.set_xticks(range(len(names)), names)
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.set_ylim(top=top)
    axes.grid(True, axis="y")
    axes.set_axisbelow(True)
    if len(bars) > 1:
        axes.legend()
    return figure


def _heights(name: str, values: Any, n_groups: int) -> np.ndarray:
    heights = to_intervals(f"series {name!r}", values).T
    if heights.shape[1] != n_groups:
        raise ValueError(
            f"series {name!r} has {heights.shape[1]} heights, but there are {n_groups} names; "
            "give one for each"
        )
    return heights

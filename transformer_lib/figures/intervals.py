"""Estimates with their intervals: one row for each, with a bar from end to end.

An interval is a tuple (estimate, low, high), in which form the workbench's intervals come. Runs and
other numbers come as lists or arrays, so that the two cannot be mistaken for each other.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from transformer_lib.figures.style import GREY, colour_of, house_style, new_figure, to_array


def are_intervals(values: Any) -> bool:
    """Whether `values` is a list of tuples of three, not an array and not a list of lists."""
    return (
        isinstance(values, list | tuple)
        and len(values) > 0
        and all(isinstance(value, tuple) and len(value) == 3 for value in values)
    )


def to_intervals(name: str, values: Any) -> np.ndarray:
    """Turn numbers or intervals into an array, [n, 3], of estimate, low and high.

    A number by itself is an interval of no width.

    Raises:
        ValueError: an estimate does not lie between its ends.
    """
    if not are_intervals(values):
        return np.repeat(to_array(name, values, 1)[:, None], 3, axis=1)
    array = to_array(name, values, 2)
    estimate, low, high = array.T
    wrong = np.flatnonzero(~((low <= estimate) & (estimate <= high)))
    if len(wrong):
        raise ValueError(
            f"{name} holds the interval {tuple(array[wrong[0]].tolist())}; give (estimate, low, "
            "high), the estimate between the ends"
        )
    return array


@house_style()
def plot_intervals(
    intervals: Mapping[str, tuple[float, float, float]],
    title: str,
    x_label: str,
    *,
    reference: float | None = 0.0,
) -> Figure:
    """Draw an estimate and its interval for each name, one below the other, beside a reference.

    Such as the difference of each variant from the baseline, beside 0. A mark is hollow where the
    interval holds the reference, that is, where no difference is shown.

    Args:
        intervals: name to (estimate, low, high), drawn from the top; an `Interval` is one.
        title: the message.
        x_label: what is estimated, with its unit.
        reference: where a dashed line stands; None draws none, and every mark is full.

    Raises:
        ValueError: there is no interval, an estimate does not lie between its ends, or the title is
            empty.
    """
    if not intervals:
        raise ValueError("0 intervals; give at least one name with (estimate, low, high)")
    table = to_intervals("intervals", [tuple(i) for i in intervals.values()])
    figure, (axes,) = new_figure(title, height=1.1 + 0.27 * len(table))
    colour = colour_of(0)
    for row, (estimate, low, high) in enumerate(table):
        shown = reference is None or not low <= reference <= high
        axes.plot([low, high], [row, row], color=colour, zorder=2)
        face = colour if shown else "none"
        axes.plot(estimate, row, "o" if shown else "D", color=colour, mfc=face, zorder=3)
    if reference is not None:
        axes.axvline(reference, color=GREY, ls="--", lw=1)
    axes.set_yticks(range(len(table)), intervals)
    axes.set(xlabel=x_label, ylim=(len(table) - 0.5, -0.5))
    axes.grid(True, axis="x")
    axes.tick_params(axis="y", length=0)
    return figure

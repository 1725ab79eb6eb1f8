"""Curves: losses, metrics, runs over several seeds, learning-rate schedules."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transformer_lib.figures.style import line_look, new_figure, to_array


def draw_curves(
    axes: Axes,
    x: Any,
    curves: Mapping[str, Any],
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = False,
) -> None:
    """Draw named curves over a common x into axes of `new_figure`.

    A curve of one axis is a line. A curve of two axes, [runs, points], is a line through the means
    and a band from the lowest to the highest run.

    Args:
        axes: where to draw.
        x: the points, [points].
        curves: name to values, [points] or [runs, points]; at most four.
        x_label: what x is, with its unit.
        y_label: what y is, with its unit.
        log_x: whether x is logarithmic, to base 2.
        log_y: whether y is logarithmic, to base 10.
        markers: whether each point gets a dot, for few measured points.

    Raises:
        ValueError: a curve has another number of points than x, or there are too many curves.
    """
    points = to_array("x", x, 1)
    for i, (name, values) in enumerate(curves.items()):
        runs = _runs(name, values, len(points))
        look = line_look(i)
        axes.plot(points, runs.mean(0), label=name, marker="o" if markers else "", **look)
        if len(runs) > 1:
            low, high = runs.min(0), runs.max(0)
            axes.fill_between(points, low, high, color=look["color"], alpha=0.2, lw=0)
    if log_x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
    if log_y:
        axes.set_yscale("log")
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.grid(True)
    if len(curves) > 1:
        axes.legend()


def _runs(name: str, values: Any, n_points: int) -> np.ndarray:
    runs = np.atleast_2d(to_array(f"curve {name!r}", values, max(1, min(2, np.ndim(values)))))
    if runs.shape[1] != n_points:
        raise ValueError(
            f"curve {name!r} has {runs.shape[1]} points, but x has {n_points}; give one for each x"
        )
    return runs


def plot_curves(
    x: Any,
    curves: Mapping[str, Any],
    title: str,
    x_label: str,
    y_label: str,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = False,
) -> Figure:
    """Make a figure of `draw_curves`; `title` is its message.

    Raises:
        ValueError: as `draw_curves`, or the title is empty.
    """
    figure, (axes,) = new_figure(title)
    draw_curves(axes, x, curves, x_label, y_label, log_x, log_y, markers)
    return figure


def plot_schedule(schedules: Mapping[str, Any], title: str) -> Figure:
    """Draw learning rates over training steps, a dot at each peak (section 5.3).

    Args:
        schedules: name to learning rates, [steps], of step 1, 2, ...; all of one length.
        title: the message.

    Raises:
        ValueError: as `plot_curves`, or there is no schedule.
    """
    if not schedules:
        raise ValueError("0 schedules; give at least one name with its learning rates")
    rates = {name: to_array(f"schedule {name!r}", r, 1) for name, r in schedules.items()}
    steps = np.arange(1, len(next(iter(rates.values()))) + 1)
    figure = plot_curves(steps, rates, title, "training step", "learning rate")
    for i, values in enumerate(rates.values()):
        peak = int(values.argmax())
        colour = line_look(i)["color"]
        figure.axes[0].plot(steps[peak], values[peak], "o", color=colour)
    figure.axes[0].set_ylim(top=1.3 * max(values.max() for values in rates.values()))
    figure.axes[0].legend(loc="upper right")  # above every peak
    return figure

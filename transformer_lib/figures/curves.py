"""Curves: losses, metrics, runs over several seeds, intervals, learning-rate schedules."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transformer_lib.figures.intervals import are_intervals, to_intervals
from transformer_lib.figures.style import MARKERS, house_style, line_look, new_figure, to_array


@house_style()
def draw_curves(
    axes: Axes,
    x: Any,
    curves: Mapping[str, Any],
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = False,
) -> None:
    """Draw named curves over a common x into axes of `new_figure`.

    A curve is one of three things. Numbers, [points], are a line. Runs, [runs, points], are a line
    through the means and a band from the lowest to the highest run. Intervals, a list with a tuple
    (estimate, low, high) for each point, are a line through the estimates and a band from end to
    end, or bars where points have markers.

    Args:
        axes: where to draw.
        x: the points, [points].
        curves: name to numbers, runs or intervals; at most four.
        x_label: what x is, with its unit.
        y_label: what y is, with its unit.
        log_x: whether x is logarithmic, to base 2.
        log_y: whether y is logarithmic, to base 10.
        markers: whether each point gets a mark, for few measured points.

    Raises:
        ValueError: a curve has another number of points than x, or there are too many curves.
    """
    points = to_array("x", x, 1)
    for i, (name, values) in enumerate(curves.items()):
        middle, low, high = _band(name, values, len(points))
        look = line_look(i)
        mark = MARKERS[i] if markers else ""
        axes.plot(points, middle, label=name, marker=mark, **look)
        if markers and are_intervals(values):
            ends = [middle - low, high - middle]
            axes.errorbar(points, middle, ends, fmt="none", ecolor=look["color"], capsize=3)
        elif (low < high).any():
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


def _band(name: str, values: Any, n_points: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middle, the lower and the upper edge of a curve, [points] each."""
    name = f"curve {name!r}"
    if are_intervals(values):
        band = to_intervals(name, values).T
    else:
        runs = np.atleast_2d(to_array(name, values, max(1, min(2, np.ndim(values)))))
        band = np.stack([runs.mean(0), runs.min(0), runs.max(0)])
    if band.shape[1] != n_points:
        raise ValueError(
            f"{name} has {band.shape[1]} points, but x has {n_points}; give one for each x"
        )
    return tuple(band)


@house_style()
def plot_curves(
    x: Any,
    curves: Mapping[str, Any],
    title: str,
    x_label: str,
    y_label: str,
    *,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = False,
) -> Figure:
    """Make a figure of `draw_curves`; `title` is its message.

    Raises:
        ValueError: as `draw_curves`, or the title is empty.
    """
    figure, (axes,) = new_figure(title)
    looks = {"log_x": log_x, "log_y": log_y, "markers": markers}
    draw_curves(axes, x, curves, x_label, y_label, **looks)
    return figure


@house_style()
def plot_curve_grid(
    x: Any,
    panels: Mapping[str, Mapping[str, Any]],
    title: str,
    x_label: str,
    y_label: str,
    *,
    n_columns: int = 2,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = False,
) -> Figure:
    """Draw small multiples: the same curves in several settings, one panel each, on one scale.

    Scales are written at the edge, and one legend for all stands below.

    Args:
        x: the points, [points], of all panels.
        panels: name of a panel, which stands above it, to curves as `draw_curves` takes them.
        title: the message.
        x_label: what x is, with its unit.
        y_label: what y is, with its unit.
        n_columns: panels in a line; three are the most that can be read on a phone.
        log_x: as in `draw_curves`.
        log_y: as in `draw_curves`.
        markers: as in `draw_curves`.

    Raises:
        ValueError: as `draw_curves`, or there is no panel, or two have other curves.
    """
    check_panels(panels)
    n_rows, n_columns = math.ceil(len(panels) / n_columns), min(n_columns, len(panels))
    grid = {"n_rows": n_rows, "n_columns": n_columns, "shared": True}
    figure, all_axes = new_figure(title, height=1.0 + 1.8 * n_rows, **grid)
    looks = {"log_x": log_x, "log_y": log_y, "markers": markers}
    for axes, (name, curves) in zip(all_axes, panels.items(), strict=False):
        draw_curves(axes, x, curves, "", "", **looks)
        axes.set_title(name, size=10, weight="normal")
        if axes.get_legend():
            axes.get_legend().remove()
    for axes in all_axes[len(panels) :]:
        axes.set_visible(False)
    for axes in all_axes[len(panels) - n_columns : len(panels)]:
        axes.set_xlabel(x_label)  # the lowest of its column
        axes.xaxis.set_tick_params(labelbottom=True)
    figure.supylabel(y_label, size=10)
    lines, names = all_axes[0].get_legend_handles_labels()
    if len(names) > 1:
        figure.legend(lines, names, loc="outside lower center", ncols=2)
    return figure


def check_panels(panels: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse panels that one legend cannot serve.

    Raises:
        ValueError: there is no panel, or two have curves of other names.
    """
    if not panels:
        raise ValueError("0 panels; give at least one name with its curves")
    first, *others = panels
    for name in others:
        if list(panels[name]) != list(panels[first]):
            raise ValueError(
                f"panel {name!r} has the curves {list(panels[name])}, but {first!r} has "
                f"{list(panels[first])}; one legend serves all, so give the same names in one order"
            )


@house_style()
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

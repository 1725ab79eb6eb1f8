"""Many values at once: how they are spread, and how two of their properties go together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from transformer_lib.figures.style import (
    GREY,
    LINE_STYLES,
    MARKERS,
    SMALL,
    colour_of,
    house_style,
    line_look,
    new_figure,
    to_array,
)


@house_style()
def plot_histogram(
    samples: Mapping[str, Any],
    title: str,
    x_label: str,
    y_label: str,
    *,
    bins: int | Sequence[float] = 30,
    marks: Mapping[str, float] | None = None,
    intervals: Mapping[str, tuple[float, float, float]] | None = None,
) -> Figure:
    """Draw how often values fall into each bin, for one sample or a few on the same bins.

    Args:
        samples: name to values, [n]; at most four.
        title: the message.
        x_label: what the values are, with their unit.
        y_label: what is counted.
        bins: number of bins of equal width from the least to the greatest value, or their edges.
        marks: name to a value where a line stands, such as a published result.
        intervals: name to (estimate, low, high), such as "95%"; low to high is shaded.

    Raises:
        ValueError: there is no sample, a sample is empty, or the title is empty.
    """
    if not samples:
        raise ValueError("0 samples; give at least one name with its values")
    arrays = {name: to_array(f"sample {name!r}", v, 1) for name, v in samples.items()}
    edges = np.histogram_bin_edges(np.concatenate(list(arrays.values())), bins)
    figure, (axes,) = new_figure(title, height=2.8)
    for i, (name, values) in enumerate(arrays.items()):
        look = {"facecolor": (colour_of(i), 0.5), "edgecolor": colour_of(i), "ls": LINE_STYLES[i]}
        axes.hist(values, edges, histtype="stepfilled", label=name, lw=1.5, **look)
    for name, (_, low, high) in (intervals or {}).items():
        axes.axvspan(low, high, color=GREY, alpha=0.25, lw=0, label=name, zorder=0)
    for i, (name, value) in enumerate((marks or {}).items(), start=len(arrays)):
        axes.axvline(value, label=name, **line_look(i))
    axes.set(xlabel=x_label, ylabel=y_label)
    if len(axes.get_legend_handles_labels()[1]) > 1:
        axes.legend()
    return figure


@house_style()
def plot_scatter(
    groups: Mapping[str, Any],
    title: str,
    x_label: str,
    y_label: str,
    *,
    paths: Mapping[str, Any] | None = None,
    names: Sequence[str] = (),
    log_x: bool = False,
    log_y: bool = False,
    equal: bool = False,
) -> Figure:
    """Draw points in the plane, each group with its own mark, and lines through the plane.

    Args:
        groups: name to points, [n, 2]; at most four together with the paths.
        title: the message.
        x_label: what the first number is, with its unit.
        y_label: what the second number is, with its unit.
        paths: name to the corners of a line, [n, 2].
        names: what stands beside the points of the first group, one for each, or none.
        log_x: whether x is logarithmic, to base 10.
        log_y: whether y is logarithmic, to base 10.
        equal: whether a unit is as long on both axes, for vectors and distances.

    Raises:
        ValueError: points are no pairs, the names do not fit them, there are more than four groups
            and paths, or the title is empty.
    """
    figure, (axes,) = new_figure(title, height=3.4)
    for i, (name, points) in enumerate((paths or {}).items(), start=len(groups)):
        axes.plot(*_pairs(name, points), label=name, zorder=2, **line_look(i))
    for i, (name, points) in enumerate(groups.items()):
        look = {"marker": MARKERS[i], "color": colour_of(i)}
        axes.plot(*_pairs(name, points), ls="", ms=7, label=name, zorder=3, **look)
    _name_points(axes, groups, names)
    axes.set(xlabel=x_label, ylabel=y_label)
    if log_x:
        axes.set_xscale("log")
    if log_y:
        axes.set_yscale("log")
    if equal:
        axes.set_aspect("equal", adjustable="datalim")
    axes.grid(True)
    if len(axes.lines) > 1:
        axes.legend()
    return figure


def _pairs(name: str, points: Any) -> np.ndarray:
    array = to_array(f"group {name!r}", points, 2)
    if array.shape[1] != 2:
        raise ValueError(f"group {name!r} has shape {array.shape}; it needs pairs, [n, 2]")
    return array.T


def _name_points(axes, groups: Mapping[str, Any], names: Sequence[str]) -> None:
    points = _pairs(*next(iter(groups.items()))).T if names else []
    if len(points) != len(names):
        raise ValueError(
            f"there are {len(points)} points in the first group, but {len(names)} names"
        )
    for name, point in zip(names, points, strict=True):
        axes.annotate(name, point, (5, 4), textcoords="offset points", size=SMALL + 1)

"""Networks as dots and lines, with the way from one dot to another marked (section 4)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from transformer_lib.figures.style import GREY, PALETTE, house_style, new_figure

Dot = tuple[int, int]  # the place in the sentence, from 0, and the layer, from the lowest


class Network(NamedTuple):
    """What is joined with what, and one way through it, from dot to dot."""

    lines: Sequence[tuple[Dot, Dot]]
    way: Sequence[Dot]


@house_style()
def plot_networks(networks: Mapping[str, Network], words: Sequence[str], title: str) -> Figure:
    """Draw networks over the same words side by side, and count the lines of each marked way.

    Args:
        networks: name to network; three fit the page.
        words: what is read, one for each place.
        title: the message.

    Raises:
        ValueError: there is no network, a step of a way is no line of its network, or the title is
            empty.
    """
    for name, network in networks.items():
        check_way(name, network)
    layout = {"width": 6.4, "height": 2.9, "n_columns": len(networks), "shared": True}
    figure, panels = new_figure(title, **layout)
    for axes, (name, network) in zip(panels, networks.items(), strict=True):
        _draw(axes, network)
        n_lines = len(network.way) - 1
        label = f"{name}\n{n_lines} line{'s' * (n_lines > 1)}"
        axes.set_title(label, size=10, weight="normal", loc="center")
        axes.set_xticks(range(len(words)), words, rotation=60)
        axes.set(yticks=[], xlim=(-0.8, len(words) - 0.2))
        axes.spines[:].set_visible(False)
    return figure


def check_way(name: str, network: Network) -> None:
    """Refuse a way that leaves the lines of its network.

    Raises:
        ValueError: a step of the way is no line.
    """
    for step in zip(network.way, network.way[1:], strict=False):
        if step not in network.lines:
            raise ValueError(f"the way of {name!r} goes from {step[0]} to {step[1]}: no such line")


def _draw(axes: Axes, network: Network) -> None:
    for line in network.lines:
        axes.plot(*zip(*line, strict=True), color=GREY, lw=0.6, alpha=0.6)
    axes.plot(*zip(*network.way, strict=True), color=PALETTE["orange"], lw=2.5)
    dots = sorted({dot for line in network.lines for dot in line})
    axes.plot(*zip(*dots, strict=True), "o", color=PALETTE["blue"], ms=5)

"""One figure of each kind, made anew at each call, for what must hold of all of them."""

from typing import NamedTuple

import numpy as np

from transformer_lib import figures

WORDS = ["the", "old", "man", "sees", "the", "dog"]
GERMAN = ["der", "müde", "Bär", "hört", "größere", "Hunde", "nicht", "."]


class Interval(NamedTuple):
    """As the workbench's."""

    estimate: float
    low: float
    high: float


def softmax(*shape):
    weights = np.exp(2 * np.random.default_rng(0).normal(size=shape))
    return weights / weights.sum(-1, keepdims=True)


def signed(*shape):
    return np.random.default_rng(1).normal(size=shape)


CHAIN = figures.Network(
    [((t, 1), (t + 1, 1)) for t in range(5)] + [((t, 0), (t, 1)) for t in range(6)],
    [(0, 0), (0, 1), (1, 1)],
)
PANELS = {name: {"a": [1, 2, 4], "b": [[3, 2, 1], [4, 3, 2]]} for name in ("one", "two", "three")}
RECORDS = [{"step": 1, "nll": 4.0}, {"step": 2, "nll": 3.0, "valid_nll": 3.5}]
THREE = [Interval(1.0, 0.5, 1.5), Interval(2.0, 1.0, 4.0), Interval(3.0, 3.0, 3.0)]
LONG = "A title that says so much about what was measured that it does not fit into one line"

GALLERY = {
    "attention_map": lambda: figures.attention_map(softmax(8, 6), GERMAN, WORDS, LONG),
    "attention_map, long": lambda: figures.attention_map(
        softmax(16, 16), 2 * GERMAN, 2 * GERMAN, LONG
    ),
    "attention_grid": lambda: figures.attention_grid(softmax(5, 8, 6), GERMAN, WORDS, LONG),
    "attention_grid, layers": lambda: figures.attention_grid(
        softmax(2, 8, 6, 6), WORDS, WORDS, LONG
    ),
    "signed_map": lambda: figures.signed_map(
        signed(8, 6), GERMAN, WORDS, LONG, rows="größer", columns="kleiner"
    ),
    "signed_grid": lambda: figures.signed_grid(
        signed(2, 12, 16), [*map(str, range(12))], 2 * GERMAN, LONG,
        map_names=["before", "after"], rows="position", columns="word",
    ),
    "plot_curves": lambda: figures.plot_curves(
        [1, 2, 4], {"a": [3, 1, 2], "b": [[1, 2, 3], [2, 3, 5]], "c": THREE}, LONG, "x", "y"
    ),
    "plot_curves, marks": lambda: figures.plot_curves(
        [1, 2, 4], {"a": [3, 1, 2], "c": THREE}, LONG, "x", "y",
        log_x=True, log_y=True, markers=True,
    ),
    "plot_curve_grid": lambda: figures.plot_curve_grid([1, 2, 3], PANELS, LONG, "x", "y"),
    "plot_schedule": lambda: figures.plot_schedule({"a": [0.1, 0.4, 0.3]}, LONG),
    "plot_intervals": lambda: figures.plot_intervals(
        {"ohne Positionen": THREE[0], "größer": Interval(0.1, -1.0, 1.0)}, LONG, "points"
    ),
    "plot_bars": lambda: figures.plot_bars(
        ["rare", "some", "all"], {"a": THREE, "b": [1, 2, 3]}, LONG, "x", "y"
    ),
    "plot_histogram": lambda: figures.plot_histogram(
        {"a": signed(200), "b": signed(200) + 1}, LONG, "x", "n",
        marks={"published": 0.5}, intervals={"95%": (0.0, -1.0, 1.0)},
    ),
    "plot_scatter": lambda: figures.plot_scatter(
        {"a": signed(6, 2), "b": [[0, 0]]}, LONG, "x", "y",
        paths={"way": signed(9, 2)}, names=WORDS, equal=True,
    ),
    "plot_run": lambda: figures.plot_run(RECORDS, LONG),
    "plot_networks": lambda: figures.plot_networks({"a": CHAIN, "b": CHAIN}, WORDS, LONG),
    "plot_shapes": lambda: figures.plot_shapes([("$Q$", 6, 4), "·", ("$K$", 4, 6)], LONG),
}  # fmt: skip

"""The course of a training run: its losses against the step, from what the run recorded (5)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from transformer_lib.figures.curves import plot_curves

LOSSES = {"training": "nll", "validation": "valid_nll"}  # name of a curve to its key in a record


def plot_run(
    metrics: Sequence[Mapping[str, Any]],
    title: str,
    *,
    curves: Mapping[str, str] = LOSSES,
    y_label: str = "nats per target token",
) -> Figure:
    """Draw what a run recorded, as its `metrics.jsonl` has it, against the training step.

    Args:
        metrics: records in order, each with "step" and some of the keys.
        title: the message.
        curves: name of a curve to the key of its records. A key that no record has is left out.
        y_label: what the values are, with their unit.

    Raises:
        ValueError: no record has any of the keys, or the title is empty.
    """
    found = {name: key for name, key in curves.items() if any(key in r for r in metrics)}
    if not found:
        raise ValueError(
            f"none of {len(metrics)} records has {' or '.join(curves.values())}; name the keys of "
            "what was recorded in curves"
        )
    steps = sorted({record["step"] for record in metrics})
    lines = {name: at_steps(steps, metrics, key) for name, key in found.items()}
    return plot_curves(steps, lines, title, "training step", y_label)


def at_steps(steps: Sequence[int], metrics: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """Return the values of `key` at each of `steps`, on straight lines between those recorded.

    Args:
        steps: where a value is wanted, [points].
        metrics: records in order; at least one has `key`.
        key: what to read.

    Returns:
        The values, [points]; not a number outside of what was recorded.
    """
    points = [(record["step"], record[key]) for record in metrics if key in record]
    return np.interp(steps, *zip(*points, strict=True), left=np.nan, right=np.nan)

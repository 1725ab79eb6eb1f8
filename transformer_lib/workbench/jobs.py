"""A job of an experiment: one variant with one seed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

Settings = Mapping[str, Any]
Figures = dict[str, Any]
Run = Callable[[dict[str, Any], int], Figures]  # called with settings and seed


class Job(NamedTuple):
    """One variant with one seed; `settings` are those that the variants differ in."""

    variant: str
    seed: int
    settings: dict[str, Any]
    minutes: float | int | None = None  # how long it takes, by estimate


class Outcome(NamedTuple):
    """What a job found, and its time."""

    figures: Figures
    seconds: float
    cpu_seconds: float


def grid(
    variants: Mapping[str, Settings], seeds: Iterable[int], minutes: float | int | None = None
) -> list[Job]:
    """Return a job for every seed and variant, seed by seed, so that pairs are soon complete."""
    return [
        Job(name, seed, dict(settings), minutes)
        for seed in seeds
        for name, settings in variants.items()
    ]

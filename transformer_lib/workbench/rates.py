"""Fair rates: each variant that may want another learning rate gets the same grid of three.

One rate for all favours one of the variants, most often the one for which it was chosen. So the
rate of each is chosen on validation, with seeds that are not reported. Whether the best lies at
the edge of the grid is told: then a rate outside might be better still.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

RATES = (1.5e-3, 3e-3, 6e-3)  # about the grammar lab's own
TUNING_SEEDS = (101, 102)
AT = " at "  # between a variant's name and the rate it is tried at

Variants = Mapping[str, Sequence[str]]  # by name: what each changes, as `section.key=value`


class Choice(NamedTuple):
    """The best rate of a grid, and what it was chosen by."""

    rate: float
    edge: Literal["lowest", "highest"] | None  # of the grid, where the best rate lies there
    losses: dict[float, float | None]  # mean validation loss of each rate; None: it diverged

    def __str__(self) -> str:
        grid = ", ".join(f"{rate:g}" for rate in self.losses)
        note = f"; the {self.edge} of the grid, so one outside may be better" if self.edge else ""
        return f"{self.rate:g} of {grid}{note}"


def with_rates(variants: Variants, rates: Sequence[float] = RATES) -> dict[str, tuple[str, ...]]:
    """Return each variant at each rate, to run with `TUNING_SEEDS`.

    Args:
        variants: what is to be tuned.
        rates: peaks of the learning rate, the same for all.
    """
    return {
        f"{name}{AT}{rate:g}": at_rate(changes, rate)
        for name, changes in variants.items()
        for rate in rates
    }


def at_rate(changes: Sequence[str], rate: float) -> tuple[str, ...]:
    """Return the changes with one more: the peak of the learning rate."""
    return (*changes, f"train.peak_lr={rate:g}")


def at_chosen_rates(
    variants: Variants, choices: Mapping[str, Choice], seeds: Iterable[int]
) -> dict[str, tuple[str, ...]]:
    """Return each variant at its own rate, to run with the seeds that are reported.

    Args:
        variants: all variants; one that was not tuned keeps its rate.
        choices: as `choose_rates` returns them.
        seeds: those that will be reported.

    Raises:
        ValueError: a choice for no variant, or a seed by which rates are chosen.
    """
    if unknown := sorted(set(choices) - set(variants)):
        raise ValueError(
            f"a rate was chosen for {unknown[0]!r}, which is no variant; "
            f"there are {', '.join(variants)}"
        )
    if used := sorted(set(seeds) & set(TUNING_SEEDS)):
        raise ValueError(
            f"seed {used[0]} is one of those that rates are chosen by, {TUNING_SEEDS}; "
            "report others, or the choice flatters its variant"
        )
    return {
        name: at_rate(changes, choices[name].rate) if name in choices else tuple(changes)
        for name, changes in variants.items()
    }


def choose_rates(jobs: Iterable[Mapping[str, Any]]) -> dict[str, Choice]:
    """Return the best rate of each variant.

    Args:
        jobs: the recorded runs of `with_rates`: "variant" and the "figures" of `lab_run`.

    Raises:
        ValueError: a variant without a rate in its name; or see `choose_rate`.
    """
    losses: dict[str, dict[float, list[float | None]]] = {}
    for job in jobs:
        name, at, rate = job["variant"].rpartition(AT)
        if not at:
            raise ValueError(f"{job['variant']!r} names no rate; tune what `with_rates` returns")
        figures = job["figures"]
        loss = None if figures["diverged"] else figures["loss"]["valid"]
        losses.setdefault(name, {}).setdefault(float(rate), []).append(loss)
    return {name: choose_rate(of_rates) for name, of_rates in losses.items()}


def choose_rate(losses: Mapping[float, Sequence[float | None]]) -> Choice:
    """Return the rate with the lowest mean loss; the lower one, where two are level.

    Args:
        losses: validation losses by rate, one for each seed; None where the run diverged, and then
            the rate is out.

    Raises:
        ValueError: fewer than three rates, rates with other numbers of seeds, or none that held.
    """
    if len(losses) < 3:
        raise ValueError(
            f"there are {len(losses)} rates; give three or more, so that the best has one on "
            "either side"
        )
    if len({len(of_rate) for of_rate in losses.values()}) > 1:
        told = ", ".join(f"{rate:g}: {len(of_rate)}" for rate, of_rate in losses.items())
        raise ValueError(f"rates have different numbers of seeds ({told}); run what is missing")
    means = {rate: mean_or_none(losses[rate]) for rate in sorted(losses)}
    held = {rate: mean for rate, mean in means.items() if mean is not None}
    if not held:
        raise ValueError(f"training diverged at every rate of {list(means)}; give a lower grid")
    best = min(held, key=held.__getitem__)
    edges = {min(means): "lowest", max(means): "highest"}
    return Choice(best, edges.get(best), means)


def mean_or_none(losses: Sequence[float | None]) -> float | None:
    """Return the mean, None if a run diverged."""
    held = [loss for loss in losses if loss is not None]
    return math.fsum(held) / len(held) if len(held) == len(losses) else None

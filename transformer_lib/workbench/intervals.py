"""How sure is a figure? Intervals for means, for paired differences and for shares.

An interval with confidence 0.95 is made by a rule that, over many repetitions, catches the true
value 95 times in 100. What is repeated differs, so say it beside the figure: other seeds
(`of_mean`, `paired`, `over_seeds`), other trials (`of_share`), other sentences (`bootstrap.py`).
"""

import math
from collections.abc import Iterable, Mapping
from statistics import NormalDist
from typing import NamedTuple, SupportsFloat

import numpy as np

from transformer_lib.workbench.student import check_probability, t_quantile

Numbers = Iterable[SupportsFloat]


class Interval(NamedTuple):
    """An estimate and the ends of its interval, all in the figure's own unit.

    Prints as "0.38 ± 0.05", and as "0.38 (0.31 to 0.47)" where the estimate is not in the middle;
    f"{interval:.1%}" or f"{interval:+.2f}" say how each number is written.
    """

    estimate: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of what lies between the two ends."""
        return (self.high - self.low) / 2

    def covers(self, value: float | int) -> bool:
        """Whether the interval holds `value`: a difference that covers 0 is not shown."""
        return self.low <= value <= self.high

    def __format__(self, spec: str) -> str:
        spec = spec or f".{digits_for(self.half_width)}f"
        middle = format(self.estimate, spec)
        if math.isclose(self.estimate - self.low, self.high - self.estimate, rel_tol=1e-6):
            return f"{middle} ± {format(self.half_width, spec.replace('+', ''))}"
        return f"{middle} ({format(self.low, spec)} to {format(self.high, spec)})"

    def __str__(self) -> str:
        return format(self, "")


def digits_for(half_width: float) -> int:
    """Return how many decimals show two digits of the half-width: more would be noise."""
    if not math.isfinite(half_width) or half_width == 0:
        return 2
    return max(0, 1 - math.floor(math.log10(half_width)))


def of_mean(values: Numbers, confidence: float = 0.95) -> Interval:
    """Return the mean with its t-interval: what more runs like these would average.

    It is exact for independent values of a normal distribution, and serves well for others.

    Args:
        values: two or more, one for each run.
        confidence: between 0 and 1.

    Raises:
        ValueError: fewer than two values, or one that is infinite or not a number.
    """
    numbers = finite("values", values)
    if len(numbers) < 2:
        raise ValueError(
            f"there are {len(numbers)} values; their spread, and so an interval, needs 2 or more"
        )
    mean = numbers.mean()
    error = numbers.std(ddof=1) / math.sqrt(len(numbers))
    probability = (1 + check_probability("confidence", confidence)) / 2
    half = t_quantile(probability, len(numbers) - 1) * error
    return Interval(float(mean), float(mean - half), float(mean + half))


def paired(values: Numbers, baseline: Numbers, confidence: float = 0.95) -> Interval:
    """Return the mean of values - baseline with its t-interval, pair by pair.

    What both of a pair share, such as the seed, cancels; so it is often far narrower than the two
    intervals by themselves.

    Args:
        values: one for each pair.
        baseline: the other of each pair, in the same order.
        confidence: between 0 and 1.

    Raises:
        ValueError: another number of values on each side.
    """
    ours, theirs = finite("values", values), finite("values of the baseline", baseline)
    if len(ours) != len(theirs):
        raise ValueError(
            f"there are {len(ours)} values and {len(theirs)} of the baseline; "
            "give one of each for every pair"
        )
    return of_mean(ours - theirs, confidence)


def over_seeds(
    values: Mapping[int, SupportsFloat],
    baseline: Mapping[int, SupportsFloat],
    confidence: float = 0.95,
) -> Interval:
    """Return the paired difference of two sets of runs by seed; the baseline may have more seeds.

    Args:
        values: a variant's figure by seed.
        baseline: the baseline's figure by seed.
        confidence: between 0 and 1.

    Raises:
        ValueError: the baseline lacks a seed of the variant.
    """
    if alone := sorted(set(values) - set(baseline)):
        raise ValueError(
            f"the baseline has no run of seed {', '.join(map(str, alone))}; "
            "run it, or leave that seed out of the variant"
        )
    return paired(values.values(), [baseline[seed] for seed in values], confidence)


def of_share(k: int, n: int, confidence: float = 0.95) -> Interval:
    """Return the share k / n with Wilson's interval, which never leaves 0 to 1.

    These are the shares p from which k lies no further than z standard errors of p itself
    (Wilson 1927); the estimate is not in its middle.

    Args:
        k: how many of them succeeded.
        n: how many independent trials there were.
        confidence: between 0 and 1.

    Raises:
        ValueError: no trial, or more successes than trials.
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError(f"{k} of {n} is no share; give 0 <= k <= n with n of 1 or more")
    z, share = NormalDist().inv_cdf((1 + check_probability("confidence", confidence)) / 2), k / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At 0 and at n the end is the share itself; rounding must not move it past.
    low = 0.0 if k == 0 else middle - half
    return Interval(share, low, 1.0 if k == n else middle + half)


def finite(name: str, values: Numbers) -> np.ndarray:
    """Return the values as an array.

    Raises:
        ValueError: one is infinite or not a number; it would hide in the mean.
    """
    numbers = np.array([float(value) for value in values])
    if not np.isfinite(numbers).all():
        place = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise ValueError(
            f"number {place} of the {name} is {numbers[place]}; leave it out or say why"
        )
    return numbers

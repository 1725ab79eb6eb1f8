"""How small a difference can a few runs show? To be asked before they are made."""

import math
from collections.abc import Sequence
from statistics import stdev

from transformer_lib.workbench.student import t_quantile


def smallest_difference(
    values: Sequence[float], n: int = 5, confidence: float = 0.95, power: float = 0.5
) -> float:
    """Return the smallest true mean difference that `n` pairs of runs show.

    They show one if the t-interval of their differences leaves out 0. Half of its width is
    expected to be t * sd / sqrt(n); a true difference of just that is found every second time
    (power 0.5). To find it four times in five it has to be larger by about t(0.8) * sd / sqrt(n).

    The spread of a difference is taken to be sqrt(2) times that of `values`, as of two
    independent runs. What the two of a pair share can only make it less.

    Args:
        values: of the baseline, one for each seed.
        n: so many pairs, baseline and variant, will be compared.
        confidence: of the interval.
        power: how often the difference is to be found, from 0.5 up.

    Raises:
        ValueError: fewer than two values or pairs.
    """
    if min(len(values), n) < 2:
        raise ValueError(
            f"there are {len(values)} values and {n} pairs; a spread needs 2 or more of each"
        )
    error = math.sqrt(2 / n) * stdev(values)
    return error * (t_quantile((1 + confidence) / 2, n - 1) + t_quantile(power, n - 1))

"""Student's t distribution, exactly: how far a mean of few values strays, in standard errors.

The share within -t to t has a finite closed form for whole degrees of freedom: a sum of powers of
the cosine of arctan(t / sqrt(degrees)) (Abramowitz and Stegun, 26.7.3 and 26.7.4). SciPy has the
same numbers, but would be a large dependency for one of them.
"""

import math

import numpy as np


def t_quantile(probability: float, degrees: int) -> float:
    """Return the t below which that probability of Student's distribution lies.

    The share within grows with the angle, so halving the range of angles finds it to the last
    digits.

    Args:
        probability: between 0 and 1.
        degrees: of freedom, 1 or more: one less than the number of values.

    Raises:
        ValueError: no degree of freedom.
    """
    if degrees < 1:
        raise ValueError(f"there are {degrees} degrees of freedom; give 1 or more")
    within = abs(2 * check_probability("probability", probability) - 1)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        low, high = (angle, high) if share_within(angle, degrees) < within else (low, angle)
    return math.copysign(math.sqrt(degrees) * math.tan(low), probability - 0.5)


def share_within(angle: float, degrees: int) -> float:
    """Return the probability of |t| < sqrt(degrees) * tan(angle)."""
    odd = degrees % 2
    steps = np.arange(2 + odd, degrees, 2)  # the powers of the cosine are 0 or 1, 2 or 3, ...
    terms = np.cumprod((steps - 1) / steps * math.cos(angle) ** 2).sum()
    if not odd:
        return math.sin(angle) * (1 + terms)
    sums = math.cos(angle) * (1 + terms) if degrees > 1 else 0.0
    return 2 / math.pi * (angle + math.sin(angle) * sums)


def check_probability(name: str, value: float) -> float:
    """Return the value, unless it lies outside 0 to 1.

    Raises:
        ValueError: 95 was given for 0.95, say.
    """
    if not 0 < value < 1:
        raise ValueError(f"the {name} is {value}; it lies between 0 and 1, such as 0.95")
    return value

"""How sure is a score of many sentences, such as BLEU, that is no mean? Draw the sentences anew.

The sentences stand for all of their kind: as many are drawn from them, with replacement, again and
again, and the middle 95% of the scores is the interval (percentile bootstrap, Efron 1979). It says
what other sentences would give, and nothing about other seeds.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from transformer_lib.workbench.intervals import Interval, finite
from transformer_lib.workbench.student import check_probability

Rows = Sequence | np.ndarray  # one for each sentence, [n, ...]
Statistic = Callable[[np.ndarray], float]  # the score of rows, called with arrays [n, ...]


def bootstrap(
    rows: Rows,
    statistic: Statistic,
    draws: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Return a score of rows with its interval: what other rows of this kind would give.

    The interval need not hold the score: draws have fewer different rows, which some scores notice.

    Args:
        rows: one for each sentence, such as its counts for BLEU: [n, ...].
        statistic: the score of rows; called with arrays [n, ...].
        draws: how often to draw.
        seed: of the draws, which are the same every time.
        confidence: between 0 and 1.
    """
    rows = np.asarray(rows)
    scores = [statistic(rows[drawn]) for drawn in redrawn(len(rows), draws, seed)]
    return Interval(float(statistic(rows)), *middle_of(scores, confidence))


def paired_bootstrap(
    rows: Rows,
    baseline: Rows,
    statistic: Statistic,
    draws: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Return the score of rows less that of the baseline, both on the same draws (Koehn 2004).

    Sentences that are hard for one system are hard for the other: on the same draw that cancels.

    Args:
        rows: one for each sentence: [n, ...].
        baseline: the other system's, for the same sentences in the same order.
        statistic: as in `bootstrap`.
        draws: as in `bootstrap`.
        seed: as in `bootstrap`.
        confidence: between 0 and 1.

    Raises:
        ValueError: another number of rows on each side.
    """
    rows, baseline = np.asarray(rows), np.asarray(baseline)
    if len(rows) != len(baseline):
        raise ValueError(
            f"there are {len(rows)} rows and {len(baseline)} of the baseline; "
            "give both for the same sentences, in the same order"
        )
    gains = [
        statistic(rows[drawn]) - statistic(baseline[drawn])
        for drawn in redrawn(len(rows), draws, seed)
    ]
    gain = float(statistic(rows) - statistic(baseline))
    return Interval(gain, *middle_of(gains, confidence))


def redrawn(n_rows: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Return for each draw the numbers of n_rows rows, drawn with replacement.

    Raises:
        ValueError: there is no row, or no draw.
    """
    if n_rows < 1 or draws < 1:
        raise ValueError(f"{n_rows} rows drawn {draws} times; both must be 1 or more")
    rng = np.random.default_rng(seed)
    return (rng.integers(n_rows, size=n_rows) for _ in range(draws))


def middle_of(scores: Sequence[float], confidence: float) -> tuple[float, float]:
    """Return the ends of the middle part of the scores."""
    tail = (1 - check_probability("confidence", confidence)) / 2
    low, high = np.quantile(finite("scores", scores), [tail, 1 - tail])
    return float(low), float(high)

"""How long training has taken, how fast it is, and how long it will take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Wall-clock time of a training that may have been interrupted."""

    def __init__(self) -> None:
        self.start(0, 0.0)

    def start(self, step: int, elapsed_s: float) -> None:
        """Begin, or go on from update `step`, before which so many seconds were spent."""
        self.first_step = step
        self.before = elapsed_s
        self.began = self.lap_began = time.perf_counter()

    def elapsed(self) -> float:
        """Return the seconds since training began, without those it was not running."""
        return self.before + time.perf_counter() - self.began

    def lap(self) -> float:
        """Return the seconds since the last lap, without pauses."""
        now = time.perf_counter()
        seconds, self.lap_began = now - self.lap_began, now
        return seconds

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave something, such as an evaluation, out of the lap."""
        began = time.perf_counter()
        yield
        self.lap_began += time.perf_counter() - began

    def seconds_left(self, step: int, steps: int) -> float:
        """Return how long the rest takes if it goes on as it went since this start."""
        per_step = (time.perf_counter() - self.began) / max(1, step - self.first_step)
        return per_step * (steps - step)

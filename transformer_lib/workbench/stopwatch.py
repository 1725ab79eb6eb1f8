"""Seconds of computing on one core, which other programs on the machine do not lengthen much."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Seconds of computing since it was made, without pauses; other programs do not count."""

    def __init__(self) -> None:
        self.began = time.process_time()

    def seconds(self) -> float:
        """Return the seconds of all threads of this process."""
        return time.process_time() - self.began

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave something out."""
        began = time.process_time()
        yield
        self.began += time.process_time() - began

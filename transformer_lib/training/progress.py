"""What a person sees of a long task: a line that renews itself, or lines in a pipe."""

import sys
import time
from collections.abc import Iterator, Sequence
from io import TextIOBase
from typing import Any, TypeVar

Group = TypeVar("Group", bound=Sequence)


class Progress:
    """Tell how training goes, on standard error.

    Args:
        steps: how many updates the whole training has.
        quiet: say nothing but warnings.
        stream: where to write; standard error if not given.
    """

    def __init__(self, steps: int, quiet: bool = False, stream: TextIOBase | None = None) -> None:
        self.steps = steps
        self.quiet = quiet
        self.stream = stream or sys.stderr
        self.open_line = False  # on a terminal, a line that the next one may overwrite

    def update(self, record: dict[str, Any], seconds_left: float) -> None:
        """Show the latest figures; on a terminal they replace the ones before."""
        if self.quiet:
            return
        line = (
            f"step {record['step']:,}/{self.steps:,}  loss {record['loss']:.3f}  "
            f"lr {record['lr']:.2e}  {record['tokens_per_s']:,.0f} tokens/s  "
            f"{duration(seconds_left)} left"
        )
        if self.stream.isatty():
            renew(line, self.stream)
            self.open_line = True
        else:
            self.stream.write(line + "\n")
            self.stream.flush()

    def say(self, line: str, always: bool = False) -> None:
        """Write a line that stays; `always`, for warnings, also when quiet."""
        if self.quiet and not always:
            return
        self.stream.write(("\n" if self.open_line else "") + line + "\n")
        self.stream.flush()
        self.open_line = False


def renew(line: str, stream: TextIOBase) -> None:
    """Write a line of a terminal over the one before."""
    stream.write(f"\r\x1b[2K{line}")
    stream.flush()


def track(groups: list[Group], name: str, stream: TextIOBase | None = None) -> Iterator[Group]:
    """Yield the groups; on a terminal show how many of their items are done, and the time left.

    Args:
        groups: lists of items that take about as long each.
        name: what is shown before the numbers.
        stream: where to write; standard error if not given.
    """
    stream = stream or sys.stderr
    total, done, started = sum(map(len, groups)), 0, time.monotonic()
    for group in groups:
        yield group
        done += len(group)
        if stream.isatty():
            left = (time.monotonic() - started) / done * (total - done)
            renew(f"{name}: {done:,}/{total:,}, {duration(left)} left" * (done < total), stream)


def duration(seconds: float) -> str:
    """Return a time such as 45 s, 12 min or 3 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"

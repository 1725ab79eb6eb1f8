"""What a person sees while a model trains: a line that renews itself, or lines in a pipe."""

import sys
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Stream(Protocol):
    """Where lines go: a terminal, a pipe, or a string."""

    def write(self, text: str, /) -> int:
        """Write text."""
        ...

    def flush(self) -> None:
        """Show it now."""
        ...

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        ...


class Progress:
    """Tell how training goes, on standard error.

    Args:
        steps: how many updates the whole training has.
        quiet: say nothing but warnings.
        stream: where to write; standard error if not given.
    """

    def __init__(self, steps: int, quiet: bool = False, stream: Stream | None = None) -> None:
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
            self.stream.write(f"\r\x1b[2K{line}")
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


def duration(seconds: float) -> str:
    """Return a time such as 45 s, 12 min or 3 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"

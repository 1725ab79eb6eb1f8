"""Run a reader's code so that nothing it does stops the notebook: errors, endless loops, floods.

The code runs in a thread of its own. A thread, not a signal: signals reach the main thread only
and do not exist on Windows. A loop in Python is ended when its time is up, by an exception that
is raised inside the thread; code that hangs inside C is left behind (the thread is a daemon).
"""

import contextlib
import ctypes
import io
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

MOST_PRINTED = 1000  # characters that a reader's own prints may add to the page


@dataclass(frozen=True)
class Outcome:
    """What became of a call: a value, or in `error` what went wrong, as a verb phrase."""

    value: Any = None
    error: str = ""
    late: bool = False  # its time was up


def guarded(work: Callable[[], Any], seconds: float) -> Outcome:
    """Run `work` for at most so many seconds; whatever it raises becomes an outcome."""
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=_run, args=(work, outcomes), daemon=True)
    with _quiet():
        thread.start()
        try:
            thread.join(seconds)
        finally:  # also when the reader presses "stop"
            running = thread.is_alive()
            _end(thread)
    if running or not outcomes:
        return Outcome(error=f"still runs after {seconds:g} seconds; does its loop end?", late=True)
    return outcomes[0]


def one_line(text: str, longest: int = 120) -> str:
    """Return a text on one line, cut where it gets long."""
    joined = " ".join(text.split())
    return joined if len(joined) <= longest else f"{joined[: longest - 3]}..."


def _run(work: Callable[[], Any], outcomes: list[Outcome]) -> None:
    # BaseException: `exit()` in a reader's function ends the function, not the notebook.
    try:
        outcomes.append(Outcome(work()))
    except BaseException as error:
        outcomes.append(Outcome(error=_raised(error)))


def _raised(error: BaseException) -> str:
    try:
        message = one_line(str(error))
    except Exception:
        message = ""
    return f"raises {type(error).__name__}{': ' if message else ''}{message}"


class _Ended(BaseException):
    """Raised inside a thread whose time is up; `except Exception` does not catch it."""


def _end(thread: threading.Thread, tries: int = 5) -> None:
    """Raise inside a thread that still runs; more than once, since a bare `except` may catch it."""
    for _ in range(tries):
        if not thread.is_alive():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(_Ended)
        )
        thread.join(0.2)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings, and let only so much of what is printed through."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(_Limited(sys.stdout)):
        warnings.simplefilter("ignore")
        yield


class _Limited(io.TextIOBase):
    """A stream that passes on a limited number of characters and swallows the rest."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.left = stream, MOST_PRINTED

    def write(self, text: str) -> int:
        """Write what is still allowed."""
        if self.left:
            self.stream.write(text if len(text) <= self.left else f"{text[: self.left]} ...\n")
            self.left -= min(self.left, len(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self.stream.flush()

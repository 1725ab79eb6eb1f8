"""How a program ends: its exit code, and every expected error as one line on standard error."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import typer

UsageError = typer.BadParameter.__base__  # its home differs between versions of typer
USAGE, FAILURE, INTERRUPTED, TERMINATED = 2, 1, 130, 143


def exit_with(program: Callable[[], int | None]) -> NoReturn:
    """Run a program; every expected error is one line on standard error.

    The exit code is 0, 1 for an error, 2 for a wrong call, 130 for Ctrl-C.
    """
    logging.basicConfig(format="warning: %(message)s", level=logging.WARNING)
    if hasattr(sys.stdout, "reconfigure"):  # whatever the system's encoding: we read UTF-8 too
        sys.stdout.reconfigure(encoding="utf-8")
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, terminate)
    try:
        code = program()
        sys.stdout.flush()
        if code == INTERRUPTED:  # newer versions of typer turn Ctrl-C into this
            raise KeyboardInterrupt
    except UsageError as error:
        code = complain(error.format_message() + dash_hint(error), USAGE)
    except (KeyboardInterrupt, typer.Abort):
        code = complain("interrupted", INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILURE
    except (ValueError, OSError, FloatingPointError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not is_out_of_memory(error):
            raise
        code = complain(told(error), FAILURE)
    sys.exit(code or 0)


def terminate(number: int, frame: FrameType | None) -> NoReturn:
    """End as a program that cleans up behind itself; training hears the signal itself."""
    raise SystemExit(TERMINATED)


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch says so by a RuntimeError, in other words on each device."""
    if isinstance(error, MemoryError):
        return True
    words = ("out of memory", "not enough memory", "can't allocate memory", "bad_alloc",
             "CUBLAS_STATUS_ALLOC_FAILED")  # fmt: skip
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def dash_hint(error: UsageError) -> str:
    """Say what to do where a sentence that begins with a dash was taken for an option."""
    name = getattr(error, "option_name", None) or "--"
    return "" if name.startswith("--") else "; put -- before a sentence that begins with -"


def told(error: Exception) -> str:
    """Return an error in words, naming the file where the system names one."""
    if is_out_of_memory(error):
        return (
            "out of memory; lower decode.batch_size, or for a new run data.batch_tokens, or make "
            "room (what a training had saved is intact)"
        )
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def complain(message: str, code: int) -> int:
    """Print one line on standard error and return the exit code."""
    if message:  # a call without arguments has had its help
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code

"""How a program of ours ends: every expected error is one line on standard error."""

import logging
import os
import sys
from collections.abc import Callable
from typing import NoReturn

import typer

UsageError = typer.BadParameter.__base__  # its home differs between versions of typer

USAGE, FAILURE, INTERRUPTED = 2, 1, 130


def exit_with(program: Callable[[], int | None]) -> NoReturn:
    """Run a program; every expected error is one line on standard error.

    The exit code is 0, 1 for an error, 2 for a wrong call, 130 for Ctrl-C.
    """
    logging.basicConfig(format="warning: %(message)s", level=logging.WARNING)
    try:
        code = program()
        sys.stdout.flush()
        if code == INTERRUPTED:  # newer versions of typer turn Ctrl-C into this
            raise KeyboardInterrupt
    except UsageError as error:
        code = complain(error.format_message(), USAGE)
    except (KeyboardInterrupt, typer.Abort):
        code = complain("interrupted", INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILURE
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        code = complain(told(error), FAILURE)
    sys.exit(code or 0)


def told(error: Exception) -> str:
    """Return an error in words, naming the file where the system names one."""
    if isinstance(error, MemoryError):
        return "out of memory; lower decode.batch_size or data.batch_tokens"
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def complain(message: str, code: int) -> int:
    """Print one line on standard error and return the exit code."""
    if message:  # a call without arguments has had its help
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code

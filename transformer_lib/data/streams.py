"""Lines as they come, and files that appear whole or not at all."""

import codecs
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from itertools import islice
from pathlib import Path
from typing import TextIO, TypeVar

from transformer_lib.data.parallel_text import AnyPath, decoded

Line = TypeVar("Line")
CHUNK = 1000  # lines of a file at a time


def chunks(lines: Iterable[Line], size: int = CHUNK) -> Iterator[list[Line]]:
    """Yield the lines, or whatever there is one of for each, in lists of `size` or less."""
    lines = iter(lines)
    while chunk := list(islice(lines, size)):
        yield chunk


def lines_as_they_come(stream: BufferedIOBase, name: str) -> Iterator[list[str]]:
    r"""Yield lists of the lines that are there already, without waiting for more.

    So a pipe gives many at a time, which is fast, and a person at a terminal each line at once.
    Only `\n` ends a line, as in `read_lines`.

    Args:
        stream: buffered, such as `sys.stdin.buffer`.
        name: what to call it in errors.

    Raises:
        ValueError: a line is not UTF-8 or holds a NUL byte; the lines before it were yielded.
    """
    number, rest = 0, b""
    while block := stream.read1(1 << 16):
        *whole, rest = (rest + block).split(b"\n") if b"\n" in block else (rest + block,)
        if whole:
            yield from decoded_lines(whole, name, number)
            number += len(whole)
    if rest:
        yield from decoded_lines([rest], name, number)


def decoded_lines(lines: list[bytes], name: str, number: int) -> Iterator[list[str]]:
    """Yield the lines as text; before a bad one is refused, the good ones before it.

    Raises:
        ValueError: a line is not UTF-8 or holds a NUL byte.
    """
    good: list[str] = []
    for place, line in enumerate(lines, start=number + 1):
        line = line.removeprefix(codecs.BOM_UTF8) if place == 1 else line
        try:
            good.append(decoded(line.removesuffix(b"\r"), name, place))
        except ValueError:
            yield good
            raise
    yield good


def check_writable(path: AnyPath, what: str) -> None:
    """Refuse an output path before the work is done.

    Raises:
        ValueError: a folder, or in a folder that does not exist or may not be written to.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file for the {what}")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write the {what} to; make it first")
    if not os.access(path.absolute().parent, os.W_OK):
        raise ValueError(f"you may not write to {path.parent}; name another place for the {what}")


@contextmanager
def whole_file(path: AnyPath) -> Iterator[TextIO]:
    """Open a text file that gets its name when all is written; a failure leaves nothing behind.

    A device or a pipe, such as /dev/null, is written to directly.

    Raises:
        OSError: it cannot be written.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            yield file
        return
    path = path.resolve()  # through a symbolic link, whose place is not the file's
    handle, beside = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
        os.chmod(beside, 0o666 & ~umask())
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def umask() -> int:
    """Return the permissions that this process denies to new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

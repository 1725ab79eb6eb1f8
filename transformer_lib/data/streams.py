"""Lines in groups, and lines as they come."""

import codecs
from collections.abc import Iterable, Iterator
from io import BufferedIOBase
from itertools import islice
from typing import TypeVar

from transformer_lib.data.parallel_text import decoded

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

"""Lines in groups, and lines as they come."""

from collections.abc import Callable, Iterable, Iterator
from io import BufferedIOBase
from itertools import islice
from typing import TypeVar

from transformer_lib.data.parallel_text import decoded_at
from transformer_lib.data.text import PEEK, located, require_plain

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
        ValueError: no plain text, or a line that `decoded_lines` refuses.
    """
    number, rest = 0, b""
    while block := stream.read1(1 << 16):
        if not number and not rest:
            require_plain(block[:PEEK], name)
        *whole, rest = (rest + block).split(b"\n") if b"\n" in block else (rest + block,)
        if whole:
            yield from decoded_lines(whole, name, number)
            number += len(whole)
    if rest:
        yield from decoded_lines([rest], name, number)


def decoded_lines(lines: list[bytes], name: str, number: int) -> Iterator[list[str]]:
    """Yield the lines as text; before a bad one is refused, the good ones before it.

    Raises:
        ValueError: as `text.decoded`.
    """
    good: list[str] = []
    for place, line in enumerate(lines, start=number + 1):
        try:
            good.append(decoded_at(line, f"{name}, line", place))
        except ValueError:
            yield good
            raise
    yield good


def checked(
    groups: Iterable[list[str]], check: Callable[[str], object], name: str
) -> Iterator[list[str]]:
    """Yield groups of sentences; before a bad one is refused, the good ones of its group.

    Args:
        groups: sentences.
        check: raises a ValueError for a bad sentence.
        name: what to call a sentence in errors, before its number.

    Raises:
        ValueError: what `check` says, with the number of the sentence.
    """
    number = 0
    for group in groups:
        for place, sentence in enumerate(group):
            number += 1
            try:
                check(sentence)
            except ValueError as error:
                yield group[:place]
                raise located(name, number, error) from None
        yield group

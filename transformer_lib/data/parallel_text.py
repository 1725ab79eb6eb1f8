"""Reading text that is parallel line by line, from two files or one table, plain or compressed."""

import bz2
import gzip
import hashlib
import logging
import lzma
import os
import re
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader
from typing import NamedTuple

from transformer_lib.data.text import PEEK, decoded, located, normal, require_plain
from transformer_lib.files import AnyPath

logger = logging.getLogger(__name__)

PACKED = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\0": lzma.open, b"BZh": bz2.open}  # how each begins
DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError)

QUOTED = re.compile(r'\s*".*"\s*')
DOUBLED = re.compile(r'\s*"(?:[^"]|"")*""(?:[^"]|"")*"\s*')  # within quotes, as .csv has them
NAMES = """source target src tgt source_text target_text sentence translation text original
    en de fr es it cs pl pt ru zh ja nl sv english german french spanish italian czech polish
    portuguese russian chinese japanese dutch swedish deutsch englisch"""
HEADINGS = frozenset(NAMES.split())  # of columns


class ParallelText(NamedTuple):
    """Sentences and their translations, line by line."""

    src: list[str]
    tgt: list[str]

    @property
    def digest(self) -> str:
        """The sha256 of all lines: text is known by it, wherever it lies."""
        total = hashlib.sha256()
        for side in self:
            total.update(f"{len(side)}\n".encode())
            for line in side:
                total.update(line.encode("utf-8", "surrogatepass") + b"\n")
        return total.hexdigest()


def read_lines(path: AnyPath) -> Iterator[str]:
    r"""Read a text file, plain or compressed, without its line ends, `\n` or `\r\n`.

    Only `\n` separates lines: Unicode's other separators may stand within a sentence, and to
    split there would shift one side against the other. A byte order mark is dropped. The rest is
    as it stands; `text.normal` brings it into the one form.

    Raises:
        OSError: the file is missing, a folder, or not readable.
        ValueError: no plain text, a line that `text.decoded` refuses, or a compressed file that is
            damaged.
    """
    try:
        with open(path, "rb") as file:
            lines = unpacked(file)
            require_plain(lines.peek(PEEK)[:PEEK], str(path))
            for number, line in enumerate(lines, start=1):
                yield decoded_at(line, f"{path}, line", number)
    except DAMAGED as error:
        raise ValueError(f"{path} is a damaged compressed file ({error}); fetch it again") from None
    except OSError as error:
        if error.errno is None:  # so bz2 tells of damage
            raise ValueError(f"{path} is a damaged compressed file ({error}); "
                             "fetch it again") from None  # fmt: skip
        raise type(error)(f"cannot read {path}: {error.strerror}") from None


def read_counted(path: AnyPath, tokenised: bool) -> list[str]:
    """Read lines to be scored, in the form of `text.normal`, and warn if that changes them.

    Args:
        path: translations or references.
        tokenised: they are tokenised already. Published scores count them as they are, so we do.
    """
    lines = list(read_lines(path))
    if tokenised:
        return lines
    counted = [normal(line) for line in lines]
    if changed := sum(one != two.rstrip() for one, two in zip(counted, lines, strict=True)):
        logger.warning("%d of %d lines of %s are counted in the form in which text is read here "
                       "(NFC, single spaces, nothing unseen); other tools count them as they are",
                       changed, len(lines), path)  # fmt: skip
    return counted


def unpacked(file: BufferedReader) -> BufferedIOBase:
    """Return the file, or what it unpacks to if it is compressed."""
    start = file.peek(10)[:10]
    for magic, opened in PACKED.items():
        # "BZh" alone may begin a text; in a compressed file a digit and the number pi follow.
        if start.startswith(magic) and (opened is not bz2.open or start[4:] == b"1AY&SY"):
            return opened(file)
    return file


def decoded_at(line: bytes, name: str, number: int) -> str:
    """Return a line as text.

    Raises:
        ValueError: as `text.decoded`, with the place where it stands.
    """
    try:
        return decoded(line, number)
    except ValueError as error:
        raise located(name, number, error) from None


def read_parallel(src_path: AnyPath, tgt_path: AnyPath) -> ParallelText:
    """Read two files whose lines translate each other; a pair with a blank side is left out.

    Raises:
        OSError: a file cannot be read.
        ValueError: one file for both sides, different numbers of lines, no text, or a file that
            `read_lines` refuses.
    """
    src, tgt = list(read_lines(src_path)), list(read_lines(tgt_path))
    if os.path.samefile(src_path, tgt_path):
        raise ValueError(f"{src_path} is both source and target; give the translation as target")
    if len(src) != len(tgt):
        raise ValueError(
            f"{src_path} has {len(src)} lines and {tgt_path} has {len(tgt)}; "
            "each line must translate the line of the same number"
        )
    return without_blanks(ParallelText(src, tgt), f"{src_path} and {tgt_path}")


def read_tsv(path: AnyPath) -> ParallelText:
    """Read one file with source and target separated by a tab, plain or compressed.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line has not two columns, quotes of a spreadsheet, no text, or a file that
            `read_lines` refuses.
    """
    text = ParallelText([], [])
    for number, line in enumerate(read_lines(path), start=1):
        columns = line.split("\t") if normal(line) else ["", ""]
        if len(columns) != 2:
            raise ValueError(
                f"{path}, line {number} has {len(columns)} columns; write source, one tab, target"
            )
        text.src.append(columns[0])
        text.tgt.append(columns[1])
    kept = without_blanks(text, str(path))
    require_unquoted(kept, str(path))
    return kept


def require_unquoted(text: ParallelText, path: str) -> None:
    """Refuse a table whose columns a spreadsheet put in quotes, which would pass for text.

    Raises:
        ValueError: quotes around all of one column, or two for one within such.
    """
    for side in text:
        quoted = [bool(QUOTED.fullmatch(line)) for line in side]
        doubled = [bool(DOUBLED.fullmatch(line)) for line in side]
        if any(doubled) or (len(side) > 1 and all(quoted)):
            shown = side[doubled.index(True) if any(doubled) else 0]
            raise ValueError(
                f"{path} has its columns in quotes, as spreadsheets write them ({shown[:30]!r}); "
                "write it without quotes"
            )


def require_no_header(text: ParallelText, where: str) -> None:
    """Refuse text whose first pair says what the columns are.

    Raises:
        ValueError: quotes that pair.
    """
    first = [side[0].strip(' "#').casefold() for side in text]
    if all(name in HEADINGS for name in first):
        raise ValueError(
            f"the first pair of {where} is a heading ({text.src[0]!r}, {text.tgt[0]!r}); delete "
            "it, or if it is a pair, put another before it"
        )


def without_blanks(text: ParallelText, where: str) -> ParallelText:
    """Leave out pairs with a side that shows nothing, and say how many.

    Raises:
        ValueError: nothing is left, or the first pair is a heading.
    """
    kept = [(src, tgt) for src, tgt in zip(*text, strict=True) if normal(src) and normal(tgt)]
    if not kept:
        raise ValueError(f"no pair in {where} has text on both sides; they are empty")
    if n_blank := len(text.src) - len(kept):
        logger.warning("left out %d of %d pairs of %s: a side is blank",
                       n_blank, len(text.src), where)  # fmt: skip
    found = ParallelText(*map(list, zip(*kept, strict=True)))
    require_no_header(found, where)
    return found

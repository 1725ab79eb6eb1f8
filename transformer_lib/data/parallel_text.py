"""Reading text that is parallel line by line, from two files or one table, plain or compressed."""

import bz2
import codecs
import gzip
import hashlib
import logging
import lzma
import os
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader
from typing import NamedTuple

from transformer_lib.files import AnyPath

logger = logging.getLogger(__name__)

PACKED = {b"\x1f\x8b": gzip.open, b"\xfd7zXZ\0": lzma.open, b"BZh": bz2.open}  # how each begins
DAMAGED = (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError)


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
    split there would shift one side against the other. A byte order mark is dropped.

    Raises:
        OSError: the file is missing, a folder, or not readable.
        ValueError: not UTF-8, a NUL byte, or a compressed file that is damaged.
    """
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(unpacked(file), start=1):
                line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                yield decoded(line.removesuffix(b"\n").removesuffix(b"\r"), path, number)
    except DAMAGED as error:
        raise ValueError(f"{path} is a damaged compressed file ({error}); fetch it again") from None
    except OSError as error:
        if error.errno is None:  # so bz2 tells of damage
            raise ValueError(f"{path} is a damaged compressed file ({error}); "
                             "fetch it again") from None  # fmt: skip
        raise type(error)(f"cannot read {path}: {error.strerror}") from None


def unpacked(file: BufferedReader) -> BufferedIOBase:
    """Return the file, or what it unpacks to if it is compressed."""
    start = file.peek(10)[:10]
    for magic, opened in PACKED.items():
        # "BZh" alone may begin a text; in a compressed file a digit and the number pi follow.
        if start.startswith(magic) and (opened is not bz2.open or start[4:] == b"1AY&SY"):
            return opened(file)
    return file


def decoded(line: bytes, path: AnyPath, number: int) -> str:
    """Return the line as text.

    Raises:
        ValueError: it is not UTF-8, or holds a NUL byte.
    """
    if b"\0" in line:
        raise ValueError(f"{path}, line {number} holds a NUL byte; give a text file in UTF-8")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}, line {number} is not UTF-8 (byte 0x{line[error.start]:02X} at place "
            f"{error.start + 1}); convert the file, for example with iconv"
        ) from None


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
        ValueError: a line has not two columns, no text, or a file that `read_lines` refuses.
    """
    text = ParallelText([], [])
    for number, line in enumerate(read_lines(path), start=1):
        columns = line.split("\t") if line.strip() else ["", ""]
        if len(columns) != 2:
            raise ValueError(
                f"{path}, line {number} has {len(columns)} columns; write source, one tab, target"
            )
        text.src.append(columns[0])
        text.tgt.append(columns[1])
    return without_blanks(text, str(path))


def without_blanks(text: ParallelText, where: str) -> ParallelText:
    """Leave out pairs with a blank side, and say how many.

    Raises:
        ValueError: nothing is left.
    """
    kept = [(src, tgt) for src, tgt in zip(*text, strict=True) if src.strip() and tgt.strip()]
    if not kept:
        raise ValueError(f"no pair in {where} has text on both sides; they are empty")
    if n_blank := len(text.src) - len(kept):
        logger.warning("left out %d of %d pairs of %s: a side is blank",
                       n_blank, len(text.src), where)  # fmt: skip
    return ParallelText(*map(list, zip(*kept, strict=True)))

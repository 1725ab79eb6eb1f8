"""Parallel text: the embedded grammar, Multi30k, or any two files of the user's own (section 5.1).

The paper's own corpus, WMT 2014 English-German, is "files" too: download it from statmt.org, put
one sentence on each line, and train with the preset `base` or `big` and `data.src=train.en
data.tgt=train.de data.valid_src=newstest2013.en data.valid_tgt=newstest2013.de`.
"""

import codecs
import gzip
import logging
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from transformer_lib.config import DataConfig, nearest
from transformer_lib.data import multi30k

logger = logging.getLogger(__name__)

AnyPath = str | os.PathLike[str]
GZIP = b"\x1f\x8b"  # how a compressed file begins; no UTF-8 text does
HELD_OUT = 1000  # pairs for validation and in each test split; of the user's own files at most 5%
FIXED_SEED = 0  # of validation and tests, so that runs with different seeds are comparable


class ParallelText(NamedTuple):
    """Sentences and their translations, line by line."""

    src: list[str]
    tgt: list[str]


class Corpus(NamedTuple):
    """What a run trains on, chooses by, and is scored on (by the name of the split)."""

    train: ParallelText
    valid: ParallelText
    test: dict[str, ParallelText]


def read_lines(path: AnyPath) -> Iterator[str]:
    r"""Read a text file, plain or gzip, without its line ends, `\n` or `\r\n`.

    Only `\n` separates lines: Unicode's other separators may stand within a sentence, and to
    split there would shift one side against the other. A byte order mark is dropped.

    Raises:
        OSError: the file is missing, a folder, or not readable.
        ValueError: not UTF-8, a NUL byte, or a gzip file that is damaged.
    """
    try:
        with open(path, "rb") as file:
            for number, line in enumerate(unpacked(file), start=1):
                line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                yield decoded(line.removesuffix(b"\n").removesuffix(b"\r"), path, number)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is a damaged gzip file ({error}); fetch it again") from None
    except OSError as error:
        raise type(error)(f"cannot read {path}: {error.strerror}") from None


def unpacked(file: BinaryIO) -> BinaryIO:
    """Return the file, or what it unpacks to if it is compressed."""
    return gzip.open(file) if file.peek(2)[:2] == GZIP else file


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
    """Read one file with source and target separated by a tab, plain or gzip.

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


def load_corpus(data: DataConfig) -> Corpus:
    """Load what `data.corpus` names: "grammar", "multi30k" or "files".

    Raises:
        OSError: a file cannot be read, or downloaded.
        ValueError: an unknown name, settings that contradict it, or text that is refused.
    """
    loaders = {"grammar": load_grammar, "multi30k": load_multi30k, "files": load_files}
    if data.corpus not in loaders:
        raise ValueError(f"there is no corpus {data.corpus!r}; {nearest(data.corpus, [*loaders])}")
    given = data.src or data.tgt or data.valid_src or data.valid_tgt
    if given and data.corpus != "files":
        raise ValueError(
            f"the file {given} is given, but the corpus is {data.corpus!r}; set data.corpus=files"
        )
    return loaders[data.corpus](data)


def load_grammar(data: DataConfig) -> Corpus:
    """Generate the embedded corpus: training pairs from the seed, the rest always the same."""
    from transformer_lib.data.grammar import generate

    def text(split: str, n: int, seed: int) -> ParallelText:
        pairs = generate(n, seed, split)
        return cased(ParallelText([p.src for p in pairs], [p.tgt for p in pairs]), data.lowercase)

    tests = ("ordinary", "new_combinations", "deeper", "longer")
    return Corpus(
        train=text("train", data.n_pairs, data.seed),
        valid=text("valid", HELD_OUT, FIXED_SEED),
        test={split: text(split, HELD_OUT, FIXED_SEED) for split in tests},
    )


def load_multi30k(data: DataConfig) -> Corpus:
    """Load Multi30k; `lowercase`: the tokenised form that papers report on, else raw."""

    def text(split: str) -> ParallelText:
        names = [multi30k.name_of(split, language, data.lowercase) for language in ("en", "de")]
        return read_parallel(*map(multi30k.fetch, names))

    return Corpus(text("train"), text("val"), {"test_2016": text("test_2016_flickr")})


def load_files(data: DataConfig) -> Corpus:
    """Load the user's own files; with none for validation the last pairs are held out."""
    train = read_pair("src", data.src, "tgt", data.tgt)
    if data.valid_src or data.valid_tgt:
        valid = read_pair("valid_src", data.valid_src, "valid_tgt", data.valid_tgt)
    else:
        train, valid = hold_out(train)
    return Corpus(cased(train, data.lowercase), cased(valid, data.lowercase), {})


def read_pair(src_name: str, src: str | None, tgt_name: str, tgt: str | None) -> ParallelText:
    """Read two files, or one .tsv as the source.

    Raises:
        ValueError: a side is missing, or the text is refused.
    """
    if src and tgt:
        return read_parallel(src, tgt)
    if src and Path(src.removesuffix(".gz")).suffix == ".tsv":
        return read_tsv(src)
    missing = tgt_name if src else src_name
    raise ValueError(
        f"data.{missing} is missing; give data.{src_name} and data.{tgt_name}, "
        f"or a two-column .tsv as data.{src_name}"
    )


def hold_out(text: ParallelText) -> tuple[ParallelText, ParallelText]:
    """Split off the last pairs for validation: 5%, at least 1, at most `HELD_OUT`.

    Raises:
        ValueError: fewer than 2 pairs.
    """
    if len(text.src) < 2:
        raise ValueError("there is 1 pair only, so none can be held out; give 2 or more")
    n = min(HELD_OUT, max(1, len(text.src) // 20))
    return ParallelText(text.src[:-n], text.tgt[:-n]), ParallelText(text.src[-n:], text.tgt[-n:])


def cased(text: ParallelText, lowercase: bool) -> ParallelText:
    """Return the text as it is, or in lower case."""
    return ParallelText(*([s.lower() for s in side] for side in text)) if lowercase else text

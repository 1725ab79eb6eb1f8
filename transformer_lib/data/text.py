r"""What text is: the same line in the same form, wherever it comes from.

Bytes become lines, and lines are brought into one form, by the functions here and no others: for
training, preparation, translation and scoring, from files, standard input and Python.

The form is Unicode's NFC, in which a letter and its accent are one character where there is one;
white space of any kind is one space, none at the ends; and characters that nothing shows (zero
width space, word joiner, byte order mark, soft hyphen) are dropped. NFC changes nothing that is
seen; NFKC would, and writes ² as 2. Joiners stay, since Persian and emoji need them.

Text that published scores are counted on, the Multi30k files `.lc.norm.tok`, is left as it is. Both
sides of its test and validation are in this form already, and one line of its training is not.
"""

import codecs
import re
import unicodedata

UNSEEN = str.maketrans("", "", "\u200b\u2060\ufeff\u00ad")
SURROGATE = re.compile("[\ud800-\udfff]")
NOT_SHOWN = ("Cc", "Cf", "Zs")  # a line of these alone is blank
PEEK = 512  # bytes by which a format is known

# How files begin that hold no lines of plain text, and what they are.
BEGINNINGS = {
    b"\x1f\x8b": "compressed by gzip",
    b"\xfd7zXZ\0": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"PK\x03\x04": "a zip archive, as .docx and .xlsx are",
    b"7z\xbc\xaf": "a 7z archive",
    b"%PDF-": "a PDF",
    b"{\\rtf": "rich text",
    b"\xff\xfe": "UTF-16 or UTF-32",
    b"\xfe\xff": "UTF-16",
    b"\0\0\xfe\xff": "UTF-32",
}
PATTERNS = {
    re.compile(rb".{257}ustar", re.DOTALL): "a tar archive",
    re.compile(rb"\s*<(\?xml|!doctype|[a-z]+set|mteval|doc|html|tmx|xliff|seg)\b", re.I): "markup",
    re.compile(rb'\s*\[?\s*\{\s*"'): "JSON",
}


def normal(line: str, lowercase: bool = False) -> str:
    """Return a line in the one form; empty if it shows nothing.

    Args:
        line: one sentence, with or without its line end.
        lowercase: whether the model knows lower case only.

    Raises:
        ValueError: `checked` refuses it.
    """
    seen = checked(line).translate(UNSEEN)
    text = unicodedata.normalize("NFC", " ".join(seen.split()))
    if lowercase:
        text = unicodedata.normalize("NFC", text.lower())
    shows = any(unicodedata.category(letter) not in NOT_SHOWN for letter in text)
    return text if shows else ""


def checked(line: str) -> str:
    """Return the line if it is one line of text.

    Raises:
        ValueError: a lone surrogate, a NUL character, or a line end with text after it.
    """
    if not line.isascii() and (found := SURROGATE.search(line)):
        raise ValueError(
            f"the sentence holds the lone surrogate U+{ord(found[0]):04X} at place "
            f"{found.start() + 1}, which is not text; remove it"
        )
    if "\0" in line:
        raise ValueError("the sentence holds a NUL byte; give text in UTF-8")
    if "\r" in line or "\n" in line:
        text = line.translate(UNSEEN).strip()
        if "\n" in text:
            raise ValueError("the sentence holds a line feed; give each line as a sentence")
        if "\r" in text:
            raise ValueError(
                "the sentence holds a carriage return, with which old systems end lines; make each "
                r"a line feed, for example with: tr '\r' '\n'"
            )
    return line


def one_line(text: str) -> str:
    """Return what a model wrote as a line that can be read again; it may write any byte."""
    return " ".join(text.replace("\0", " ").replace("\t", " ").splitlines())


def decoded(line: bytes, number: int) -> str:
    r"""Return a line of a file as text, without its end (`\n`, `\r\n`) and, first, its mark.

    Args:
        line: its bytes.
        number: its place in the file, from 1; a byte order mark may stand before the first.

    Raises:
        ValueError: not UTF-8, or `checked` refuses it.
    """
    line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
    try:
        return checked(line.removesuffix(b"\n").rstrip(b"\r").decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(
            f"the sentence is not UTF-8 (byte 0x{line[error.start]:02X} at place "
            f"{error.start + 1}); convert the file, for example with iconv"
        ) from None


def require_plain(start: bytes, name: str) -> None:
    """Refuse what is known to hold no lines of plain text.

    Args:
        start: its first `PEEK` bytes, or all if it has fewer.
        name: what to call it.

    Raises:
        ValueError: says what it is.
    """
    kinds = [kind for magic, kind in BEGINNINGS.items() if start.startswith(magic)]
    kinds += [kind for pattern, kind in PATTERNS.items() if pattern.match(start)]
    if kinds:
        raise ValueError(
            f"{name} is {kinds[0]}, not plain text; give a file in UTF-8 with one sentence on each "
            "line and nothing else"
        )


def located(name: str, number: int, error: ValueError) -> ValueError:
    """Return what is wrong with a sentence, with the place where it stands."""
    return ValueError(f"{name} {number:,}{str(error).removeprefix('the sentence')}")

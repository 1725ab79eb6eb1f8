"""How long a chapter takes to read: its main line, and what stands in *Going deeper* folds."""

import math
import re
from dataclasses import dataclass
from itertools import pairwise

# A careful pace: words of prose a minute, seconds a line of code, seconds a figure.
WORDS_A_MINUTE = 200
SECONDS_A_CODE_LINE = 3
SECONDS_A_FIGURE = 30

SECTION = re.compile(r"(?m)^## +(?P<title>.+?)[ ]*$")
FOLDED_CODE = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
FOLD = re.compile(
    r"(?ms)^(?P<fence>:{3,}|`{3,})\{(?P<kind>admonition|dropdown)\}[ ]*(?P<title>[^\n]*)\n"
    r"(?P<body>.*?)^(?P=fence)[ ]*$"
)


@dataclass(frozen=True)
class ReadingTime:
    """Whole minutes, rounded up; the exercises come on top."""

    main: int
    deeper: int

    def __str__(self) -> str:
        return f"{self.main} min" + f" + {self.deeper} going deeper" * bool(self.deeper)


def reading_time(cells: list[dict]) -> ReadingTime:
    """Estimate how long a notebook's cells take to read.

    What stands in a folded *Going deeper* is counted apart, and so is a code cell with the tag
    `going-deeper`. Hints, the section of exercises and folded code do not count; every other
    fold counts as main line.
    """
    main = deeper = 0.0
    for cell in _read_in_passing(cells):
        if cell["cell_type"] == "markdown":
            in_line, in_folds = _words(_source(cell))
            main += 60 * in_line / WORDS_A_MINUTE
            deeper += 60 * in_folds / WORDS_A_MINUTE
        elif "going-deeper" in _tags(cell):
            deeper += _seconds_of_code(cell, folded=set())
        elif cell["cell_type"] == "code":
            main += _seconds_of_code(cell, folded=FOLDED_CODE)
    return ReadingTime(math.ceil(main / 60), math.ceil(deeper / 60))


def _read_in_passing(cells: list[dict]) -> list[dict]:
    """Return what stands outside the section of exercises: cells, and parts of cells of text."""
    kept, exercises = [], False
    for part in (part for cell in cells for part in _cut_at_sections(cell)):
        heading = SECTION.match(_source(part))
        if part["cell_type"] == "markdown" and heading:
            exercises = heading["title"] == "Exercises"
        if not exercises:
            kept.append(part)
    return kept


def _cut_at_sections(cell: dict) -> list[dict]:
    """Return a cell of text in parts, each of which begins with its heading; else the cell."""
    if cell["cell_type"] != "markdown":
        return [cell]
    starts = [0, *(heading.start() for heading in SECTION.finditer(_source(cell))), None]
    return [cell | {"source": _source(cell)[a:b]} for a, b in pairwise(starts)]


def _words(text: str) -> tuple[int, int]:
    """Count the words in the main line of a text and in its *Going deeper* folds."""
    folds = [fold for fold in FOLD.finditer(text) if _is_folded(fold)]
    deeper = [fold[0] for fold in folds if fold["title"].startswith("Going deeper")]
    hints = [fold[0] for fold in folds if fold["title"].startswith("Hint")]
    apart = _count("\n".join(deeper))
    return _count(text) - apart - _count("\n".join(hints)), apart


def _is_folded(fold: re.Match) -> bool:
    option = re.search(r"(?m)^:class:.*\bdropdown\b", fold["body"])
    return fold["kind"] == "dropdown" or option is not None


def _count(text: str) -> int:
    return len(re.findall(r"\w+", text))


def _seconds_of_code(cell: dict, folded: set[str]) -> float:
    lines = sum(bool(line.strip()) for line in _source(cell).split("\n"))
    seen = 0 if folded & set(_tags(cell)) else lines
    return seen * SECONDS_A_CODE_LINE + ("mystnb" in cell["metadata"]) * SECONDS_A_FIGURE


def _source(cell: dict) -> str:
    return "".join(cell["source"])


def _tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])

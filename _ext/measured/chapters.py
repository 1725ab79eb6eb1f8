"""What is made of chapters.yml: the map, the promises of the landing page, the README's table."""

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

# A careful pace: words of prose a minute, seconds a line of code, seconds a figure.
WORDS_A_MINUTE = 200
SECONDS_A_CODE_LINE = 3
SECONDS_A_FIGURE = 30


@dataclass(frozen=True)
class Chapter:
    """One line of chapters.yml; `written` says whether its notebook exists."""

    file: str
    title: str
    paper: str
    measured: str
    modules: list[str]
    root: Path
    able: list[str] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The two digits that the file's name begins with."""
        return self.file[:2]

    @property
    def path(self) -> Path:
        """Where the notebook is, or will be."""
        return self.root / "chapters" / f"{self.file}.ipynb"

    @property
    def label(self) -> str:
        """The anchor that the notebook's first cell defines."""
        return "chapter-" + self.file[3:].replace("_", "-")

    @property
    def written(self) -> bool:
        """Whether the notebook is there and in the table of contents."""
        listed = f"chapters/{self.file}" in (self.root / "_toc.yml").read_text(encoding="utf8")
        return listed and self.path.exists()


def chapters(root: Path) -> list[Chapter]:
    """Return all chapters, written or planned, in reading order."""
    entries = yaml.safe_load((root / "chapters.yml").read_text(encoding="utf8"))
    return [Chapter(root=root, **entry) for entry in entries]


def reading_minutes(notebook: Path) -> int:
    """Estimate how long a notebook takes to read, in minutes, rounded up to five.

    The exercises come on top, and folded code does not count.
    """
    cells = _read_in_passing(json.loads(notebook.read_text(encoding="utf8"))["cells"])
    prose = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    code = [c for c in cells if c["cell_type"] == "code"]
    unfolded = ["".join(c["source"]) for c in code if "hide-input" not in _tags(c)]
    minutes = sum(len(re.findall(r"\w+", text)) for text in prose) / WORDS_A_MINUTE
    lines = sum(bool(line.strip()) for text in unfolded for line in text.split("\n"))
    figures = sum("mystnb" in c["metadata"] for c in code)
    seconds = lines * SECONDS_A_CODE_LINE + figures * SECONDS_A_FIGURE
    return max(5, 5 * math.ceil((minutes + seconds / 60) / 5))


def _read_in_passing(cells: list[dict]) -> list[dict]:
    """Return the cells outside the section of exercises."""
    kept, exercises = [], False
    for cell in cells:
        heading = re.search(r"(?m)^## +(.+?)\s*$", "".join(cell["source"]))
        if cell["cell_type"] == "markdown" and heading:
            exercises = heading[1] == "Exercises"
        if not exercises:
            kept.append(cell)
    return kept


def _tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def chapter_map(root: Path) -> str:
    """Return the map as a Markdown table; planned chapters are named, not linked."""
    rows = [
        "| Chapter, and what it measures | Paper | Code | Read |",
        "|:--|:--|:--|:--|",
    ]
    rows += [_row(chapter) for chapter in chapters(root)]
    return "\n".join(rows)


def progress(root: Path) -> str:
    """Return which chapters can be read today."""
    every = chapters(root)
    written = [chapter.number for chapter in every if chapter.written]
    named = ", ".join(written) if written else "none yet"
    return f"**{len(written)} of {len(every)} chapters can be read today ({named}).**"


def promises(root: Path) -> str:
    """Return what a reader of the written chapters can do, as a list; nothing else is promised."""
    return "\n".join(
        f"- {promise}" for chapter in chapters(root) if chapter.written for promise in chapter.able
    )


def reading_order(root: Path) -> str:
    """Return the table of README.md, whose links lead to the notebooks."""
    rows = ["| | Chapter | Paper | Code |", "|:--|:--|:--|:--|"]
    for chapter in chapters(root):
        title = f"{chapter.title} (planned)"
        if chapter.written:
            title = f"[{chapter.title}](chapters/{chapter.file}.ipynb)"
        code = ", ".join(f"`{module}`" for module in chapter.modules)
        rows.append(f"| {chapter.number} | {title} | {chapter.paper} | {code} |")
    return "\n".join(rows)


def _row(chapter: Chapter) -> str:
    code = "<br>".join(f"`{module}`" for module in chapter.modules)
    name, read = f"{chapter.number} {chapter.title}", "*planned*"
    if chapter.written:
        name = f"{{ref}}`{name} <{chapter.label}>`"
        download = f"{{download}}`notebook <chapters/{chapter.file}.ipynb>`"
        read = f"{reading_minutes(chapter.path)} min<br>{download}"
    return f"| {name}<br>{chapter.measured} | {chapter.paper} | {code} | {read} |"

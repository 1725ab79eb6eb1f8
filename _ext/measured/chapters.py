"""The map on the landing page: chapter, paper section, module, reading time."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

# A slow, careful pace: words a minute of prose, seconds a line of code, seconds a figure, minutes
# an exercise is worth before its solution is opened.
WORDS_A_MINUTE = 150
SECONDS_A_CODE_LINE = 4
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

    Hints and solutions do not count, since they are folded.
    """
    cells = json.loads(notebook.read_text(encoding="utf8"))["cells"]
    cells = [cell for cell in cells if "solution" not in cell["metadata"].get("tags", [])]
    sources = [("".join(cell["source"]), cell) for cell in cells]
    words = sum(len(_prose(text)) for text, cell in sources if cell["cell_type"] == "markdown")
    code = [(text, cell) for text, cell in sources if cell["cell_type"] == "code"]
    lines = sum(len([line for line in text.split("\n") if line.strip()]) for text, _ in code)
    figures = sum("mystnb" in cell["metadata"] for _, cell in code)
    seconds = lines * SECONDS_A_CODE_LINE + figures * SECONDS_A_FIGURE
    return max(5, 5 * math.ceil((words / WORDS_A_MINUTE + seconds / 60) / 5))


def _prose(text: str) -> list[str]:
    unfolded = re.sub(
        r"(?ms)^:::+\{(?:admonition|solution).*?^:class:.*?dropdown.*?^:::+$", "", text
    )
    return re.findall(r"\w+", unfolded)


def chapter_map(root: Path) -> str:
    """Return the map as a Markdown table; planned chapters are named, not linked."""
    rows = [
        "| Chapter, and what it measures | Paper | Code | Read |",
        "|:--|:--|:--|:--|",
    ]
    rows += [_row(chapter) for chapter in chapters(root)]
    return "\n".join(rows)


def _row(chapter: Chapter) -> str:
    code = "<br>".join(f"`{module}`" for module in chapter.modules)
    name, read = f"{chapter.number} {chapter.title}", "*planned*"
    if chapter.written:
        name = f"{{ref}}`{name} <{chapter.label}>`"
        download = f"{{download}}`notebook <chapters/{chapter.file}.ipynb>`"
        read = f"{reading_minutes(chapter.path)} min<br>{download}"
    return f"| {name}<br>{chapter.measured} | {chapter.paper} | {code} | {read} |"

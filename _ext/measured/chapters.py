"""What is made of chapters.yml: the map, the promises of the landing page, the README's table."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from measured.reading import ReadingTime, reading_time


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
    def reading_time(self) -> ReadingTime:
        """How long the chapter takes to read."""
        return reading_time(json.loads(self.path.read_text(encoding="utf8"))["cells"])

    @property
    def written(self) -> bool:
        """Whether the notebook is there and in the table of contents."""
        listed = f"chapters/{self.file}" in (self.root / "_toc.yml").read_text(encoding="utf8")
        return listed and self.path.exists()


def chapters(root: Path) -> list[Chapter]:
    """Return all chapters, written or planned, in reading order."""
    entries = yaml.safe_load((root / "chapters.yml").read_text(encoding="utf8"))
    return [Chapter(root=root, **entry) for entry in entries]


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
        read = f"{chapter.reading_time}<br>{download}"
    return f"| {name}<br>{chapter.measured} | {chapter.paper} | {code} | {read} |"

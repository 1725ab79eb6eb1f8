"""Reading paths on the landing page: two hours, a weekend, a course."""

from pathlib import Path

import yaml

from measured.chapters import Chapter, chapters


def read_paths(root: Path) -> list[dict]:
    """Return the paths of reading_paths.yml, each with a title, its readers and its steps."""
    return yaml.safe_load((root / "reading_paths.yml").read_text(encoding="utf8"))


def reading_paths(root: Path) -> str:
    """Return a tab for each path, with a small table; planned chapters are marked."""
    known = {chapter.number: chapter for chapter in chapters(root)}
    tabs = [_tab(path, known) for path in read_paths(root)]
    return "\n\n".join(["::::{tab-set}", *tabs, "::::"])


def minutes_today(path: dict, known: dict[str, Chapter]) -> int:
    """Return how long the chapters of a path that exist take to read."""
    numbers = {number for step in path["steps"] for number in step["chapters"]}
    return sum(known[n].reading_time.main for n in numbers if known[n].written)


def _tab(path: dict, known: dict[str, Chapter]) -> str:
    rows = [
        f"| {step['when']} | {'<br>'.join(_name(known[n]) for n in step['chapters'])} "
        f"| {step['do']} |"
        for step in path["steps"]
    ]
    return "\n".join(
        [
            f":::{{tab-item}} {path['title']}",
            f"{' '.join(path['for'].split())} The chapters that exist today take "
            f"{minutes_today(path, known)} minutes to read.",
            "",
            f"| {path['unit']} | Chapter | What to do |",
            "|:--|:--|:--|",
            *rows,
            ":::",
        ]
    )


def _name(chapter: Chapter) -> str:
    name = f"{chapter.number} {chapter.title}"
    return f"{{ref}}`{name} <{chapter.label}>`" if chapter.written else f"{name} (*planned*)"

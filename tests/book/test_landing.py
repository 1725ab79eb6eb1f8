"""The landing page promises what can be read today, and marks what is planned."""

import re

import pytest
from measured import paths
from measured.chapters import Chapter, chapters, progress, promises
from measured.readme import filled

from book.checks import ROOT

EVERY = {chapter.number: chapter for chapter in chapters(ROOT)}
WRITTEN = [chapter for chapter in EVERY.values() if chapter.written]
PATHS = paths.read_paths(ROOT)


def test_every_written_chapter_promises_something_and_no_other_does():
    assert [c.file for c in WRITTEN if not c.able] == []
    listed = re.findall(r"(?m)^- (.+)$", promises(ROOT))
    assert listed == [promise for chapter in WRITTEN for promise in chapter.able]


def test_a_promise_of_a_planned_chapter_is_not_made(monkeypatch):
    planned = Chapter("99_none", "None", "9", "nothing", [], ROOT, able=["fly;"])
    monkeypatch.setattr("measured.chapters.chapters", lambda root: [planned, *EVERY.values()])
    assert "fly" not in promises(ROOT)
    assert progress(ROOT).startswith(f"**{len(WRITTEN)} of {len(EVERY) + 1} chapters")


def test_the_page_itself_promises_nothing_of_a_chapter():
    """What a reader will be able to do stands in chapters.yml, where it belongs to a chapter."""
    page = (ROOT / "index.md").read_text(encoding="utf8")
    after = page.split("you will be able to")[1].strip().split("\n\n")[0].split("\n")
    assert after == [
        "<!-- made: promises -->",
        "- tell what the paper says from what is only said about it.",
    ]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path["title"])
def test_a_path_goes_through_chapters_that_are_written_or_marked_as_planned(path):
    table = paths.reading_paths(ROOT)
    for number in {number for step in path["steps"] for number in step["chapters"]}:
        chapter = EVERY[number]
        name = f"{number} {chapter.title}"
        link = f"{{ref}}`{name} <{chapter.label}>`" if chapter.written else f"{name} (*planned*)"
        assert link in table


def test_two_hours_are_two_hours_and_a_course_is_the_whole_book():
    two_hours, _, course = PATHS
    assert paths.minutes_today(two_hours, EVERY) <= 120
    assert {number for step in course["steps"] for number in step["chapters"]} == set(EVERY)


def test_the_readme_has_the_reading_order_of_the_book():
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    assert filled(readme, ROOT) == readme, "run python tools/fill_readme.py"


def test_a_readme_that_lags_behind_is_filled_in():
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    stale = readme.replace("| 05 | Masks", "| 05 | Face masks")
    assert stale != readme
    assert filled(stale, ROOT) == readme
    with pytest.raises(ValueError, match="0 places for the reading order"):
        filled("# Another file", ROOT)

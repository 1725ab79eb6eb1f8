"""The counter of reading time counts what a reader of the main line reads, and the rest apart."""

import pytest
from measured.reading import ReadingTime, reading_time

WORDS = "word " * 400  # two minutes


def prose(text):
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def code(n_lines, *tags, figure=False):
    metadata = {"tags": list(tags)} | ({"mystnb": {}} if figure else {})
    return {"cell_type": "code", "metadata": metadata, "source": "x\n\n" * n_lines}


def fold(title, kind="admonition", fence=":::", options=":class: dropdown\n"):
    return prose(f"{fence}{{{kind}}} {title}\n{options}\n{WORDS}\n{fence}\n")


@pytest.mark.parametrize(
    ("cell", "main", "deeper"),
    [
        (prose(WORDS), 2, 0),
        (prose("word"), 1, 0),
        (code(40), 2, 0),
        (code(40, "hide-input"), 0, 0),
        (code(0, "hide-input", figure=True), 1, 0),
        (code(40, "hide-cell", "going-deeper"), 0, 2),
        (fold("Going deeper"), 0, 3),
        (fold("Going deeper: how full is a state?", fence="::::"), 0, 3),
        (fold("Going deeper", "dropdown", options=""), 0, 3),
        (fold("Going deeper", "dropdown", "```", ""), 0, 3),
        (fold("Going deeper", options=""), 3, 0),  # not folded: everyone reads it
        (fold("A table of all runs"), 3, 0),  # another fold counts as main line
        (fold("Hint"), 0, 0),
        (prose(f"## Exercises\n{WORDS}"), 0, 0),
    ],
)
def test_each_kind_of_cell_counts_where_it_is_read(cell, main, deeper):
    before = prose("word") if main and deeper else prose("")
    assert reading_time([before, cell]) in (
        ReadingTime(main, deeper),
        ReadingTime(main, deeper - 1),
    )


def test_reading_goes_on_after_the_exercises():
    cells = [prose("## Exercises"), prose(WORDS), code(40), prose(f"## What to take away\n{WORDS}")]
    assert reading_time(cells) == ReadingTime(3, 0)


def test_every_section_of_a_cell_counts_not_only_its_first():
    together = prose(f"{WORDS}\n## Exercises\n{WORDS}\n## What to take away\n{WORDS}")
    assert reading_time([together]) == ReadingTime(5, 0)
    ends_with_exercises = prose(f"## Common misreadings\n{WORDS}\n## Exercises\n{WORDS}")
    assert reading_time([ends_with_exercises, prose(WORDS)]) == ReadingTime(3, 0)


def test_a_fold_ends_where_its_fence_ends():
    inner = f"::::{{dropdown}} Going deeper\n:::{{note}}\n{WORDS}\n:::\n{WORDS}\n::::\n{WORDS}"
    assert reading_time([prose(inner)]) == ReadingTime(2, 5)


def test_the_landing_page_says_both_times():
    assert str(ReadingTime(30, 12)) == "30 min + 12 going deeper"
    assert str(ReadingTime(30, 0)) == "30 min"

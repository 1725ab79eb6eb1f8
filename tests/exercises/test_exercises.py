"""Every exercise refuses what learners get wrong, with a hint, and accepts what is right.

Each answer below stands in `answers_<chapter>.py`, by the exercise's label.
"""

import json
import re

import numpy as np
import pytest
import torch
from book import checks

from exercises import answers_qkv_attention, answers_rnn_limits, answers_translator
from transformer_lib.workbench import check
from transformer_lib.workbench.exercises.check import examine, find, labels
from transformer_lib.workbench.exercises.kinds import Function

CHAPTERS = (answers_rnn_limits, answers_qkv_attention, answers_translator)
RIGHT = {label: answers for chapter in CHAPTERS for label, answers in chapter.RIGHT.items()}
WRONG = {label: answers for chapter in CHAPTERS for label, answers in chapter.WRONG.items()}
PARTS = pytest.mark.parametrize(
    "part", [part for label in labels() for part in find(label)], ids=lambda part: part.name
)
NOTEBOOKS = sorted((checks.ROOT / "chapters").glob("*.ipynb"))


def cases(answers):
    return [
        pytest.param(label, answer, id=f"{label[3:]}-{number}")
        for label, listed in answers.items()
        for number, answer in enumerate(listed, start=1)
    ]


@pytest.mark.parametrize(("label", "answer"), cases(RIGHT))
def test_a_right_answer_is_accepted_in_any_form(label, answer, capsys):
    check(label, *answer)
    line = capsys.readouterr().out
    assert examine(label, *answer).correct, line
    assert ": correct" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(("label", "answer"), cases(WRONG))
def test_a_wrong_answer_is_refused_with_a_hint_that_helps(label, answer):
    attempt, hint = answer
    verdict = examine(label, *attempt)
    assert not verdict.correct
    assert "not yet;" in verdict.line
    assert re.search(hint, verdict.line), verdict.line
    assert "\n" not in verdict.line


class Hostile:
    """A value that raises whatever is asked of it."""

    def __getattribute__(self, name):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")


def raises(*_):
    raise ValueError("two\nlines")


def leaves(*_):
    raise SystemExit


def recurses(*_):
    return recurses()


def yields(*_):
    yield 1.0


async def waits(*_):
    return 1.0


VALUES = [
    None,
    "x",
    "",
    np.zeros((2, 3, 4)),
    torch.ones(2, dtype=torch.complex64),
    float("inf"),
    float("nan"),
    10**400,
    [[1, 2], [3]],
    [],
    {},
    {1},
    object(),
    Hostile(),
    print,
    (value for value in (1, 2)),
    np.array(["a"]),
    np.array([None]),
    torch.ones(3, device="meta"),
]
FUNCTIONS = [waits, raises, leaves, recurses, yields, int, lambda: 1, "not a function"]
FUNCTIONS += [lambda *_, value=value: value for value in VALUES]


@pytest.mark.parametrize("label", labels())
def test_rubbish_gets_one_line_and_raises_nothing(label, capsys):
    parts = find(label)
    rubbish = FUNCTIONS if isinstance(parts[0], Function) else VALUES
    for answer in rubbish:
        check(label, *[answer] * len(parts))
        said = capsys.readouterr()
        assert said.out.count("\n") == 1, said.out
        assert re.search("not yet;|not answered yet", said.out)
        assert len(said.out) < 400
        assert said.err == ""


@pytest.mark.parametrize("label", labels())
def test_an_untouched_cell_says_what_is_missing(label, capsys):
    parts = find(label)
    blanks = [(lambda *_: ...) if isinstance(part, Function) else ... for part in parts]
    check(label, *blanks)
    names = ", ".join(part.name for part in parts)
    missing = "not answered yet; replace the ... by your own answer."
    assert capsys.readouterr().out == f"{names}: {missing}\n"


@pytest.mark.parametrize("label", labels())
def test_every_exercise_has_three_right_and_three_wrong_answers(label):
    assert len(RIGHT[label]) >= 3
    assert len(WRONG[label]) >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_exercise_of_a_notebook_is_checked_by_its_label(path):
    notebook = json.loads(path.read_text(encoding="utf8"))
    text = "\n".join(map(checks.source, checks.markdown_cells(notebook)))
    asked = checks.EXERCISE.findall(text)
    assert asked
    for tag in ("exercise", "solution"):
        cells = [checks.source(c) for c in checks.code_cells(notebook) if tag in checks.tags(c)]
        assert re.findall(r'check\(\s*"(ex-[\w-]+)"', "\n".join(cells)) == asked
    assert all(label in labels() for label in asked)


def test_no_check_is_without_a_page():
    pages = "\n".join(path.read_text(encoding="utf8") for path in NOTEBOOKS)
    assert all(f":label: {label}\\n" in pages for label in labels())


@PARTS
def test_the_cases_of_a_function_have_more_than_one_answer(part):
    if isinstance(part, Function):
        answers = [np.asarray(part.reference(*case), dtype=float) for case in part.cases]
        assert any(((a != 0) & (a != 1)).any() for a in answers)
        assert len({a.tobytes() for a in answers}) > 1


@PARTS
def test_a_hint_is_one_short_sentence(part):
    for mistake in part.mistakes:
        assert mistake.hint.endswith((".", "?"))
        assert len(mistake.hint) <= 100


@pytest.mark.parametrize("label", labels())
def test_every_mistake_made_alone_gets_its_own_hint(label):
    parts = find(label)
    for index, part in enumerate(parts):
        for mistake in part.mistakes:
            if callable(mistake.wrong) and not isinstance(part, Function):
                continue  # a predicate of many values; the answers above try it
            answers = [
                getattr(other, "reference", getattr(other, "expected", 0)) for other in parts
            ]
            answers[index] = mistake.wrong
            assert mistake.hint in examine(label, *answers).line

"""The symptom index names only checks, tests and chapters that exist."""

from importlib import import_module

import pytest
from measured import symptoms
from measured.chapters import chapters

from book import checks

SYMPTOMS = symptoms.symptoms(checks.ROOT)
FIELDS = {"id", "symptom", "causes", "check", "library", "tests", "chapters"}
PLANNED = {chapter.number: chapter for chapter in chapters(checks.ROOT)}


def problems(symptom):
    """Return what is wrong with one entry of the index."""
    if set(symptom) != FIELDS:
        return [f"fields {sorted(set(symptom) ^ FIELDS)} are missing or unknown"]
    found = [
        f"it says no {name}"
        for name in ("causes", "check", "tests", "chapters")
        if not symptom[name]
    ]
    found += [f"the library has no {name!r}" for name in symptom["library"] if not exists(name)]
    found += [f"there is no chapter {n!r}" for n in symptom["chapters"] if n not in PLANNED]
    return found + checks.missing_tests(symptom["tests"])


def exists(name):
    """Say whether transformer_lib has a module of that name, or a module with such a part."""
    try:
        import_module(f"transformer_lib.{name}")
    except ImportError:
        module, _, part = name.rpartition(".")
        return bool(module) and hasattr(import_module(f"transformer_lib.{module}"), part)
    return True


@pytest.mark.parametrize("symptom", SYMPTOMS, ids=lambda symptom: symptom["id"])
def test_symptom(symptom):
    assert problems(symptom) == []


def test_ids_are_unique():
    ids = [symptom["id"] for symptom in SYMPTOMS]
    assert sorted(set(ids)) == sorted(ids)
    assert len(ids) >= 10


# The entry below is right; each change to it is a fault that must be found.
RIGHT = {
    "id": "x",
    "symptom": "It does not work.",
    "causes": ["A fault."],
    "check": "Look.",
    "library": ["training.checkpoint", "evaluation.invariants.assert_causal"],
    "tests": ["tests/book/test_symptom_index.py::test_a_right_entry_has_no_problem"],
    "chapters": ["02", "05"],
}
WRONG = {
    "the library has no 'evaluation.invariants.assert_luck'": {
        "library": ["evaluation.invariants.assert_luck"]
    },
    "there is no chapter '99'": {"chapters": ["99"]},
    "has no test '::test_nothing'": {"tests": ["tests/book/test_symptom_index.py::test_nothing"]},
    "it says no tests": {"tests": []},
    "missing or unknown": {"note": "x"},
}


def test_a_right_entry_has_no_problem():
    assert problems(RIGHT) == []


@pytest.mark.parametrize("expected", WRONG)
def test_a_wrong_entry_is_found(expected):
    assert any(expected in problem for problem in problems(RIGHT | WRONG[expected]))


def test_the_page_links_to_chapters_that_exist_and_marks_the_others(monkeypatch):
    monkeypatch.setattr(
        symptoms, "read_symptoms", lambda root: [{"title": "Here", "symptoms": [RIGHT]}]
    )
    page = symptoms.symptom_index(checks.ROOT)
    assert "(symptom-x)=\n:::{card} It does not work." in page
    for chapter in (PLANNED["02"], PLANNED["05"]):
        name = f"{chapter.number} {chapter.title}"
        link = f"{{ref}}`{name} <{chapter.label}>`" if chapter.written else f"{name} (planned)"
        assert link in page
    assert "{py:obj}`~transformer_lib.evaluation.invariants.assert_causal`" in page

"""The ledger points only at what exists; no claim is settled without an anchor and a test."""

import re

import pytest
from measured import ledger
from measured.chapters import chapters

from book import checks

CLAIMS = ledger.claims(checks.ROOT)
FIELDS = {
    "id",
    "claim",
    "paper",
    "flags",
    "chapters",
    "anchors",
    "tests",
    "verdict",
    "finding",
}


def anchors_of_the_book():
    paths = (checks.ROOT / "chapters").glob("*.ipynb")
    return {label: path.stem for path in paths for label in checks.anchors(checks.read(path))}


def problems(claim, anchors):
    """Return what is wrong with one entry of the ledger."""
    found = []
    if set(claim) != FIELDS:
        found.append(f"fields {sorted(set(claim) ^ FIELDS)} are missing or unknown")
        return found
    settled = claim["verdict"] != "open"
    if claim["verdict"] not in ledger.VERDICTS:
        found.append(f"verdict {claim['verdict']!r} is none of {list(ledger.VERDICTS)}")
    if settled and not (claim["anchors"] and claim["tests"] and claim["finding"]):
        found.append("a verdict needs an anchor, a test and a finding")
    if not settled and (claim["anchors"] or claim["tests"]):
        found.append("an open claim has neither anchor nor test")
    if unknown := set(claim["flags"]) - set(ledger.FLAGS):
        found.append(f"flags {sorted(unknown)} are unknown")
    if re.search(r"\d+\.\d+|\d\s?%", claim["finding"]):
        found.append("the finding holds a measured figure; it belongs in the chapter")
    return found + _anchor_problems(claim, anchors) + checks.missing_tests(claim["tests"])


def _anchor_problems(claim, anchors):
    found = []
    for anchor in claim["anchors"]:
        if anchor not in anchors:
            found.append(f"no notebook defines ({anchor})=")
        elif anchors[anchor][:2] not in claim["chapters"]:
            found.append(f"({anchor})= stands in {anchors[anchor]}, not in {claim['chapters']}")
        if not re.fullmatch(rf"claim-{claim['id']}(-[\w-]+)?", anchor):
            found.append(f"anchor {anchor!r} is not named after claim {claim['id']}")
    return found


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"claim-{claim['id']}")
def test_claim(claim):
    assert problems(claim, anchors_of_the_book()) == []


def place(claim):
    """Return the number of a claim, and its letter if it was split."""
    number, letter = re.fullmatch(r"(\d+)([a-z]?)", str(claim["id"])).groups()
    return int(number), letter


def numbering_problems(claims):
    """Return what is wrong with the numbers of all claims."""
    places = sorted(place(claim) for claim in claims)
    numbers = {number for number, _ in places}
    found = [f"claim {one} is there twice" for one in set(places) if places.count(one) > 1]
    found += [f"claim {number} is missing" for number in range(1, max(numbers)) if
              number not in numbers]  # fmt: skip
    halves = [number for number, letter in places if letter]
    return found + [f"claim {n} is whole and split" for n in halves if (n, "") in places]


def test_claims_are_numbered():
    assert numbering_problems(CLAIMS) == []


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1, "2a", "2b", 3], []),
        ([1, 3], ["claim 2 is missing"]),
        ([1, 1], ["claim (1, '') is there twice"]),
        ([1, "1a"], ["claim 1 is whole and split"]),
    ],
)
def test_a_claim_may_be_split_and_none_is_lost(ids, expected):
    assert numbering_problems([{"id": one} for one in ids]) == expected


def test_a_claim_stands_with_the_chapter_that_shows_it_first():
    for group in ledger.read_ledger(checks.ROOT):
        number = group["title"][:2]
        assert {claim["chapters"][0] for claim in group["claims"]} == {number}


def test_every_file_of_claims_is_read():
    files = {path.stem for path in (checks.ROOT / "claims").glob("*.yml")}
    assert files == {group["title"][:2] for group in ledger.read_ledger(checks.ROOT)}


def test_chapters_of_the_ledger_exist_in_the_plan():
    planned = {chapter.number for chapter in chapters(checks.ROOT)}
    assert {number for claim in CLAIMS for number in claim["chapters"]} <= planned


def test_every_claim_that_a_chapter_anchors_is_in_the_ledger():
    anchored = {label for label in anchors_of_the_book() if label.startswith("claim-")}
    assert anchored == {anchor for claim in CLAIMS for anchor in claim["anchors"]}


# The entry below is right; each change to it is a fault that must be found.
ANCHORS = {"claim-8": "02_qkv_attention", "claim-9": "03_multi_head"}
RIGHT = {
    "id": 8,
    "claim": "A claim.",
    "paper": "3.2.1",
    "flags": ["M"],
    "chapters": ["02"],
    "anchors": ["claim-8"],
    "tests": ["tests/book/test_ledger.py::test_a_right_entry_has_no_problem"],
    "verdict": "holds",
    "finding": "It holds.",
}
WRONG = {
    "no notebook defines": {"anchors": ["claim-8-again"]},
    "stands in 03_multi_head": {"anchors": ["claim-9"]},
    "not named after claim 8": {"anchors": ["claim-9"]},
    "not named after claim 8a": {"id": "8a"},
    "has no test": {"tests": ["tests/book/test_ledger.py::test_nothing"]},
    "is not the id of a test": {"tests": ["tests/nowhere/test_it.py::test_it"]},
    "a verdict needs an anchor": {"tests": []},
    "an open claim has neither": {"verdict": "open"},
    "verdict 'sure' is none of": {"verdict": "sure"},
    "flags ['X'] are unknown": {"flags": ["X"]},
    "holds a measured figure": {"finding": "It is 0.87."},
    "missing or unknown": {"note": "x"},
}


def test_a_right_entry_has_no_problem():
    assert problems(RIGHT, ANCHORS) == []


@pytest.mark.parametrize("expected", WRONG)
def test_a_wrong_entry_is_found(expected):
    assert any(expected in problem for problem in problems(RIGHT | WRONG[expected], ANCHORS))


def test_the_page_counts_verdicts_and_links_to_the_anchor(monkeypatch):
    groups = [{"title": "Attention", "claims": [RIGHT, RIGHT | {"verdict": "open", "anchors": []}]}]
    monkeypatch.setattr(ledger, "read_ledger", lambda root: groups)
    page = ledger.ledger(checks.ROOT)
    assert "**2 claims: 1 holds here, 1 open.**" in page
    assert "Shown: {ref}`claim-8`" in page
    assert "Planned: chapter 02" in page


def test_the_landing_page_counts_what_is_open(monkeypatch):
    groups = [{"title": "Attention", "claims": [RIGHT, RIGHT | {"verdict": "open"}, RIGHT]}]
    monkeypatch.setattr(ledger, "read_ledger", lambda root: groups)
    assert ledger.progress(checks.ROOT).startswith(
        "Of its 3 claims 2 have been tested so far, and 1"
    )

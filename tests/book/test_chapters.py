"""Every chapter keeps the rules of CONTRIBUTING.md; test_checks.py shows that each can fail."""

import pytest
import yaml
from measured.chapters import chapters

from book import checks

CITED = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in (checks.ROOT / "cited_figures").glob("*.yml")
}
NOTEBOOKS = sorted((checks.ROOT / "chapters").glob("*.ipynb"))
RULES = [
    checks.not_executed,
    checks.machine_paths,
    checks.missing_alt_text,
    checks.missing_sections,
    checks.exercise_problems,
    checks.wide_code,
    checks.long_cells,
    checks.long_first_cell,
    checks.volatile_metadata,
]

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_chapters():
    assert NOTEBOOKS, "no notebook in chapters/: the tests below would pass by testing nothing"


@every_notebook
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_chapter(path, rule):
    assert rule(checks.read(path)) == []


@every_notebook
def test_numbers_in_the_prose_are_glued_or_cited(path):
    cited = {e["figure"] for e in CITED.get(path.stem[:2], [])}
    assert checks.typed_numbers(checks.read(path), cited) == []


@every_notebook
def test_the_first_cell_is_label_number_and_title(path):
    assert checks.missing_label(checks.read(path), path.stem) == []


@every_notebook
def test_the_map_knows_the_chapter_by_its_title(path):
    entry = next((c for c in chapters(checks.ROOT) if c.file == path.stem), None)
    assert entry is not None, f"{path.stem} is not in chapters.yml"
    assert entry.written, f"{path.stem} is not in _toc.yml"
    first = checks.source(checks.read(path)["cells"][0])
    assert f"# {entry.number} {entry.title}" in first.split("\n")


def test_labels_are_unique_in_the_book():
    labels = [label for path in NOTEBOOKS for label in checks.anchors(checks.read(path))]
    assert sorted(labels) == sorted(set(labels))


def test_every_cited_figure_names_its_source_and_is_used():
    prose = {path.stem[:2]: _prose(path) for path in NOTEBOOKS}
    for chapter, entries in CITED.items():
        for entry in entries:
            assert set(entry) == {"figure", "source"}
            assert len(entry["source"].split()) >= 3, f"{entry['figure']}: say where it comes from"
            assert entry["figure"] in prose[chapter], (
                f"{chapter}: {entry['figure']} is cited but not used"
            )


def _prose(path):
    return "\n".join(map(checks.source, checks.markdown_cells(checks.read(path))))

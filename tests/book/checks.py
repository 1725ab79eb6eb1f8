"""What a chapter must be: each check takes a notebook and returns its problems, one line each."""

import ast
import json
import re
from itertools import pairwise
from pathlib import Path

from measured.reading import reading_time

ROOT = Path(__file__).resolve().parents[2]

SECTIONS = ["Break it", "Common misreadings", "Exercises", "What to take away"]
UNANSWERED = "not answered yet"
ANSWERED = ": correct"

Notebook = dict


def read(path: Path) -> Notebook:
    """Return a notebook as it is stored."""
    return json.loads(path.read_text(encoding="utf8"))


def source(cell: dict) -> str:
    """Return a cell's text; nbformat may store it as a list of lines."""
    return "".join(cell["source"])


def tags(cell: dict) -> list[str]:
    """Return a cell's tags."""
    return cell["metadata"].get("tags", [])


def code_cells(notebook: Notebook) -> list[dict]:
    """Return the code cells that hold code."""
    return [c for c in notebook["cells"] if c["cell_type"] == "code" and source(c).strip()]


def markdown_cells(notebook: Notebook) -> list[dict]:
    """Return the cells of prose."""
    return [c for c in notebook["cells"] if c["cell_type"] == "markdown"]


def not_executed(notebook: Notebook) -> list[str]:
    """Every cell was run once, in order, and none failed unless that is its point."""
    problems = []
    counts = [cell.get("execution_count") for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        problems.append(f"execution counts are {counts}, expected 1 to {len(counts)} in order")
    for cell in code_cells(notebook):
        errors = [o["ename"] for o in cell["outputs"] if o["output_type"] == "error"]
        if errors and "raises-exception" not in tags(cell):
            problems.append(f"stored error {errors[0]} in {first_line(cell)!r}")
    return problems


def first_line(cell: dict) -> str:
    """Return the line by which a reader finds the cell."""
    return source(cell).strip().split("\n")[0][:70]


PATHS = re.compile(
    r"(?:/(?:home|Users|root|tmp|work|mnt|opt|usr|var|private|builds|github|content)/[\w.-]+"
    r"|[A-Za-z]:\\\\?[\w.-]+\\|site-packages|ipykernel_\d+|\bat 0x[0-9a-f]{6,})"
)


def machine_paths(notebook: Notebook) -> list[str]:
    """No stored output names a path or an address of the machine that made it."""
    problems = []
    for cell in code_cells(notebook):
        for text in output_texts(cell):
            problems += [
                f"{hit!r} in the output of {first_line(cell)!r}" for hit in PATHS.findall(text)
            ]
    return problems


def output_texts(cell: dict) -> list[str]:
    """Return everything readable in a cell's outputs: streams, errors, text, html, svg."""
    texts = []
    for output in cell["outputs"]:
        texts.append("".join(output.get("text", [])))
        texts.append("\n".join(output.get("traceback", [])))
        for mime, data in output.get("data", {}).items():
            if not mime.startswith("image/") or mime == "image/svg+xml":
                texts.append("".join(data) if isinstance(data, (str, list)) else json.dumps(data))
    return [text for text in texts if text]


def missing_alt_text(notebook: Notebook) -> list[str]:
    """Every picture says what it shows to someone who cannot see it."""
    problems = []
    for cell in code_cells(notebook):
        pictures = [
            o for o in cell["outputs"] if any(m.startswith("image/") for m in o.get("data", {}))
        ]
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        if pictures and len(alt.split()) < 4:
            problems.append(
                f"picture without alt text (mystnb.image.alt) from {first_line(cell)!r}"
            )
        if len(pictures) > 1:
            problems.append(f"{len(pictures)} pictures share one alt text in {first_line(cell)!r}")
    for cell in markdown_cells(notebook):
        text = source(cell)
        problems += [
            f"image {m[2]!r} without alt text" for m in re.finditer(r"!\[(\s*)\]\(([^)]*)\)", text)
        ]
        images = re.findall(r"<img\b[^>]*>", text)
        problems += [
            f"{tag!r} without alt text" for tag in images if not re.search(r'alt="[^"]+"', tag)
        ]
    return problems


def missing_sections(notebook: Notebook) -> list[str]:
    """The four closing sections are there, in order, and the last of them is the last section."""
    text = "\n".join(source(cell) for cell in markdown_cells(notebook))
    headings = re.findall(r"(?m)^## +(.+?)\s*$", text)
    if headings[-len(SECTIONS) :] != SECTIONS:
        return [f"the last sections are {headings[-len(SECTIONS) :]}, expected {SECTIONS}"]
    return []


LABEL = re.compile(r"(?m)^\(([\w-]+)\)=\s*$")


def anchors(notebook: Notebook) -> list[str]:
    """Return the labels that a notebook's prose defines."""
    return [label for cell in markdown_cells(notebook) for label in LABEL.findall(source(cell))]


def missing_label(notebook: Notebook, name: str) -> list[str]:
    """The first cell is the chapter's label and its title, which begins with its number."""
    label = "chapter-" + name[3:].replace("_", "-")
    start = f"({label})=\n# {name[:2]} "
    if not source(notebook["cells"][0]).startswith(start):
        return [f"the first cell does not begin with {start!r}"]
    return []


# ----------------------------------------------------------------------
# Exercises

EXERCISE = re.compile(r"(?m)^:::+\{exercise\}[^\n]*\n(?:[^\n]*\n)*?:label:\s*(\S+)")
SOLUTION = re.compile(r"(?m)^:::+\{solution-start\}\s*(\S+)\n(.*)$")
HINT = re.compile(r"(?m)^:::+\{admonition\}\s*Hint.*\n:class:.*\bdropdown\b")


def exercise_problems(notebook: Notebook, at_least: int = 4) -> list[str]:
    """Every exercise has a folded hint, the reader's own cell and a folded solution; both run."""
    cells = notebook["cells"]
    starts = [
        i
        for i, c in enumerate(cells)
        if c["cell_type"] == "markdown" and EXERCISE.search(source(c))
    ]
    problems = (
        [] if len(starts) >= at_least else [f"{len(starts)} exercises, expected {at_least} or more"]
    )
    for start, end in pairwise([*starts, len(cells)]):
        label = EXERCISE.search(source(cells[start]))[1]
        problems += [f"{label}: {problem}" for problem in _one_exercise(label, cells[start:end])]
    return problems


def _one_exercise(label: str, cells: list[dict]) -> list[str]:
    problems = []
    prose = "\n".join(source(c) for c in cells if c["cell_type"] == "markdown")
    if len(EXERCISE.findall(source(cells[0]))) > 1:
        problems.append("shares its cell with another exercise")
    if not HINT.search(prose):
        problems.append("no folded hint (:::{admonition} Hint, :class: dropdown)")
    solution = next((m for m in SOLUTION.finditer(prose) if m[1] == label), None)
    if solution is None:
        problems.append("no solution (:::{solution-start} with its label)")
    elif "dropdown" not in solution[2]:
        problems.append("its solution is not folded (:class: dropdown)")
    if prose.count("{solution-start}") != prose.count("{solution-end}"):
        problems.append("solution-start and solution-end do not match")
    problems += _cells_with_tag("exercise", label, cells, UNANSWERED)
    problems += _cells_with_tag("solution", label, cells, ANSWERED)
    if not problems:
        problems += _outside_the_fold(cells)
    return problems


def _cells_with_tag(tag: str, label: str, cells: list[dict], expected: str) -> list[str]:
    tagged = [cell for cell in cells if tag in tags(cell)]
    if not tagged:
        return [f"no code cell with the tag {tag!r}"]
    if not re.search(rf'\bcheck\(\s*"{label}",', "\n".join(map(source, tagged))):
        return [f'its {tag!r} cell does not call check("{label}", ...)']
    said = "\n".join(text for cell in tagged for text in output_texts(cell))
    return [] if expected in said else [f"no output of its {tag!r} cell says {expected!r}"]


def _outside_the_fold(cells: list[dict]) -> list[str]:
    """A solution's code stands between start and end, the reader's own cell before."""
    inside, problems = False, []
    for cell in cells:
        text = source(cell)
        if cell["cell_type"] == "markdown" and (
            "{solution-start}" in text or "{solution-end}" in text
        ):
            inside = text.rfind("{solution-start}") > text.rfind("{solution-end}")
        elif "solution" in tags(cell) and not inside:
            problems.append("solution code stands outside solution-start and solution-end")
        elif "exercise" in tags(cell) and inside:
            problems.append("the reader's own cell stands inside the solution")
    return problems


# ----------------------------------------------------------------------
# Numbers

NUMBER = re.compile(r"(?<![\w.])\d[\d,]*\.\d+(?![\w.]*\.\d)(?:e-?\d+)?\s?%?|(?<![\w.])\d+\s?%")
SECTION_NUMBER = re.compile(
    r"(?i)\b(?:sections?|chapters?|tables?|figures?|appendix|§)\s*(?:\d+(?:\.\d+)*(?:\s*(?:,|and|to|or|–|-)\s*)?)+"
)


def typed_numbers(notebook: Notebook, cited: set[str]) -> list[str]:
    """No decimal or percentage in the prose, unless it is glued (so not there as text) or cited."""
    problems = []
    for cell in markdown_cells(notebook):
        for number in NUMBER.findall(SECTION_NUMBER.sub("", _prose(source(cell)))):
            if number.strip() not in cited:
                problems.append(
                    f"{number.strip()!r} is neither glued nor cited, in {first_line(cell)!r}"
                )
    return problems


def _prose(text: str) -> str:
    """Drop code, directive heads, options and addresses, which are not prose; formulas stay."""
    text = re.sub(
        r"(?ms)^(`{3,})(?!\{(?:math|admonition|note|tip|warning|exercise|solution)).*?^\1", "", text
    )
    text = re.sub(r"`[^`\n]*`", "", text)
    text = re.sub(r"(?m)^:[\w-]+:.*$", "", text)
    return re.sub(r"\]\([^)]*\)|https?://\S+", "]", text)


MEASURE = 80


def wide_code(notebook: Notebook) -> list[str]:
    """Code fits on the page."""
    return [
        f"a line of {len(line)} columns, more than {MEASURE}: {line.strip()[:50]!r}"
        for cell in code_cells(notebook)
        for line in source(cell).split("\n")
        if len(line) > MEASURE
    ]


FOLDED = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
LINES, IMPORTS = 15, 8


def visible_code(notebook: Notebook) -> list[dict]:
    """Return the code cells whose code stands open on the page."""
    return [cell for cell in code_cells(notebook) if not FOLDED & set(tags(cell))]


def long_cells(notebook: Notebook) -> list[str]:
    """A visible cell is one thought."""
    lengths = [
        (sum(bool(line.strip()) for line in source(cell).split("\n")), first_line(cell))
        for cell in visible_code(notebook)
    ]
    return [
        f"{length} lines, more than {LINES}, in the cell {line!r}; split it or fold the plotting"
        for length, line in lengths
        if length > LINES
    ]


def long_first_cell(notebook: Notebook) -> list[str]:
    """The page begins with what the argument needs, not with everything that is imported."""
    for cell in visible_code(notebook)[:1]:
        imports = len(re.findall(r"(?m)^(?:import|from) ", source(cell)))
        if imports > IMPORTS:
            return [f"{imports} import lines in the first cell, more than {IMPORTS}; fold the rest"]
    return []


MAIN_LINE, TOGETHER = 30, 60


def long_reading(notebook: Notebook) -> list[str]:
    """The main line is read in half an hour, all of it in an hour; exercises come on top."""
    time = reading_time(notebook["cells"])
    problems = []
    if time.main > MAIN_LINE:
        problems.append(f"the main line takes {time.main} minutes, more than {MAIN_LINE}")
    if time.main + time.deeper > TOGETHER:
        problems.append(f"{time} takes more than {TOGETHER} minutes together")
    return problems


def volatile_metadata(notebook: Notebook) -> list[str]:
    """Nothing in the file changes from run to run or from editor to editor."""
    problems = []
    if notebook["metadata"].get("language_info") != {"name": "python"}:
        problems.append("language_info names a version; run tools/run_notebooks.py --clean")
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        problems.append("the kernel is not python3")
    kept = {"mystnb", "tags"}
    extra = {key for cell in notebook["cells"] for key in cell["metadata"]} - kept
    if extra:
        problems.append(f"cell metadata {sorted(extra)}; run tools/run_notebooks.py --clean")
    return problems


# ----------------------------------------------------------------------
# Tests that the ledger and the symptom index name

TEST_ID = re.compile(r"(tests/[\w/]+\.py)((?:::\w+)+)")


def names_of_tests(path: str) -> set[str]:
    """Return the names of the tests in a file, as pytest writes them after the path."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf8"))
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names.add(f"::{node.name}")
        elif isinstance(node, ast.ClassDef):
            inner = (part for part in node.body if isinstance(part, ast.FunctionDef))
            names |= {f"::{node.name}::{part.name}" for part in inner}
    return {name for name in names if name.rpartition("::")[2].startswith("test")}


def missing_tests(ids: list[str]) -> list[str]:
    """Every id leads to a test that exists."""
    problems = []
    for test in ids:
        match = TEST_ID.fullmatch(test)
        if not match or not (ROOT / match[1]).exists():
            problems.append(f"{test!r} is not the id of a test in tests/")
        elif match[2] not in names_of_tests(match[1]):
            problems.append(f"{match[1]} has no test {match[2]!r}")
    return problems

"""The checks themselves: a good chapter passes all of them, and each planted fault is found."""

import copy

import pytest

from book import checks

GOOD = checks.ROOT / "tests/book/fixtures/chapter.ipynb"


@pytest.fixture
def chapter():
    """A small chapter that follows every rule."""
    return checks.read(GOOD)


def cell_with(notebook, text):
    return next(cell for cell in notebook["cells"] if text in checks.source(cell))


def rewrite(notebook, old, new):
    """Replace text in the one cell that has it."""
    cell = cell_with(notebook, old)
    cell["source"] = checks.source(cell).replace(old, new)


def all_problems(notebook):
    return (
        checks.not_executed(notebook)
        + checks.machine_paths(notebook)
        + checks.missing_alt_text(notebook)
        + checks.missing_sections(notebook)
        + checks.missing_label(notebook, "99_fixture")
        + checks.exercise_problems(notebook, at_least=2)
        + checks.typed_numbers(notebook, set())
        + checks.wide_code(notebook)
        + checks.long_cells(notebook)
        + checks.long_first_cell(notebook)
        + checks.long_reading(notebook)
        + checks.volatile_metadata(notebook)
    )


def test_a_good_chapter_has_no_problem(chapter):
    assert all_problems(chapter) == []


def unrun(nb):
    checks.code_cells(nb)[2]["execution_count"] = None


def out_of_order(nb):
    checks.code_cells(nb)[0]["execution_count"] = 7


def stored_error(nb):
    error = {"output_type": "error", "ename": "KeyError", "evalue": "", "traceback": []}
    checks.code_cells(nb)[1]["outputs"].append(error)


def path_on_stderr(nb):
    text = "/home/someone/book/x.py:3: UserWarning"
    output = {"output_type": "stream", "name": "stderr", "text": [text]}
    checks.code_cells(nb)[0]["outputs"].append(output)


def address_in_output(nb):
    output = {
        "output_type": "execute_result",
        "data": {"text/plain": ["<Generator at 0x7f3a2b4c>"]},
    }
    checks.code_cells(nb)[0]["outputs"].append(output)


def picture_without_alt(nb):
    del cell_with(nb, "plt.show()")["metadata"]["mystnb"]["image"]["alt"]


def image_without_alt(nb):
    rewrite(nb, "Forget the root.", "![](picture.svg)")


def html_image_without_alt(nb):
    rewrite(nb, "Forget the root.", '<img src="picture.svg">')


def two_pictures(nb):
    outputs = cell_with(nb, "plt.show()")["outputs"]
    outputs.append(copy.deepcopy(outputs[-1]))


def no_break_it(nb):
    rewrite(nb, "## Break it", "## Something else")


def take_away_first(nb):
    rewrite(nb, "## What to take away", "## Exercises")


def wrong_label(nb):
    rewrite(nb, "(chapter-fixture)=", "(chapter-other)=")


def no_hint(nb):
    rewrite(nb, "{admonition} Hint", "{admonition} Remark")


def open_hint(nb):
    rewrite(nb, ":class: dropdown\n\nPythagoras.", ":class: tip\n\nPythagoras.")


def no_solution(nb):
    rewrite(nb, "{solution-start} ex-fixture-length", "{solution-start} ex-fixture-other")


def open_solution(nb):
    rewrite(nb, "ex-fixture-length\n:class: dropdown\n:::", "ex-fixture-length\n:class: tip\n:::")


def no_end_of_solution(nb):
    nb["cells"].remove(cell_with(nb, "{solution-end}"))


def no_cell_for_the_reader(nb):
    cell_with(nb, "def length(vector)")["metadata"] = {}


def answered_beforehand(nb):
    cell = cell_with(nb, "def length(vector)")
    cell["outputs"][0]["text"] = ["length: correct on 2 cases.\n"]


def wrong_solution(nb):
    cell = cell_with(nb, "def length_solution")
    cell["outputs"][0]["text"] = [
        "length_solution: case 1: not yet; the largest difference is 2.\n"
    ]


def solution_outside_the_fold(nb):
    end = cell_with(nb, "{solution-end}")
    solution = cell_with(nb, "def length_solution")
    nb["cells"].remove(end)
    nb["cells"].insert(nb["cells"].index(solution), end)


def too_few_exercises(nb):
    nb["cells"] = nb["cells"][:9] + nb["cells"][-1:]


def typed_decimal(nb):
    rewrite(nb, "It is not.", "It is 0.87 of it.")


def typed_decimal_in_a_formula(nb):
    rewrite(nb, "It is not.", "It is $x = 2.5$.")


def typed_percentage(nb):
    rewrite(nb, "It is not.", "It is 87 % of it.")


def typed_decimal_in_a_hint(nb):
    rewrite(nb, "Pythagoras.", "About 3.14 times.")


def wide_line(nb):
    rewrite(nb, "import math\n", "import math  # " + "x" * 80 + "\n")


def long_cell(nb):
    rewrite(nb, "length = math.hypot(3, 4)\n", "length = math.hypot(3, 4)\n" + "length\n" * 13)


def many_imports(nb):
    rewrite(nb, "import math\n", "import math\n" * 6)


def long_main_line(nb):
    rewrite(nb, "It is not.", "word " * 6000)


def long_together(nb):
    fold = ":::{dropdown} Going deeper\n" + "word " * 11_900 + "\n:::"
    nb["cells"].insert(2, {"cell_type": "markdown", "metadata": {}, "source": fold})


def answer_on_the_page(nb):
    rewrite(nb, 'check("ex-fixture-number", my_length)', "print(my_length == 13)")


def editor_metadata(nb):
    nb["cells"][0]["metadata"]["jp-MarkdownHeadingCollapsed"] = True


def version_in_metadata(nb):
    nb["metadata"]["language_info"]["version"] = "3.11.7"


FAULTS = {
    unrun: "execution counts",
    out_of_order: "execution counts",
    stored_error: "stored error KeyError",
    path_on_stderr: "'/home/someone' in the output",
    address_in_output: "at 0x7f3a2b4c",
    picture_without_alt: "picture without alt text",
    image_without_alt: "image 'picture.svg' without alt text",
    html_image_without_alt: "without alt text",
    two_pictures: "2 pictures share",
    no_break_it: "the last sections are",
    take_away_first: "the last sections are",
    wrong_label: "the first cell does not begin with",
    no_hint: "no folded hint",
    open_hint: "no folded hint",
    no_solution: "no solution",
    open_solution: "is not folded",
    no_end_of_solution: "do not match",
    no_cell_for_the_reader: "no code cell with the tag 'exercise'",
    answered_beforehand: "says 'not answered yet'",
    wrong_solution: "says ': correct'",
    solution_outside_the_fold: "solution code stands outside",
    too_few_exercises: "exercises, expected 2 or more",
    typed_decimal: "'0.87' is neither glued nor cited",
    typed_decimal_in_a_formula: "'2.5' is neither glued nor cited",
    typed_percentage: "'87 %' is neither glued nor cited",
    typed_decimal_in_a_hint: "'3.14' is neither glued nor cited",
    wide_line: "columns, more than 80",
    long_cell: "16 lines, more than 15",
    many_imports: "9 import lines",
    long_main_line: "the main line takes",
    long_together: "minutes together",
    answer_on_the_page: 'does not call check("ex-fixture-number"',
    editor_metadata: "cell metadata",
    version_in_metadata: "language_info names a version",
}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(plant, chapter):
    plant(chapter)
    assert any(FAULTS[plant] in problem for problem in all_problems(chapter))


@pytest.mark.parametrize(
    "prose",
    [
        "See section 3.2.1, Table 3 and sections 3.1, 3.3 and 3.4.",
        "Sections 5.3 to 5.4 say so; the code says `dropout=0.1`.",
        "About 37,000 pieces, 8 heads, 1/2 of them.",
        "Glued: {glue:text}`entropy_0.5`.",
        "[a page](https://example.org/v1.2/x)",
        "\n```\n0.25\n```\n",
        "In 3.2.2 they project.",
    ],
)
def test_numbers_that_are_not_measured_pass(prose, chapter):
    rewrite(chapter, "It is not.", prose)
    assert checks.typed_numbers(chapter, set()) == []


def test_a_cited_figure_passes_and_only_that_one(chapter):
    rewrite(chapter, "It is not.", "Dropout is 0.1, or 0.2.")
    assert len(checks.typed_numbers(chapter, {"0.1"})) == 1


def test_an_error_that_is_meant_passes(chapter):
    stored_error(chapter)
    checks.code_cells(chapter)[1]["metadata"]["tags"] = ["raises-exception"]
    assert checks.not_executed(chapter) == []

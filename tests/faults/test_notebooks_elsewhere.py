"""A notebook that was downloaded runs where the package is installed, and nothing else is."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The package and its results as pip lays them down, far from the source."""
    site = tmp_path_factory.mktemp("site")
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "transformer_lib", site / "transformer_lib", ignore=skip)
    share = site / "share" / "measured-transformer" / "results"
    shutil.copytree(ROOT / "chapters" / "results", share)
    return site


def code_of(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def imports_of(cells):
    """Every import of a notebook, wherever in a cell it stands."""
    for source in cells:
        tree = ast.parse("\n".join(re.sub(r"^[%!].*", "", line) for line in source.split("\n")))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield ast.unparse(node)


def recorded_in(cells):
    """The name of every result that a notebook reads; what is put in stands as a pattern."""
    for found in re.finditer(r'\brecorded\(\s*(f?)"([^"]+)"', "\n".join(cells)):
        yield re.sub(r"\{[^}]*\}", "*", found[2]) if found[1] else found[2]


def test_imports_and_results_are_found():
    """So that the tests below do not pass on nothing."""
    cells = ["import a\nif a:\n    from b import c\n", 'x = recorded("d")\nrecorded(f"e_{x}")']
    assert [*imports_of(cells)] == ["import a", "from b import c"]
    assert [*recorded_in(cells)] == ["d", "e_*"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_downloaded_notebook_finds_all_that_it_needs(notebook, site, tmp_path):
    shutil.copy(notebook, tmp_path)
    cells = code_of(tmp_path / notebook.name)
    first = cells[0]
    results = sorted(set(recorded_in(cells)))
    program = f"""
import matplotlib
matplotlib.use("Agg")
exec({first!r})
for line in {[*dict.fromkeys(imports_of(cells))]!r}:
    exec(line)
import transformer_lib
from transformer_lib.workbench.results import folders, recorded
for name in {results!r}:
    if "*" in name:
        assert any([*folder.glob(name + ".json")] for folder in folders()), name
    else:
        recorded(name)
print(transformer_lib.__file__)
"""
    env = {**os.environ, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1].startswith(str(site))

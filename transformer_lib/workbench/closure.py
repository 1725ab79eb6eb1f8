"""Which files a script depends on, read from its import statements without running it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from transformer_lib.workbench.commits import CHECKOUT

PACKAGES = ("transformer_lib", "experiments", "benchmarks")
# What runs a job and writes it down, and so computes no figure.
PLUMBING = frozenset(
    f"transformer_lib.{name}"
    for name in ("exits", *(f"workbench.{part}" for part in (
        "results", "commits", "closure", "jobs", "processes",
        "record", "options", "experiment", "programme")))
)  # fmt: skip
DATA = (".txt", ".tsv")  # a module reads those beside it


def depends_on(script: Path, root: Path = CHECKOUT) -> list[Path]:
    """Return the script, every file of ours that it imports, and the data beside those."""
    found: set[Path] = set()
    todo = [script.resolve()]
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += imported(file, root)
    packages = {file.parent for file in found if file.is_relative_to(root / PACKAGES[0])}
    data = {file for folder in packages for file in folder.iterdir() if file.suffix in DATA}
    return sorted(found | data)


def imported(file: Path, root: Path, only: str | None = None) -> Iterator[Path]:
    """Yield the files that a file imports; of a package, those that bring the name it asks for."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names if only is None else ():
                yield from module_files(alias.name, None, root)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if only in (None, alias.asname or alias.name):
                    yield from module_files(node.module, alias.name, root)


def module_files(module: str, name: str | None, root: Path) -> Iterator[Path]:
    """Yield the file of a module of ours, or, if it is a package, that of a name in it."""
    if module.split(".")[0] not in PACKAGES or module in PLUMBING or f"{module}.{name}" in PLUMBING:
        return
    place = root / "chapters" if module.startswith("experiments") else root
    plain = place.joinpath(*module.split("."))
    inner, package = plain / f"{name}.py", plain / "__init__.py"
    if plain.with_suffix(".py").exists():
        yield plain.with_suffix(".py")
    elif inner.exists():
        yield inner
    elif name and (plain / name / "__init__.py").exists():
        yield plain / name / "__init__.py"
    elif package.exists():
        brings = [*imported(package, root, only=name)] if name else []
        yield from brings or [package]

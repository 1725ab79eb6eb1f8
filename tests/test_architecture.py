"""The floors of the library: imports only go down; and every public name says what it is."""

import ast
import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import transformer_lib

ROOT = Path(transformer_lib.__file__).parent
FLOORS = [
    {"settings", "files", "exits"},
    {"config"},
    {"layers", "data", "presets"},
    {"models"},
    {"training", "decoding", "evaluation", "figures"},
    {"recipe", "translator"},
    {"scoring"},
    {"cli"},
    {"__main__"},
]
FLOOR = {package: number for number, packages in enumerate(FLOORS) for package in packages}
MODULES = sorted(
    info.name for info in pkgutil.walk_packages([str(ROOT)], "transformer_lib.")
    if not info.name.endswith("__main__")
)  # fmt: skip


def package_of(module):
    return module.split(".")[1] if "." in module else ""


def imports_of(path):
    """Every module of ours that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("transformer_lib."))


def violations(path, package):
    """Imports of `path` that do not go down; training and beside it see `models.seq2seq` only."""
    for name in imports_of(path):
        other = package_of(name)
        if other == package:
            continue
        if FLOOR[other] >= FLOOR[package]:
            yield f"{path.name} ({package}) imports {name}"
        if FLOOR[package] == FLOOR["training"] and other == "models" and not name.startswith(
            "transformer_lib.models.seq2seq"
        ):  # fmt: skip
            yield f"{path.name} ({package}) sees more of a model than Seq2Seq: {name}"


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_only_go_down(path):
    relative = path.relative_to(ROOT)
    package = relative.parts[0].removesuffix(".py")
    if package == "__init__":
        assert not list(imports_of(path))
    else:
        assert package in FLOOR, f"{relative} stands on no floor"
        assert not list(violations(path, package))


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("from transformer_lib.models.seq2seq import Seq2Seq", "layers"),
        ("import transformer_lib.data.corpus", "layers"),
        ("def f():\n    from transformer_lib.decoding import beam", "training"),
        ("from transformer_lib.models.transformer import Transformer", "decoding"),
        ("from transformer_lib import cli", "training"),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(tmp_path, line, package):
    file = tmp_path / "module.py"
    file.write_text(line)
    assert list(violations(file, package))


def public(module_name):
    """Public functions, classes and methods that a module defines itself."""
    module = import_module(module_name)
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module_name:
            continue
        if inspect.isclass(thing) or inspect.isfunction(thing):
            yield f"{module_name}.{name}", thing
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{module_name}.{name}.{method}", function


@pytest.mark.parametrize("module_name", MODULES)
def test_every_public_name_is_documented(module_name):
    assert import_module(module_name).__doc__, f"{module_name} does not say what it is"
    missing = [name for name, thing in public(module_name) if not inspect.getdoc(thing)]
    assert not missing


@pytest.mark.parametrize(
    "module_name", [m for m in MODULES if package_of(m) in ("layers", "models")]
)
def test_every_public_tensor_has_a_checked_shape(module_name):
    """A bare Tensor in a signature is a shape that nobody checks; check_tokens is that check."""
    bare = [
        f"{name}: {argument}"
        for name, thing in public(module_name)
        if inspect.isfunction(thing)
        for argument, kind in inspect.get_annotations(thing).items()
        if re.search(r"(?<![\w\[])Tensor\b", str(kind).replace("torch.Tensor", "Tensor"))
        and not name.endswith((".check_mask_shape", ".check_tokens"))
        and "Callable" not in str(kind)
    ]
    assert not bare


def test_shapes_are_checked_while_the_tests_run():
    """The import hook of conftest.py is at work: a wrong rank never gets into a layer."""
    pytest.importorskip("beartype")
    import jaxtyping
    import torch

    from transformer_lib.layers.feedforward import FeedForward

    with pytest.raises(jaxtyping.TypeCheckError):
        FeedForward(4, 8)(torch.randn(4))

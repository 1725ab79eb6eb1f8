"""The API page: every public module of the library, in the order in which one reads it."""

from pathlib import Path

FLOORS = [
    ("Settings", ["config"]),
    ("Layers", ["layers"]),
    ("Data", ["data"]),
    ("Models", ["models"]),
    ("Training", ["training"]),
    ("Decoding", ["decoding"]),
    ("Evaluation", ["evaluation"]),
    ("Figures", ["figures"]),
    ("Everything together", ["translator", "cli"]),
]


def module_names(root: Path, top: str) -> list[str]:
    """Return the dotted names of a package's public modules, or of the one module, if it exists."""
    package = root / "transformer_lib"
    if (package / f"{top}.py").exists():
        return [f"transformer_lib.{top}"]
    files = sorted((package / top).rglob("*.py"))
    parts = (path.relative_to(root).with_suffix("").parts for path in files)
    return [".".join(names) for names in parts if not names[-1].startswith("_")]


def modules(root: Path) -> str:
    """Return one section for each floor, one for each module, and autodoc for the contents."""
    sections = []
    for title, tops in FLOORS:
        names = [name for top in tops for name in module_names(root, top)]
        if names:
            sections.append(f"## {title}")
            sections += [_module(name) for name in names]
    return "\n\n".join(sections)


def _module(name: str) -> str:
    directive = f".. automodule:: {name}\n   :members:\n   :show-inheritance:"
    return f"### `{name}`\n\n```{{eval-rst}}\n{directive}\n```"

"""The API page: every public module of the library, in the order in which one reads it."""

import re
from pathlib import Path

from sphinx.util.docstrings import prepare_docstring

PAGES = {
    "layers": ["settings", "config", "presets", "layers"],
    "data": ["files", "data"],
    "models": ["models"],
    "training": ["training"],
    "decoding": ["decoding"],
    "evaluation": ["evaluation"],
    "figures": ["figures"],
    "translator": ["translator", "recipe", "scoring", "exits", "cli"],
    "workbench": ["workbench"],
}


def module_names(root: Path, top: str) -> list[str]:
    """Return the dotted names of a package's public modules, or of the one module, if it exists."""
    package = root / "transformer_lib"
    if (package / f"{top}.py").exists():
        return [f"transformer_lib.{top}"]
    files = sorted((package / top).rglob("*.py"))
    parts = (path.relative_to(root).with_suffix("").parts for path in files)
    return [".".join(names) for names in parts if not names[-1].startswith("_")]


def modules(root: Path, page: str) -> str:
    """Return one section for each module of a page, with autodoc for its contents."""
    names = [name for top in PAGES[page] for name in module_names(root, top)]
    return "\n\n".join(_module(name) for name in names)


def _module(name: str) -> str:
    directive = f".. automodule:: {name}\n   :members:\n   :show-inheritance:\n   :no-value:"
    return f"## `{name}`\n\n```{{eval-rst}}\n{directive}\n```"


def read_as_written(app, what, name, obj, options, lines):
    """Keep reStructuredText from reading into a docstring what its author did not write.

    A property's docstring is a sentence, whose words before a colon are no type; |Y| is a length.
    """
    if what == "property":
        getter = getattr(obj, "fget", None) or obj.func  # of a cached property
        lines[:] = prepare_docstring(getter.__doc__ or "")
    lines[:] = [re.sub(r"(?<![`\\])\|(?!`)", r"\\|", line) for line in lines]


def short_shapes(app, what, name, obj, options, signature, returns):
    """Write Float[Tensor, "B T D"], as the code does, without jaxtyping in front."""
    return tuple(text and text.replace("jaxtyping.", "") for text in (signature, returns))

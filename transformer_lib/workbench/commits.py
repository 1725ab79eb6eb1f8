"""Which commit the code is of, and what has changed since another one. Without git: None."""

import ast
import subprocess
from collections.abc import Iterable
from pathlib import Path

import transformer_lib

CHECKOUT = Path(transformer_lib.__file__).resolve().parents[1]
DIRTY = "-dirty"
CODE = ("*.py", "*.txt", "*.tsv")  # what figures can depend on; writing a result changes none


def git(*words: str, root: Path = CHECKOUT) -> str | None:
    """Return what git answers in the checkout, or None: no git, no checkout, or it refuses."""
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *words], cwd=root, capture_output=True, text=True
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def is_checkout(root: Path = CHECKOUT) -> bool:
    """Whether git keeps exactly this folder, and not one that an environment happens to lie in."""
    top = git("rev-parse", "--show-toplevel", root=root)
    return top is not None and Path(top).resolve() == root.resolve()


def commit(root: Path = CHECKOUT) -> str | None:
    """Return the commit of the code, with "-dirty" if the code on disk is another one."""
    if not is_checkout(root):
        return None
    found = git("rev-parse", "--short", "HEAD", root=root)
    changed = git("status", "--porcelain", "--untracked-files=all", "--", *CODE, root=root)
    return f"{found}{DIRTY}" if found and changed != "" else found


def changed_since(then: str | None, files: Iterable[Path], root: Path = CHECKOUT) -> list[str]:
    """Return which of the files compute something else than at a commit, as paths in the checkout.

    Raises:
        LookupError: no commit was recorded, git does not know it, or it had changes beside it.
    """
    if then is None:
        raise LookupError("its commit was not recorded")
    if then.endswith(DIRTY):
        raise LookupError(f"made with changes beside {then.removesuffix(DIRTY)}")
    if not is_checkout(root):
        raise LookupError("no git checkout")
    names = [str(file.relative_to(root)) for file in files]
    found = git("diff", "--name-only", then, "--", *names, root=root)
    if found is None:
        raise LookupError(f"git does not know {then}")
    return [name for name in found.splitlines() if not same_code(then, name, root)]


def same_code(then: str, name: str, root: Path) -> bool:
    """Whether a file differs from that of a commit in comments, docstrings and layout alone."""
    before, now = git("show", f"{then}:{name}", root=root), root / name
    if before is None or not now.exists() or not name.endswith(".py"):
        return False
    return bare(before) == bare(now.read_text(encoding="utf-8"))


def bare(source: str) -> str:
    """Return a module's syntax tree in letters, without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return ast.dump(tree)

"""What the experiments' commands share: their options, and where runs and results go."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from transformer_lib.exits import UsageError
from transformer_lib.workbench.commits import CHECKOUT, commit

RUNS, RESULTS = CHECKOUT / "runs", CHECKOUT / "chapters" / "results"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line; `--quick`, `--into` and `--set` are there."""

    def __init__(self, description: str, setting: str = "KEY=VALUE") -> None:
        super().__init__(description=description.splitlines()[0], allow_abbrev=False)
        self.add_argument(
            "--quick", action="store_true", help="a rehearsal; its figures say nothing"
        )
        self.add_argument("--into", type=Path, metavar="FOLDER", help="write there")
        self.add_argument(
            "--set", action="append", default=[], metavar=setting, help="change a setting"
        )

    def error(self, message: str) -> NoReturn:
        """Refuse the options.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message}; see --help")


def result_file(name: str, options: argparse.Namespace) -> Path:
    """Return where a result goes. A rehearsal has another name, and never lands among results."""
    if options.quick:
        return (options.into or RUNS) / f"{name}_quick.json"
    return (options.into or RESULTS) / f"{name}.json"


def command_line(script: str, options: argparse.Namespace, more: Sequence[str] = ()) -> str:
    """Return the command that makes a result again, as it is recorded: without folders."""
    name = Path(script).name
    words = [f"python chapters/experiments/{name}", *more]
    words += [f"--set {assignment}" for assignment in options.set]
    return " ".join([*words, "--quick"] if options.quick else words)


def commit_of_run(run: Path) -> str | None:
    """Return the commit that a run was begun with; note it if it begins now.

    None: the run was begun before this was noted, or by another command.
    """
    note = run / ".commit"
    if not note.exists() and not (run / "config.json").exists():
        run.mkdir(parents=True, exist_ok=True)
        note.write_text(commit() or "", encoding="utf-8")
    return (note.read_text(encoding="utf-8") or None) if note.exists() else None

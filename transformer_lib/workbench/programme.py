"""All recorded results: which are missing, how long they take, which are older than their code.

    python -m transformer_lib.workbench.programme --list    # says so and runs nothing
    python -m transformer_lib.workbench.programme           # runs what is missing (make results)

A script of `chapters/experiments` either has an `EXPERIMENT`, or names in `RESULTS` the results
that it makes, each by one command.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from transformer_lib.exits import exit_with
from transformer_lib.workbench import results
from transformer_lib.workbench.closure import depends_on
from transformer_lib.workbench.commits import CHECKOUT, changed_since
from transformer_lib.workbench.experiment import Experiment, parse, planned
from transformer_lib.workbench.options import RESULTS
from transformer_lib.workbench.record import Record

SCRIPTS = CHECKOUT / "chapters" / "experiments"


class Made(NamedTuple):
    """A result that a script makes by one command."""

    result: str
    hours: float  # by estimate
    options: tuple[str, ...] = ()
    processes: int = 1


class Row(NamedTuple):
    """What is known of one result."""

    name: str
    n_recorded: int
    n_jobs: int
    hours_left: float | None
    age: str
    command: tuple[str, ...]  # empty: nothing here makes it


def rows(scripts: Path = SCRIPTS, folder: Path = RESULTS) -> list[Row]:
    """Return a row for every result that a script makes or that is recorded."""
    made = [row for script in sorted(scripts.glob("*.py")) for row in rows_of(script, folder)]
    known = {row.name for row in made}
    others = [file for file in sorted(folder.glob("*.json")) if file.stem not in known]
    return made + [
        Row(file.stem, 1, 1, 0.0, age(results.read(file), made_by(results.read(file))), ())
        for file in others
    ]


def rows_of(script: Path, folder: Path) -> Iterator[Row]:
    """Yield a row for every result of a script."""
    module = load(script)
    experiment: Experiment | None = getattr(module, "EXPERIMENT", None)
    if experiment:
        yield row_of(experiment, folder)
    for made in getattr(module, "RESULTS", ()):
        file = folder / f"{made.result}.json"
        there = file.exists()
        told = age(results.read(file), depends_on(script)) if there else "missing"
        left = 0.0 if there else made.hours
        yield Row(made.result, int(there), 1, left, told, command_of(script, made))


def row_of(experiment: Experiment, folder: Path) -> Row:
    """Return the row of an experiment."""
    file, script = folder / f"{experiment.name}.json", Path(experiment.script).resolve()
    shared, jobs = planned(experiment, parse(experiment, []))
    record = Record(file, "", shared)
    missing = record.missing(jobs, redo=True, say=lambda line: None)
    files = experiment.depends_on or depends_on(script)
    told = age(results.read(file), files) if file.exists() else "missing"
    n_jobs, command = len(jobs), (sys.executable, str(script))
    return Row(experiment.name, n_jobs - len(missing), n_jobs, record.hours(missing), told, command)


def load(script: Path) -> Any:
    """Import a script by its place."""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def command_of(script: Path, made: Made) -> tuple[str, ...]:
    """Return the words that run a script."""
    start = [sys.executable]
    if made.processes > 1:
        start += ["-m", "torch.distributed.run", f"--nproc-per-node={made.processes}", "--"]
    return (*start, str(script), *made.options)


def made_by(result: results.Result) -> list[Path]:
    """Return what a result depends on, as far as its command names a script that is here."""
    script = script_of(result["command"])
    return depends_on(CHECKOUT / script) if script and (CHECKOUT / script).exists() else []


def script_of(command: str | None) -> str | None:
    """Return the script that a recorded command runs, if it names one."""
    words = (command or "").replace("make bench", "python -m benchmarks.run")
    if found := re.search(r"\S+\.py\b", words):
        return found[0]
    if found := re.search(r"-m ([\w.]+)", words):
        return f"{found[1].replace('.', '/')}.py"
    return None


def age(result: results.Result, files: list[Path]) -> str:
    """Say whether a result is older than the code that it depends on."""
    if result.get("by_hand"):
        return "by hand"
    commits = {result["commit"], *(job.get("commit", result["commit"])
                                   for job in result.get("jobs", ()))}  # fmt: skip
    try:
        changed = sorted({name for then in commits for name in changed_since(then, files)})
    except LookupError as error:
        return f"unknown: {error}"
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return f"older than {', '.join(changed[:3])}{more}" if changed else "as its code"


def told(found: list[Row]) -> str:
    """Return the rows as lines."""
    lines = [f"{'result':24}{'recorded':>10}{'hours left':>12}  age"]
    for row in found:
        left = "unknown" if row.hours_left is None else f"{row.hours_left:.1f}"
        lines.append(f"{row.name:24}{f'{row.n_recorded}/{row.n_jobs}':>10}{left:>12}  {row.age}")
    return "\n".join(lines)


def run_missing(found: list[Row]) -> None:
    """Run, one after the other, the commands whose results are missing or incomplete.

    Raises:
        ValueError: one of them failed.
    """
    for row in found:
        if row.n_recorded < row.n_jobs:
            print(f"making {row.name}", flush=True)
            done = subprocess.run(row.command, cwd=CHECKOUT)
            if done.returncode:
                raise ValueError(f"{row.name} ended with code {done.returncode}, see above; "
                                 "the same command goes on")  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """List the results, or run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    options = parser.parse_args(arguments)
    found = rows()
    print(told(found), flush=True)
    if not options.list:
        run_missing(found)


if __name__ == "__main__":
    exit_with(main)

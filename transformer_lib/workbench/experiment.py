"""One main for all experiments: a list of jobs, each written when it is done.

A job is a variant and a seed. Recorded jobs are skipped, so that a stop at any moment loses no more
than the jobs at work, and the same command goes on. A script in `chapters/experiments` is:

    EXPERIMENT = Experiment(__file__, __doc__, run, jobs=grid({...}, seeds=range(1, 6)), ...)

    if __name__ == "__main__":
        exit_with(EXPERIMENT.main)
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from transformer_lib.settings import nearest
from transformer_lib.workbench.jobs import Job, Run, Settings, grid
from transformer_lib.workbench.options import Parser, command_line, result_file
from transformer_lib.workbench.processes import side_by_side
from transformer_lib.workbench.record import Record, locked

__all__ = ["Experiment", "Job", "grid"]


@dataclass(frozen=True)
class Experiment:
    """An experiment, and its command.

    Args:
        script: its file, whose name is that of the result.
        asks: its docstring; the first line is the help.
        run: called with a job's settings, the shared ones among them, and its seed; gives figures.
        jobs: all jobs.
        settings: those that all jobs share.
        fixed: what the code fixes: recorded with the settings, and refused by `--set`.
        quick: what to change of any settings for a rehearsal, which runs the first seed alone.
        depends_on: files that the figures depend on; if not given, what the script imports.
    """

    script: str
    asks: str
    run: Run
    jobs: Sequence[Job]
    settings: Settings = field(default_factory=dict)
    fixed: Settings = field(default_factory=dict)
    quick: Settings = field(default_factory=dict)
    depends_on: Sequence[Path] = ()

    def __post_init__(self) -> None:
        names = [(job.variant, job.seed) for job in self.jobs]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two jobs are called {twice[0]}; give each variant its own name")

    @property
    def name(self) -> str:
        """The name of the result."""
        return Path(self.script).stem

    def main(self, arguments: list[str] | None = None) -> None:
        """Run what is not recorded yet, or with `--todo` say what that is."""
        options = parse(self, arguments)
        shared, jobs = planned(self, options)
        file = result_file(self.name, options)
        command = command_line(self.script, options)
        if options.todo:
            record = Record(file, command, shared)
            print(record.told(record.missing(jobs, redo=options.redo), options.jobs))
            return
        if options.quick:
            file.unlink(missing_ok=True)
        with locked(file):
            record = Record(file, command, shared)
            run_all(self.run, record, record.missing(jobs, redo=options.redo), options.jobs)


def parse(experiment: Experiment, arguments: list[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = Parser(experiment.asks, "KEY=VALUE")
    add = parser.add_argument
    add("--seeds", type=numbers, metavar="1,2,3", help="these seeds only, also new ones")
    add("--only", action="append", metavar="VARIANT", help="this variant only; may be repeated")
    add("--jobs", type=int, metavar="N", help="so many side by side; if not given, one a core")
    add("--todo", action="store_true", help="say what is still to run, and run nothing")
    add("--redo", action="store_true", help="replace jobs that were recorded with other settings")
    options = parser.parse_args(arguments)
    options.jobs = options.jobs or (1 if options.quick else os.cpu_count() or 1)
    return options


def numbers(text: str) -> list[int]:
    """Return whole numbers that stand between commas."""
    return [int(number) for number in text.split(",")]


def planned(
    experiment: Experiment, options: argparse.Namespace
) -> tuple[dict[str, Any], list[Job]]:
    """Return the shared settings and the jobs that the options mean."""
    known = dict(experiment.settings)
    for job in experiment.jobs:
        known |= job.settings
    changes = dict(experiment.quick) if options.quick else {}
    changes |= dict(parsed(assignment, known) for assignment in options.set)
    jobs = chosen(experiment.jobs, options.only, options.seeds)
    if options.quick and not options.seeds:
        jobs = chosen(jobs, None, [jobs[0].seed])
    shared = changed(experiment.settings, changes) | changed(experiment.fixed, {})
    return shared, [job._replace(settings=changed(job.settings, changes)) for job in jobs]


def chosen(
    jobs: Sequence[Job], variants: Sequence[str] | None, seeds: Sequence[int] | None
) -> list[Job]:
    """Return the jobs of those variants, with those seeds in place of their own.

    Raises:
        ValueError: there is no such variant.
    """
    first = {job.variant: job for job in reversed(jobs)}
    for name in variants or ():
        if name not in first:
            raise ValueError(f"there is no variant {name!r}; {nearest(name, [*first])}")
    kept = [job for job in jobs if job.variant in (variants or first)]
    if not seeds:
        return kept
    names = dict.fromkeys(job.variant for job in kept)
    return [first[name]._replace(seed=seed) for seed in seeds for name in names]


def changed(settings: Settings, changes: Settings) -> dict[str, Any]:
    """Return settings with those changed that are among them, as JSON will hold them."""
    return json.loads(json.dumps({name: changes.get(name, settings[name]) for name in settings}))


def parsed(assignment: str, known: Settings) -> tuple[str, Any]:
    """Return name and value of `key=value`.

    Raises:
        ValueError: there is no such setting, or its values are of another kind.
    """
    name, equals, text = assignment.partition("=")
    if not equals or name not in known:
        raise ValueError(f"there is no setting {name!r} in {assignment!r}; "
                         f"{nearest(name, [*known])}")  # fmt: skip
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    usual = known[name]
    kind = type(list(usual) if isinstance(usual, tuple) else usual)
    if usual is not None and type(value) is not kind and (type(value), kind) != (int, float):
        raise ValueError(f"{name} is {usual!r} by default; {text!r} is no value of that kind")
    return name, value


def run_all(run: Run, record: Record, missing: Sequence[Job], n_processes: int) -> None:
    """Run the missing jobs side by side; write each when it is done, and say how far it is."""
    print(f"{len(missing)} jobs to run, {len(record.jobs)} recorded", flush=True)
    tasks = [(record.shared | job.settings, job.seed) for job in missing]
    began, bar = time.monotonic(), {"console": Console(stderr=True), "transient": True}
    outcomes = track(
        side_by_side(run, tasks, n_processes), "jobs", len(tasks),
        disable=not sys.stderr.isatty(), **bar,
    )  # fmt: skip
    for done, (number, outcome) in enumerate(outcomes, start=1):
        job = missing[number]
        record.add(job, outcome)
        minutes = (time.monotonic() - began) / done * (len(tasks) - done) / 60
        print(f"{done} of {len(tasks)}: {job.variant}, seed {job.seed}, {outcome.seconds:.0f} s; "
              f"about {minutes:.0f} min left", flush=True)  # fmt: skip

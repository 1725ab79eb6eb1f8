"""What the experiments' commands share: their options, and where runs and results go."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from transformer_lib.config import RunConfig
from transformer_lib.exits import UsageError
from transformer_lib.training.distributed import is_first_process, launcher
from transformer_lib.training.run import RunFolder
from transformer_lib.workbench.commits import CHECKOUT, commit
from transformer_lib.workbench.results import origin

RUNS, RESULTS = CHECKOUT / "runs", CHECKOUT / "chapters" / "results"
COMMIT = ".commit"  # in a run folder: the code that it was begun with
QUICK_RUN = (
    "data.n_pieces=300", "data.batch_tokens=200", "model.d_model=32", "model.d_ff=64",
    "model.n_encoder_layers=1", "model.n_decoder_layers=1", "train.warmup=2", "train.steps=4",
    "train.log_every=2", "train.evaluate_every=2", "train.average=1", "train.device=cpu",
    "decode.beam_size=1", "decode.extra_length=5",
)  # fmt: skip


class Parser(argparse.ArgumentParser):
    """A parser of `--quick`, `--into` and `--set`, whose errors are one line."""

    def __init__(self, description: str, setting: str | None = None) -> None:
        super().__init__(description=description.splitlines()[0], allow_abbrev=False)
        self.add_argument(
            "--quick", action="store_true", help="a rehearsal; its figures say nothing"
        )
        self.add_argument("--into", type=Path, metavar="FOLDER", help="write there")
        self.set_defaults(set=[])
        if setting:
            self.add_argument("--set", action="append", metavar=setting, help="change a setting")

    def error(self, message: str) -> NoReturn:
        """Refuse the options.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{message}; see --help")


def result_file(name: str, options: argparse.Namespace) -> Path:
    """Return where a result goes. That of a rehearsal has another name, wherever it goes."""
    if options.quick:
        return (options.into or RUNS / "quick") / f"{name}_quick.json"
    return (options.into or RESULTS) / f"{name}.json"


def run_folder(name: str, options: argparse.Namespace) -> Path:
    """Return where a run goes; a rehearsal's lies beside its result."""
    return result_file(name, options).parent / name if options.quick else RUNS / name


def with_settings(
    config: RunConfig, options: argparse.Namespace, quick: Sequence[str] = QUICK_RUN
) -> RunConfig:
    """Return the settings of a run as the options change them."""
    return config.with_settings(*(quick if options.quick else ()), *options.set)


def command_line(
    script: str, options: argparse.Namespace, more: Sequence[str] = (), n_processes: int = 1
) -> str:
    """Return the command that makes a result again, as it is recorded: without `--into`."""
    start = launcher(str(n_processes))
    start += " --" if n_processes > 1 else ""  # or torchrun takes --run for an option of its own
    words = [start, f"chapters/experiments/{Path(script).name}", *more]
    words += [f"--set {assignment}" for assignment in options.set]
    return " ".join([*words, "--quick"] if options.quick else words)


def told_folder(run: Path) -> str:
    """Return a run folder as a command names it: relative to the checkout, or its name alone."""
    inside = run.resolve().is_relative_to(CHECKOUT)
    return str(run.resolve().relative_to(CHECKOUT)) if inside else run.name


def note_commit(run: Path) -> None:
    """Note with which code a run is begun, if it is not there yet."""
    if is_first_process() and not (run / "config.json").exists():
        run.mkdir(parents=True, exist_ok=True)
        (run / COMMIT).write_text(commit() or "", encoding="utf-8")


def made_with(run: RunFolder) -> dict[str, Any]:
    """Return the commit, versions and hardware with which a run was trained.

    The commit is None if the run was begun by another command.
    """
    note = run.path / COMMIT
    noted = note.read_text(encoding="utf-8") if note.exists() else ""
    return origin(run.environment()) | {"commit": noted or None}

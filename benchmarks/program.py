"""What the programs share: their two options, and where the result goes."""

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.settings import ROOT
from transformer_lib.training.environment import environment
from transformer_lib.workbench import results

RESULTS, REHEARSALS = ROOT / "chapters" / "results", ROOT / "runs"
BEGAN = time.monotonic()  # when the program was loaded


class Options(NamedTuple):
    """What was asked for."""

    quick: bool
    output: Path


def options(description: str, result: str) -> Options:
    """Read `--quick` and `--output`; a rehearsal never overwrites the result itself.

    Args:
        description: the module's docstring; its first line is the help.
        result: the name of the result, such as "growth".
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a rehearsal; its figures say nothing")
    parser.add_argument("--output", type=Path, help="where to write the result")
    given = parser.parse_args()
    usual = REHEARSALS / f"{result}_quick.json" if given.quick else RESULTS / f"{result}.json"
    return Options(given.quick, given.output or usual)


def write(
    output: Path,
    command: str,
    settings: Mapping[str, Any],
    figures: Mapping[str, Any],
    peers: Mapping[str, str] | None = None,
) -> None:
    """Write the result, measured on one thread, with the versions of the peers, if any."""
    told = environment() | {"threads": "1"} | dict(peers or {})
    results.write(
        output, command, settings, figures=figures, made_with=results.origin(told),
        seconds=round(time.monotonic() - BEGAN, 1),
    )  # fmt: skip

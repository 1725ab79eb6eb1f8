"""What the programs share: their two options, and where the result goes."""

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.settings import ROOT

RESULTS, REHEARSALS = ROOT / "chapters" / "results", ROOT / "runs"


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


def write(result: dict[str, Any], output: Path) -> None:
    """Write the result."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

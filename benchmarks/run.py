"""Every case in turn, each in a process of its own, round after round; then the table.

python -m benchmarks.run [--quick] [--output FILE]
"""

import json
import os
import statistics
import subprocess
import sys
from importlib.metadata import version
from typing import Any

from benchmarks import decoding, program, training
from benchmarks.settings import (
    FULL,
    PEER_LR,
    QUICK,
    ROOT,
    TUTORIAL_BATCH,
    Sizes,
    config,
    make_weights,
)
from benchmarks.table import table

ONE_CORE = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1",
}  # fmt: skip
# What our training sets for itself (`update.keep_freed_memory`), given to peers that do not.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**30)}
HELPED = ("bucketed", "marian")
LIBRARIES = ("ctranslate2", "joeynmt", "transformers", "tokenizers")

Figures = dict[str, dict[str, list[dict[str, Any]]]]  # by kind and case, one for each round


def cases() -> list[tuple[str, str, dict[str, str]]]:
    """Return kind, name and environment of every case, in their order."""
    plain = [("training", name, {}) for name in training.CASES]
    helped = [("training", f"{name}+allocator", ALLOCATOR) for name in HELPED]
    return [*plain, *helped, *(("decoding", name, {}) for name in decoding.CASES),
            ("latency", "command_line", {})]  # fmt: skip


def run_case(kind: str, name: str, extra: dict[str, str], quick: bool) -> dict[str, Any]:
    """Measure one case in a process of its own.

    Raises:
        RuntimeError: it failed; its own message is in the error.
    """
    command = [sys.executable, "-m", "benchmarks.case", kind, name.removesuffix("+allocator")]
    done = subprocess.run(
        [*command, "--quick"] if quick else command,
        cwd=ROOT,
        env={**os.environ, **ONE_CORE, **extra},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{kind} {name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def run_all(sizes: Sizes) -> Figures:
    """Measure every case once in each round."""
    found: Figures = {"training": {}, "decoding": {}, "latency": {}}
    for number in range(sizes.rounds):
        for kind, name, extra in cases():
            print(f"round {number + 1} of {sizes.rounds}: {kind} {name}", file=sys.stderr)
            figures = run_case(kind, name, extra, quick=sizes is QUICK)
            found[kind].setdefault(name, []).append(figures)
    return found


def add_identical(found: Figures) -> None:
    """Replace the outputs by the share that is identical to those of the same search of ours."""
    outputs = {name: [r.pop("outputs") for r in rounds]
               for name, rounds in found["decoding"].items()}  # fmt: skip
    for name, rounds in found["decoding"].items():
        for figures, theirs, ours in zip(
            rounds, outputs[name], outputs[decoding.CASES[name].same_as], strict=True
        ):
            same = sum(one == other for one, other in zip(theirs, ours, strict=True))
            figures["identical"] = same / len(ours)


def summary(rounds: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Return of every figure the median, the spread (largest less smallest), and each round's."""
    found = {}
    for name in rounds[0]:
        values = [figures[name] for figures in rounds]
        found[name] = {
            "median": significant(statistics.median(values)),
            "spread": significant(max(values) - min(values)),
            "rounds": [significant(value) for value in values],
        }
    return found


def significant(value: float) -> float:
    """Round to four digits."""
    return float(f"{value:.4g}")


def versions() -> dict[str, str]:
    """Return the versions of the peers."""
    return {name: version(name) for name in LIBRARIES}


def main() -> None:
    """Measure, write the result, and show it."""
    quick, output = program.options(__doc__, "benchmarks")
    sizes = QUICK if quick else FULL
    make_weights(sizes)
    found = run_all(sizes)
    add_identical(found)
    command = "make bench" if sizes is FULL else "python -m benchmarks.run --quick"
    settings = {
        **sizes._asdict(), "peer_lr": PEER_LR, "tutorial_batch": TUTORIAL_BATCH,
        "config": config(sizes).to_dict(), "environment_of_allocator_cases": ALLOCATOR,
    }  # fmt: skip
    figures = {kind: {name: summary(rounds) for name, rounds in part.items()}
               for kind, part in found.items()}  # fmt: skip
    program.write(output, command, settings, figures, versions())
    print(table(figures))


if __name__ == "__main__":
    main()

"""What a second process gives: training under torchrun, against one process.

python -m benchmarks.processes [--quick]

The model is the one that peers are measured with. Each process has one thread. "split" shares out
the same batches, "doubled" has batches of twice as many tokens, so that each process holds as many
as the one process did.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import program
from benchmarks.run import ONE_CORE, summary
from benchmarks.settings import ROOT
from transformer_lib.presets import PRESETS

BATCH_TOKENS = PRESETS["small"].data.batch_tokens
CASES = {"one": (1, BATCH_TOKENS), "split": (2, BATCH_TOKENS), "doubled": (2, 2 * BATCH_TOKENS)}
SAME = ("--corpus", "multi30k", "--preset", "small", "--set", "model.norm_order=post",
        "--set", "train.device=cpu")  # fmt: skip
REPORTS, EVERY, ROUNDS = 4, 8, 3  # reports of so many updates; the first half is a warm-up


def history(n_processes: int, *settings: str) -> list[dict[str, float]]:
    """Train on Multi30k in a run folder of its own; return what was recorded.

    Raises:
        SystemExit: the training failed; with the line that says why.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        command = [
            sys.executable, "-m", "torch.distributed.run", "--standalone",
            f"--nproc-per-node={n_processes}", "-m", "--", "transformer_lib", "train",
            *SAME, "--run", str(run), "--quiet",
        ]  # fmt: skip
        for setting in settings:
            command += ["--set", setting]
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **ONE_CORE}, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(settings)}: {why(done.stderr)}")
        lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def why(errors: str) -> str:
    """Return the line in which the program says what is wrong, out of torchrun's many."""
    lines = errors.splitlines()
    return next((line for line in lines if line.startswith("error: ")), errors[-3000:])


def tokens_per_s(n_processes: int, batch_tokens: int, n_reports: int, every: int) -> float:
    """Return the median speed of the later reports of a short training."""
    steps = n_reports * every
    reports = history(
        n_processes, f"data.batch_tokens={batch_tokens}", f"train.steps={steps}",
        f"train.log_every={every}", f"train.evaluate_every={steps}", "train.precision=float32",
    )  # fmt: skip
    speeds = [report["tokens_per_s"] for report in reports if "tokens_per_s" in report]
    return statistics.median(speeds[len(speeds) // 2 :])


def main() -> None:
    """Measure, write the result, and show it."""
    quick, output = program.options(__doc__, "processes")
    reports, every, rounds = (2, 1, 1) if quick else (REPORTS, EVERY, ROUNDS)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in CASES}
    for number in range(rounds):
        for name, case in CASES.items():
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
            found[name].append({"tokens_per_s": tokens_per_s(*case, reports, every)})
    for rounds_of_one in zip(*found.values(), strict=True):  # against one process in its round
        alone = rounds_of_one[0]["tokens_per_s"]
        for figures, (n_processes, _) in zip(rounds_of_one, CASES.values(), strict=True):
            figures["efficiency"] = figures["tokens_per_s"] / (n_processes * alone)
    command = "python -m benchmarks.processes" + " --quick" * quick
    settings = {
        "train": SAME,
        "cases": {name: {"processes": n, "batch_tokens": t} for name, (n, t) in CASES.items()},
        "updates": reports * every, "log_every": every, "rounds": rounds,
    }  # fmt: skip
    cases = {name: summary(rounds_of_one) for name, rounds_of_one in found.items()}
    program.write(output, command, settings, {"cases": cases})
    for name, case in cases.items():
        print(f"{name:8} {case['tokens_per_s']['median']:8,.0f} tokens/s, "
              f"efficiency {case['efficiency']['median']:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()

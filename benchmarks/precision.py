"""What bfloat16 costs in quality: validation loss after the same updates, seed by seed.

python -m benchmarks.precision [--quick]

The model that peers are measured with, trained for a short while. The two precisions
of a seed see the same batches and the same dropout, train side by side, one core each, and are
validated as they were trained.
"""

import json
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks import program
from benchmarks.processes import SAME, history
from benchmarks.run import significant

PRECISIONS = ("float32", "bfloat16")
SEEDS = tuple(range(1, 11))
UPDATES, PEAK_LR = 300, 2e-3


def valid_nll(seed: int, precision: str, updates: int) -> float:
    """Return the validation loss at the end of a short training, in nats a piece."""
    records = history(
        1, f"train.seed={seed}", f"data.seed={seed}", f"train.precision={precision}",
        f"train.steps={updates}", f"train.warmup={max(1, updates // 3)}",
        f"train.peak_lr={PEAK_LR}", f"train.evaluate_every={updates}",
    )  # fmt: skip
    return records[-1]["valid_nll"]


def main() -> None:
    """Measure, write the result, and show it."""
    quick, output = program.options(__doc__, "precision")
    updates, seeds = (2, SEEDS[:2]) if quick else (UPDATES, SEEDS)
    found: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    with ThreadPoolExecutor(len(PRECISIONS)) as pool:
        for seed in seeds:
            print(f"seed {seed} of {len(seeds)}", file=sys.stderr)
            pair = pool.map(lambda p, s=seed: valid_nll(s, p, updates), PRECISIONS)
            for precision, nll in zip(PRECISIONS, pair, strict=True):
                found[precision].append(nll)
    differences = [half - full for full, half in zip(*found.values(), strict=True)]
    command = "python -m benchmarks.precision" + " --quick" * quick
    settings = {"train": SAME, "peak_lr": PEAK_LR, "updates": updates, "seeds": seeds}
    figures = {
        "valid_nll": {p: [significant(nll) for nll in values] for p, values in found.items()},
        "bfloat16_minus_float32": [significant(d) for d in differences],
        "between_seeds": significant(max(map(statistics.stdev, found.values()))),
        "mean_difference": significant(statistics.mean(differences)),
        "standard_error": significant(statistics.stdev(differences) / len(seeds) ** 0.5),
    }
    program.write(output, command, settings, figures)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()

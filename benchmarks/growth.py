"""How time and memory of training grow with length, width, depth, batch and vocabulary.

python -m benchmarks.growth [--quick]

Random tokens, all sentences of a batch equally long, so that nothing is padding. One core,
float32. Beside what was measured stands what counting predicts (`workbench/cost/training.py`).
"""

import json
import sys
import time
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from benchmarks import program
from benchmarks.ours import train_watched
from benchmarks.run import run_case, significant, summary
from benchmarks.settings import FULL, QUICK, Sizes
from benchmarks.training import Enough, Watch
from transformer_lib.config import EOS, ModelConfig
from transformer_lib.data.pairs import EncodedPairs
from transformer_lib.presets import PRESETS
from transformer_lib.workbench.cost import (
    matrix_rate,
    resident_mib,
    training_bytes,
    training_flops,
)

AXES = {
    "length": (8, 32, 128, 512),
    "width": (64, 128, 256, 512),
    "layers": (1, 2, 4, 8),
    "batch": (1_024, 2_048, 4_096, 8_192),
    "vocabulary": (1_000, 4_000, 16_000, 64_000),
}
MIDDLE = {"length": 32, "width": 128, "layers": 4, "batch": 4_096, "vocabulary": 4_000}
WARM_UP, SECONDS = 1, 1.0  # an update, then so long, until an update has ended
SEED = 1


def at(axis: str, value: int) -> tuple[ModelConfig, int, int]:
    """Return the model, the tokens of a batch and of a sentence, with one thing changed."""
    point = {**MIDDLE, axis: value}
    model = PRESETS["small"].model.updated(
        vocab_size=point["vocabulary"], d_model=point["width"], d_ff=2 * point["width"],
        n_encoder_layers=point["layers"], n_decoder_layers=point["layers"],
    )  # fmt: skip
    return model, point["batch"], point["length"]


def random_pairs(vocab_size: int, length: int, n_tokens: int) -> EncodedPairs:
    """Return pairs of that many tokens on each side, all of the same length."""
    rng = np.random.default_rng(SEED)
    shape = (n_tokens // length, 2, length)
    ids = rng.integers(EOS + 1, vocab_size, size=shape, dtype=np.int32)
    ids[:, :, -1] = EOS
    return EncodedPairs((src, tgt) for src, tgt in ids)


def measure(point: str, sizes: Sizes) -> dict[str, float]:
    """Train at a point such as "length=64" for a while; return time and memory."""
    axis, _, value = point.partition("=")
    model, batch_tokens, length = at(axis, int(value))
    pairs = random_pairs(model.vocab_size, length, 4 * batch_tokens)
    watch, before = Watch(WARM_UP, min(SECONDS, sizes.seconds)), resident_mib()
    train = PRESETS["small"].train.updated(precision="float32", device="cpu")
    with suppress(Enough):
        train_watched(model, pairs, batch_tokens, train, watch)
    return {
        "us_per_token": 1e6 * watch.elapsed_s / watch.n_tokens,
        "mib": watch.peak_mib - before,
    }


def predicted(point: str) -> dict[str, float]:
    """Return what counting says of a point: operations a token, and memory."""
    axis, _, value = point.partition("=")
    model, batch_tokens, length = at(axis, int(value))
    pairs = random_pairs(model.vocab_size, length, batch_tokens)
    return {
        "flops_per_token": training_flops(model, pairs),
        "mib": training_bytes(model, batch_tokens, batch_tokens) / 2**20,
    }


def slope(values: tuple[int, ...], found: list[float]) -> float:
    """Return by which power of the value a figure grows: the slope in double logarithms."""
    return round(float(np.polyfit(np.log(values), np.log(found), 1)[0]), 3)


def slopes(points: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return every axis's slopes, measured and predicted; memory is that of a whole update."""
    found = {}
    for axis, values in AXES.items():
        some = [points[f"{axis}={value}"] for value in values]
        found[axis] = {
            "time_per_token": slope(values, [p["us_per_token"]["median"] for p in some]),
            "predicted_time_per_token": slope(
                values, [p["predicted"]["flops_per_token"] for p in some]
            ),
            "memory": slope(values, [p["mib"]["median"] for p in some]),
            "predicted_memory": slope(values, [p["predicted"]["mib"] for p in some]),
        }
    return found


def all_points() -> list[str]:
    """Return every point by its name."""
    return [f"{axis}={value}" for axis, values in AXES.items() for value in values]


def measure_all(sizes: Sizes) -> dict[str, list[dict[str, float]]]:
    """Measure every point once in each round."""
    names, began = all_points(), time.monotonic()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    n_cases = sizes.rounds * len(names)
    for done in range(n_cases):
        name = names[done % len(names)]
        left = (time.monotonic() - began) / done * (n_cases - done) if done else 0
        print(f"{done + 1} of {n_cases}: {name}, {left / 60:.0f} min left", file=sys.stderr)
        found[name].append(run_case("growth", name, {}, quick=sizes is QUICK))
    return found


def main() -> None:
    """Measure, write the result, and show the slopes."""
    quick, output = program.options(__doc__, "growth")
    sizes = QUICK if quick else FULL
    torch.set_num_threads(1)
    rate = matrix_rate(1_024, torch.device("cpu"), 1.0, torch.float32)
    points = {
        name: {**summary(rounds), "predicted": predicted(name)}
        for name, rounds in measure_all(sizes).items()
    }
    command = "python -m benchmarks.growth" + " --quick" * (sizes is QUICK)
    settings = {"axes": AXES, "middle": MIDDLE, "warmup_updates": WARM_UP, "seconds": SECONDS,
                "seed": SEED, "rounds": sizes.rounds,
                "model": PRESETS["small"].to_dict()["model"]}  # fmt: skip
    figures = {
        "matrix_flops_per_s": significant(rate),
        "points": points,
        "slopes": slopes(points),
    }
    program.write(output, command, settings, figures)
    print(json.dumps(figures["slopes"], indent=1))


if __name__ == "__main__":
    main()

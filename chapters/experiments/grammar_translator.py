"""The translator that ships with the package: train it, store it in half precision, score it.

    python chapters/experiments/grammar_translator.py    # took 14 minutes on two cores

It trains the preset "grammar" in runs/grammar (the same command again goes on; a finished run is
only scored), writes the averaged weights to transformer_lib/pretrained/ as float16, and scores what
it wrote, not what it trained, on the four test splits. The result is
chapters/results/grammar_translator.json. `--into FOLDER` puts all three there instead, and
`--set train.steps=100` changes a setting. It also runs under torchrun.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import NamedTuple

from torch import nn
from transformer_lib.config import DecodeConfig, RunConfig
from transformer_lib.data.corpus import ParallelText, load_split, splits_of
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.evaluation.bleu import exact_match
from transformer_lib.exits import exit_with
from transformer_lib.files import replace_file
from transformer_lib.presets import PRESETS
from transformer_lib.recipe import trained
from transformer_lib.training.distributed import is_first_process, launcher
from transformer_lib.training.files import tensors_to_bytes
from transformer_lib.training.run import RunFolder, to_json
from transformer_lib.translator import SHIPPED, Translator

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "chapters/experiments/grammar_translator.py"
GREEDY = DecodeConfig(beam_size=1)


class Places(NamedTuple):
    """Where the run, the model that ships, and the result go."""

    run: Path = ROOT / "runs" / "grammar"
    shipped: Path = SHIPPED
    result: Path = ROOT / "chapters" / "results" / "grammar_translator.json"

    @classmethod
    def within(cls, folder: Path) -> "Places":
        """Put all three into one folder."""
        return cls(*(folder / default.name for default in cls()))


def percent_exact(
    translator: Translator, text: ParallelText, decode: DecodeConfig | None
) -> float:
    """Return the percentage of sentences translated word for word."""
    return round(
        exact_match(translator.translate(text.src, decode), text.tgt), 3
    )


def watch(config: RunConfig, run: Path, started: float):
    """Return a callback that measures greedy exact match on 300 validation sentences."""
    valid = load_split(config.data, "valid")
    few = ParallelText(valid.src[:300], valid.tgt[:300])

    def on_evaluate(model: nn.Module, step: int) -> dict[str, float]:
        tokenizer = Tokenizer.load(run / "tokenizer.json")
        exact = percent_exact(Translator(model, tokenizer, config), few, GREEDY)
        return {
            "exact_match": exact,
            "wall_s": round(time.monotonic() - started, 1),
        }

    return on_evaluate


def ship(run: RunFolder, folder: Path) -> None:
    """Write the run's averaged weights, in half precision, where the package looks for them."""
    folder.mkdir(exist_ok=True)
    half = {
        name: tensor.half() for name, tensor in run.averaged_weights().items()
    }
    replace_file(folder / "model.safetensors", tensors_to_bytes(half))
    replace_file(folder / "tokenizer.json", run.tokenizer_path.read_bytes())
    replace_file(folder / "config.json", to_json(run.config.to_dict()))


def times(history: list[dict], scoring: float) -> dict[str, float]:
    """Return the seconds of each part of the command.

    The first evaluation knows both the time of the command and that of the training, so the
    difference is what came before training. Here it is right also of a run that was resumed.
    """
    prepare = history[0]["wall_s"] - history[0]["elapsed_s"]
    train = history[-1]["elapsed_s"]
    parts = {"prepare": prepare, "train": train, "score": scoring}
    parts["total"] = sum(parts.values())
    return {name: round(seconds, 1) for name, seconds in parts.items()}


def nearest_to(
    seconds: float, history: list[dict], prepare: float
) -> dict[str, float]:
    """Return the evaluation nearest to a time since the command was given."""

    def total(record: dict) -> float:
        return prepare + record["elapsed_s"]

    record = min(history, key=lambda record: abs(total(record) - seconds))
    names = ("step", "exact_match", "valid_nll", "accuracy")
    return {"total_s": round(total(record), 1)} | {n: record[n] for n in names}


def evaluations(run: RunFolder) -> list[dict]:
    """Return what was recorded when the run was validated."""
    return [line for line in run.metrics() if "exact_match" in line]


def main(arguments: list[str] | None = None) -> None:
    """Train, ship, score, and write the result."""
    started = time.monotonic()
    options = parse(arguments)
    places = Places.within(options.into) if options.into else Places()
    config = PRESETS["grammar"]
    config = config.with_settings(*options.set)
    watcher = watch(config, places.run, started)
    run = trained(config, places.run, on_evaluate=watcher)
    if not is_first_process():
        return
    scoring = time.monotonic()
    ship(run, places.shipped)
    translator = Translator.load(places.shipped, device="cpu")
    exact = {
        split: percent_exact(translator, load_split(config.data, split), None)
        for split in splits_of(config.data)
    }
    history, environment = evaluations(run), run.environment()
    seconds = times(history, time.monotonic() - scoring)
    result = {
        "command": " ".join(
            [launcher(environment["processes"]), SCRIPT]
            + [f"--set {assignment}" for assignment in options.set]
        ),
        "config": dataclasses.asdict(config),
        "environment": environment,
        "steps": history[-1]["step"],
        "parameters": sum(p.numel() for p in translator.model.parameters()),
        "bytes": (places.shipped / "model.safetensors").stat().st_size,
        "seconds": seconds,
        "history": history,
        "three_minutes": nearest_to(180, history, seconds["prepare"]),
        "exact_match": exact,
    }
    places.result.write_text(
        json.dumps(result, indent=1) + "\n", encoding="utf-8"
    )
    print(json.dumps(result["exact_match"], indent=1))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER",
        help="put the run, the model and the result there",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    exit_with(main)

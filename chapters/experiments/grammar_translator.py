"""The translator that ships with the package: train it, store it in half precision, score it.

    python chapters/experiments/grammar_translator.py    # took 14 minutes on two cores

It trains the preset "grammar" in runs/grammar (the same command again goes on; a finished run is
only scored), writes the averaged weights to transformer_lib/pretrained/ as float16, and scores what
it wrote, not what it trained, on the four test splits. The result is
chapters/results/grammar_translator.json. `--into FOLDER` puts all three there instead,
`--set train.steps=100` changes a setting, and `--quick` rehearses it in runs/quick. It also runs
under torchrun.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn
from transformer_lib.config import DecodeConfig, RunConfig
from transformer_lib.data.corpus import ParallelText, load_split, splits_of
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.evaluation.bleu import exact_match
from transformer_lib.exits import exit_with
from transformer_lib.presets import PRESETS
from transformer_lib.recipe import trained
from transformer_lib.training.distributed import is_first_process
from transformer_lib.training.run import RunFolder
from transformer_lib.translator import SHIPPED, Translator
from transformer_lib.workbench import results
from transformer_lib.workbench.options import (
    QUICK_RUN,
    Parser,
    command_line,
    made_with,
    note_commit,
    result_file,
    run_folder,
    with_settings,
)
from transformer_lib.workbench.programme import Made

RESULTS = (Made("grammar_translator", hours=0.25),)
GREEDY = DecodeConfig(beam_size=1)
QUICK = ("data.n_pairs=200", *QUICK_RUN)
N_QUICK = 40  # sentences of each split that a rehearsal scores


class Places(NamedTuple):
    """Where the run, the model that ships, and the result go."""

    run: Path
    shipped: Path
    result: Path

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Places":
        """Return the usual places, or all three in one folder."""
        result = result_file("grammar_translator", options)
        if options.into or options.quick:
            folder = result.parent
            return cls(folder / "grammar", folder / SHIPPED.name, result)
        return cls(run_folder("grammar", options), SHIPPED, result)


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


def scored(run: RunFolder, places: Places, quick: bool) -> dict[str, Any]:
    """Score what ships on the four test splits; return all figures."""
    started = time.monotonic()
    run.export(places.shipped, half=True)
    translator = Translator.load(places.shipped, device="cpu")
    data = run.config.data
    exact = {}
    for split in splits_of(data):
        text = load_split(data, split)
        if quick:
            text = ParallelText(text.src[:N_QUICK], text.tgt[:N_QUICK])
        exact[split] = percent_exact(translator, text, None)
    history = evaluations(run)
    seconds = times(history, time.monotonic() - started)
    return {
        "steps": history[-1]["step"],
        "parameters": sum(p.numel() for p in translator.model.parameters()),
        "bytes": (places.shipped / "model.safetensors").stat().st_size,
        "seconds": seconds,
        "history": history,
        "three_minutes": nearest_to(180, history, seconds["prepare"]),
        "exact_match": exact,
    }


def main(arguments: list[str] | None = None) -> None:
    """Train, ship, score, and write the result."""
    started = time.monotonic()
    options = Parser(__doc__, "SECTION.KEY=VALUE").parse_args(arguments)
    places = Places.of(options)
    config = with_settings(PRESETS["grammar"], options, QUICK)
    note_commit(places.run)
    watcher = watch(config, places.run, started)
    run = trained(config, places.run, on_evaluate=watcher)
    if not is_first_process():
        return
    figures, made = scored(run, places, options.quick), made_with(run)
    n_processes = made["hardware"]["processes"]
    results.write(
        places.result,
        command_line(__file__, options, n_processes=n_processes),
        config.to_dict(),
        figures=figures,
        seconds=figures["seconds"]["total"],
        made_with=made,
    )
    print(json.dumps(figures["exact_match"], indent=1))


if __name__ == "__main__":
    exit_with(main)

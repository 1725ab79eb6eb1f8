"""A translator of image captions: train on Multi30k, choose on val, score test_2016 once.

    python chapters/experiments/multi30k.py
    torchrun --nproc-per-node=2 chapters/experiments/multi30k.py    # faster on two cores

It trains the preset "multi30k" in runs/multi30k (the same command again goes on; a finished run is
only scored), chooses the length penalty on val, and scores test_2016 by the protocol of published
results: lowercased tokenised text, sacrebleu with tokenize='none'. The result is
chapters/results/multi30k.json.

`--preset published` trains that recipe in runs/published instead, and decodes as it was published;
`--run FOLDER` trains or scores another run, with a result of that name; `--set train.steps=100`
changes a setting of a new run; `--into FOLDER` writes the result there.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformer_lib.config import RunConfig
from transformer_lib.data.corpus import ParallelText, load_split
from transformer_lib.evaluation import bleu
from transformer_lib.exits import exit_with
from transformer_lib.presets import PRESETS
from transformer_lib.recipe import examine, padding_of, trained
from transformer_lib.training.distributed import is_first_process, launcher
from transformer_lib.training.run import RunFolder
from transformer_lib.translator import Translator

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "chapters/experiments/multi30k.py"
ALPHAS = (0.0, 0.6, 1.0, 1.5, 2.0, 2.5, 3.0)
PENALTIES = (*(("gnmt", alpha) for alpha in ALPHAS), ("length", 1.0))
CHOICES = {
    "multi30k": PENALTIES,
    "published": (("length", 1.0),),
}  # of each preset
N_SHOWN, SHOWN_SEED = 10, 2016  # set before any translation was seen
SOURCE = (
    "Captions: Multi30k, test_2016 (Elliott et al. 2016), from github.com/multi30k/dataset, for "
    "non-commercial research and educational use; a few are quoted here as examples."
)


def settings(
    run: Path | None, assignments: list[str], preset: str = "multi30k"
) -> RunConfig:
    """Return the settings of the run that is named and there, else the preset's, changed.

    Raises:
        ValueError: a setting is refused, or the run is not of Multi30k.
    """
    config = PRESETS[preset]
    if run and (run / "config.json").exists():
        config = RunFolder.open(run).config
    config = config.with_settings(*assignments)
    if config.data.corpus != "multi30k":
        raise ValueError(
            f"{run or 'data.corpus'} is of {config.data.corpus}, not of multi30k"
        )
    return config


def on_validation(
    translator: Translator,
    valid: ParallelText,
    penalties: Sequence[tuple[str, float]],
) -> list[dict[str, Any]]:
    """Return the scores on val for each length penalty."""
    found = []
    for penalty, alpha in penalties:
        decode = translator.config.decode.updated(
            penalty=penalty, length_penalty=alpha
        )
        scores = count(
            translator, translator.translate(valid.src, decode), valid
        )
        found.append(
            {"penalty": penalty, "length_penalty": alpha, **scores._asdict()}
        )
        print(f"val, {penalty} {alpha}: BLEU {scores.bleu:.2f}", flush=True)
    return found


def count(
    translator: Translator, translations: list[str], text: ParallelText
) -> bleu.Scores:
    """Score by the protocol: a lowercased run reads and writes tokenised text."""
    tokenised = translator.config.data.lowercase
    return bleu.score(translations, text.tgt, tokenised)


def examples(test: ParallelText, translations: list[str]) -> list[dict]:
    """Return a few captions, chosen by a seed alone, with reference and translation."""
    n = min(N_SHOWN, len(test.src))
    rows = sorted(random.Random(SHOWN_SEED).sample(range(len(test.src)), n))
    return [
        {
            "line": row + 1,
            "source": test.src[row],
            "reference": test.tgt[row],
            "translation": translations[row],
        }
        for row in rows
    ]


def scored(
    run: RunFolder, penalties: Sequence[tuple[str, float]] = PENALTIES
) -> dict[str, Any]:
    """Choose the length penalty on val, then translate and score test_2016 with it, once."""
    translator = Translator.load(run.path)
    data = translator.config.data
    started = time.monotonic()
    valid = load_split(data, "valid")
    validation = on_validation(translator, valid, penalties)
    chosen = max(validation, key=lambda scores: scores["bleu"])
    decode = translator.config.decode.updated(
        penalty=chosen["penalty"], length_penalty=chosen["length_penalty"]
    )
    test = load_split(data, "test_2016")
    translations = translator.translate(test.src, decode)
    scores = count(translator, translations, test)
    half = bleu.interval(translations, test.tgt, data.lowercase)
    return {
        "parameters": sum(p.numel() for p in translator.model.parameters()),
        "validation": validation,
        "chosen_on_validation": decode.to_dict(),
        "test_2016": scores._asdict() | {"bleu_95_interval": half},
        "score_seconds": round(time.monotonic() - started, 1),
        "examples": examples(test, translations),
        "source_of_examples": SOURCE,
    }


def told(run: RunFolder) -> dict[str, Any]:
    """Return what the run folder tells of the training: settings, curve, versions, time."""
    history = run.metrics()
    packages = {name: version(name) for name in ("sacrebleu", "tokenizers")}
    return {
        "config": run.config.to_dict(),
        "environment": run.environment() | packages,
        "steps": history[-1]["step"],
        "seconds": history[-1]["elapsed_s"],
        "curve": history,
    }


def main(arguments: list[str] | None = None) -> None:
    """Train, choose, score, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--preset", choices=CHOICES, default="multi30k")
    which.add_argument("--run", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--set", action="append", default=[], metavar="SECTION.KEY=VALUE"
    )
    parser.add_argument(
        "--into", type=Path, default=ROOT / "chapters" / "results"
    )
    options = parser.parse_args(arguments)
    path = options.run or ROOT / "runs" / options.preset
    config = settings(options.run, options.set, options.preset)
    run = trained(config, path)
    if not is_first_process():
        return
    prepared = examine(config, path, say=lambda _: None)
    words = [f"--set {assignment}" for assignment in options.set]
    if options.run:
        words = [f"--run {path.name}", *words]
    if options.preset != "multi30k":
        words = [f"--preset {options.preset}", *words]
    past = told(run)
    result = {
        "command": " ".join(
            [launcher(past["environment"]["processes"]), SCRIPT, *words]
        ),
        **past,
        "padding_share": padding_of(prepared),
        **scored(run, CHOICES[options.preset]),
    }
    file = options.into / f"{path.name}.json"
    text = json.dumps(result, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")
    print(json.dumps(result["test_2016"], indent=1))


if __name__ == "__main__":
    exit_with(main)

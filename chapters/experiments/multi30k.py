"""A translator of image captions: train on Multi30k, choose on val, score test_2016 once.

    python chapters/experiments/multi30k.py
    torchrun --nproc-per-node=2 -- chapters/experiments/multi30k.py    # faster on two cores

It trains the preset "multi30k" in runs/multi30k (the same command again goes on; a finished run is
only scored), chooses the length penalty on val, and scores test_2016 by the protocol of published
results: lowercased tokenised text, sacrebleu with tokenize='none'. The result is
chapters/results/multi30k.json.

`--preset published` trains that recipe in runs/published instead, and decodes as it was published;
`--run FOLDER` trains or scores a run of another name, with a result of that name;
`--set train.steps=100` changes a setting of a new run; `--into FOLDER` writes the result there;
`--quick` rehearses it in runs/quick.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformer_lib.config import RunConfig
from transformer_lib.data.corpus import ParallelText, load_split
from transformer_lib.evaluation import bleu
from transformer_lib.exits import exit_with
from transformer_lib.presets import PRESETS
from transformer_lib.recipe import examine, padding_of, trained
from transformer_lib.training.distributed import is_first_process
from transformer_lib.training.run import RunFolder
from transformer_lib.translator import Translator
from transformer_lib.workbench import results
from transformer_lib.workbench.options import (
    Parser,
    command_line,
    made_with,
    note_commit,
    result_file,
    run_folder,
    told_folder,
    with_settings,
)
from transformer_lib.workbench.programme import Made

BFLOAT16 = ("--set", "train.precision=bfloat16")
RESULTS = (
    Made("multi30k", 1.3, BFLOAT16, processes=2),
    Made("published", 2.0, ("--preset", "published", *BFLOAT16), processes=2),
)
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


def settings(options: argparse.Namespace) -> RunConfig:
    """Return the settings of the run that is named and there, else the preset's, changed.

    Raises:
        ValueError: the run is not of Multi30k.
    """
    config, run = PRESETS[options.preset or "multi30k"], options.run
    if run and not options.preset and (run / "config.json").exists():
        config = RunFolder.open(run).config
    config = with_settings(config, options)
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
    """Return what the run folder tells of the training: updates, time, curve."""
    history = run.metrics()
    return {
        "steps": history[-1]["step"],
        "train_seconds": history[-1]["elapsed_s"],
        "curve": history,
    }


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options; without `--run`, the run is that of the preset."""
    parser = Parser(__doc__, "SECTION.KEY=VALUE")
    parser.add_argument("--preset", choices=CHOICES)
    parser.add_argument("--run", type=Path, metavar="FOLDER")
    return parser.parse_args(arguments)


def command(options: argparse.Namespace, n_processes: int) -> str:
    """Return the command as it is recorded."""
    preset = [f"--preset {options.preset}"] if options.preset else []
    run = [f"--run {told_folder(options.run)}"] if options.run else []
    return command_line(__file__, options, [*preset, *run], n_processes)


def main(arguments: list[str] | None = None) -> None:
    """Train, choose, score, and write the result."""
    options = parse(arguments)
    preset = options.preset or "multi30k"
    path = options.run or run_folder(preset, options)
    config = settings(options)
    note_commit(path)
    run = trained(config, path)
    if not is_first_process():
        return
    prepared, made = examine(config, path, say=lambda _: None), made_with(run)
    figures = {
        **told(run),
        "padding_share": padding_of(prepared),
        **scored(run, CHOICES[preset]),
    }
    results.write(
        result_file(path.name, options),
        command(options, made["hardware"]["processes"]),
        run.config.to_dict(),
        figures=figures,
        seconds=round(figures["train_seconds"] + figures["score_seconds"], 1),
        made_with=made,
    )
    print(json.dumps(figures["test_2016"], indent=1))


if __name__ == "__main__":
    exit_with(main)

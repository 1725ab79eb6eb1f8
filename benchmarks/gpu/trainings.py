"""A recipe, trained with a seed: how long it took, how good it is, and when it became so good."""

import shutil
import statistics
import time
from pathlib import Path

import torch
from torch import nn

from benchmarks.gpu.sizes import Figures, Sizes, Way, settings_of
from transformer_lib.config import RunConfig
from transformer_lib.data.corpus import VALID, ParallelText, corpus_of, load_split, splits_of
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.evaluation import bleu
from transformer_lib.models import build_model
from transformer_lib.recipe import train_run
from transformer_lib.training import checkpoint
from transformer_lib.training.files import read_tensors
from transformer_lib.training.run import RunFolder
from transformer_lib.translator import Translator

GOAL = 41.0  # BLEU on validation
KEPT = "translator"  # where the weights of the first run stay, for decoding


def train(recipe: str, seed: int, way: Way, sizes: Sizes, work: Path) -> Figures:
    """Train a run to its end, going on where it stopped, and score it; on SIGTERM stop before.

    The first of ours is scored on validation while it trains, and its weights are kept.

    Args:
        recipe: which.
        seed: of everything that is drawn.
        way: how updates are computed.
        sizes: how much is scored.
        work: where the run's folder lies; it is deleted when the run is done.
    """
    config = settings_of(recipe, sizes, way, seed)
    folder, watched = work / f"{recipe}-{seed}-{way.precision}", (recipe, seed) == ("multi30k", 1)
    for other in {*work.glob(f"{recipe}-{seed}-*")} - {folder}:  # begun in a way that failed
        shutil.rmtree(other)
    watch = scorer(config, folder, sizes) if watched else None
    outcome = train_run(config, folder, quiet=True, on_evaluate=watch)
    run = RunFolder.open(folder)
    figures = told(run.metrics())
    if outcome.reason == "interrupted":
        return {**figures, "stopped_at": outcome.step}
    figures |= scored(folder, sizes)
    if watched:
        run.export(work / KEPT, half=True)
    shutil.rmtree(folder)
    return figures


def scored(folder: Path, sizes: Sizes) -> Figures:
    """Return the scores of a trained run on validation and, once, on the test split."""
    began, translator = time.perf_counter(), Translator.load(folder)
    config = translator.config
    found: Figures = {"parameters": sum(p.numel() for p in translator.model.parameters())}
    n_whole = len(checkpoint.checkpoints(folder / "checkpoints", interrupted=False))
    found["checkpoints_averaged"] = min(n_whole, config.train.average)
    for kind, split in (("valid", VALID), ("test", splits_of(config.data)[0])):
        text = some_text(config, split, sizes)
        lines = translate(translator, text, sizes)
        found[kind] = {
            "split": split,
            **bleu.score(lines, text.tgt, corpus_of(config.data).tokenised)._asdict(),
            "bleu_95_interval": bleu.interval(lines, text.tgt, corpus_of(config.data).tokenised),
        }
    return {**found, "translations": lines, "score_s": time.perf_counter() - began}


def some_text(config: RunConfig, split: str, sizes: Sizes) -> ParallelText:
    """Return what is translated of a split."""
    text = load_split(config.data, split)
    return ParallelText(text.src[: sizes.sentences], text.tgt[: sizes.sentences])


def translate(translator: Translator, text: ParallelText, sizes: Sizes) -> list[str]:
    """Translate by the search of the recipe."""
    how = translator.config.decode.updated(batch_size=sizes.batch_size)
    return translator.translate(text.src, how)


def scorer(config: RunConfig, folder: Path, sizes: Sizes):
    """Return what scores the averaged weights on validation while a run trains.

    The time that this takes is recorded beside the score, so that it can be left out.
    """
    text = some_text(config, VALID, sizes)

    def on_evaluate(model: nn.Module, step: int) -> dict[str, float]:
        if step % sizes.score_every and step != config.train.steps:
            return {}
        began = time.perf_counter()
        twin = build_model(config.model).to(next(model.parameters()).device)
        checkpoint.load_weights(twin, averaged(model, config, folder, step))
        translator = Translator(twin, Tokenizer.load(folder / "tokenizer.json"), config)
        lines = translate(translator, text, sizes)
        score = bleu.score(lines, text.tgt, corpus_of(config.data).tokenised).bleu
        return {"valid_bleu": score, "scoring_s": time.perf_counter() - began}

    return on_evaluate


def averaged(
    model: nn.Module, config: RunConfig, folder: Path, step: int
) -> dict[str, torch.Tensor]:
    """Return the mean of the model, whose checkpoint is not written yet, and those before it."""
    paths = [path for path in checkpoint.checkpoints(folder / "checkpoints", interrupted=False)
             if checkpoint.step_of(path) < step]  # fmt: skip
    paths = paths[len(paths) - min(len(paths), config.train.average - 1) :]
    found = [{name: w.cpu() for name, w in checkpoint.weights(model).items()}]
    found += [read_tensors(path / checkpoint.MODEL) for path in paths]
    return {
        name: torch.stack([weights[name].double() for weights in found]).mean(dim=0).to(w.dtype)
        for name, w in found[0].items()
    }


def told(metrics: list[Figures]) -> Figures:
    """Return the speed, the curve, and the seconds of training that it took to become so good.

    Saving and the validation loss count as training; scoring does not.
    """
    points, scoring = [], 0.0
    for record in metrics:
        scoring += record.get("scoring_s", 0.0)
        names = ("valid_nll", "accuracy", "valid_bleu")
        told = {name: record[name] for name in names if name in record}
        at = round(record["elapsed_s"] - scoring, 2)
        points.append({"step": record["step"], "train_s": at, **told})
    curve = [point for point in points if "valid_nll" in point]
    reached = [point for point in curve if point.get("valid_bleu", 0.0) >= GOAL]
    speeds = [record["tokens_per_s"] for record in metrics if "tokens_per_s" in record]
    return {
        "steps": points[-1]["step"] if points else 0,
        "train_s": points[-1]["train_s"] if points else 0.0,
        "tokens_per_s": statistics.median(speeds) if speeds else None,
        "goal": GOAL,
        "seconds_to_goal": reached[0]["train_s"] if reached else None,
        "curve": curve,
    }

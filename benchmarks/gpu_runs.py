"""A recipe, trained with a seed and scored on the test split, with the time that it took."""

import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from transformer_lib.config import RunConfig
from transformer_lib.data.corpus import VALID, ParallelText, load_split, splits_of
from transformer_lib.evaluation import bleu
from transformer_lib.presets import PRESETS
from transformer_lib.recipe import train_run
from transformer_lib.training.run import RunFolder
from transformer_lib.translator import Translator

Figures = dict[str, Any]


class Sizes(NamedTuple):
    """How much is measured."""

    matrix: int  # rows of the matrices whose product gives the peak
    seconds: float  # of products, and of the tutorial's training
    updates: int  # of ours, to measure the speed
    sentences: int | None  # to translate; None: the whole split
    curve: int  # how many evaluations of the first seed are scored
    batch_size: int  # sentences translated at a time
    settings: tuple[str, ...]  # what is changed in the presets


FULL = Sizes(8_192, 10.0, 600, None, 12, 500, ())
TINY = Sizes(
    64, 0.05, 6, 4, 2, 4,
    ("model.d_model=16", "model.n_heads=2", "model.n_encoder_layers=1", "model.n_decoder_layers=1",
     "model.d_ff=16", "data.n_pieces=400", "data.n_pairs=200", "train.steps=6",
     "train.warmup=2", "train.log_every=2", "train.evaluate_every=2", "train.average=2"),
)  # fmt: skip


def settings_of(preset: str, sizes: Sizes, seed: int = 1) -> RunConfig:
    """Return the settings of a run; the seed is that of the weights, of dropout and of the order.

    Raises:
        KeyError: there is no such preset.
    """
    config = PRESETS[preset]
    return config.with_settings(*sizes.settings, f"train.seed={seed}", f"data.seed={seed}")


def test_text(config: RunConfig, sizes: Sizes) -> ParallelText:
    """Return what is translated: the corpus's first test split."""
    text = load_split(config.data, [*splits_of(config.data), VALID][0])
    return ParallelText(text.src[: sizes.sentences], text.tgt[: sizes.sentences])


def is_tokenised(config: RunConfig) -> bool:
    """Whether the text is counted as it is, by the protocol of published scores."""
    return config.data.corpus == "multi30k" and config.data.lowercase


def score(translator: Translator, sizes: Sizes) -> tuple[list[str], bleu.Scores]:
    """Translate the test split with the run's own search; return the translations and scores."""
    text, config = test_text(translator.config, sizes), translator.config
    lines = translator.translate(text.src, config.decode.updated(batch_size=sizes.batch_size))
    return lines, bleu.score(lines, text.tgt, is_tokenised(config))


def curve(config: RunConfig, folder: Path, sizes: Sizes):
    """Return what scores the run while it trains: the mean of its last checkpoints on the test.

    The checkpoint of the present step is not written yet, so the score is an evaluation late. It
    decides nothing; it shows when a score was reached. The time it takes is recorded beside it.
    """
    n_evaluations = config.train.steps // config.train.evaluate_every
    stride = max(1, n_evaluations // sizes.curve) * config.train.evaluate_every

    def on_evaluate(_: nn.Module, step: int) -> dict[str, float]:
        if step % stride or step == config.train.evaluate_every:
            return {}
        began = time.perf_counter()
        scores = score(Translator.load(folder), sizes)[1]
        return {"test_bleu": scores.bleu, "scoring_s": time.perf_counter() - began}

    return on_evaluate


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Ask the training inside to stop after so many seconds; it then saves where it is."""
    over = threading.Event()

    def ask() -> None:
        over.wait(max(0.0, seconds))
        while not over.wait(0.2):  # what comes before training has begun is not heard
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, lambda *_: None)
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGTERM, before)


class Unfinished(Exception):
    """The time of this part is over; what was trained lies in the work folder."""


def one_run(config: RunConfig, folder: Path, sizes: Sizes, seconds: float) -> Figures:
    """Train a run to its end, going on where it stopped, and score it on the test split.

    Raises:
        Unfinished: it would take longer than `seconds`.
    """
    first = config.train.seed == 1
    with ended_after(seconds):
        watch = curve(config, folder, sizes) if first else None
        if train_run(config, folder, quiet=True, on_evaluate=watch).reason == "interrupted":
            raise Unfinished
    began = time.perf_counter()
    translator = Translator.load(folder)
    lines, scores = score(translator, sizes)
    metrics = RunFolder.open(folder).metrics()
    speeds = [record["tokens_per_s"] for record in metrics if "tokens_per_s" in record]
    text = test_text(config, sizes)
    return {
        "parameters": sum(p.numel() for p in translator.model.parameters()),
        "train_s": training_seconds(metrics)[-1],
        "tokens_per_s": statistics.median(speeds),
        **milestones(metrics),
        "curve": [point for point in timed(metrics) if "valid_nll" in point],
        "scores": scores._asdict(),
        "interval": bleu.interval(lines, text.tgt, is_tokenised(config)),
        "score_s": time.perf_counter() - began,
        "translations": lines,
    }


def training_seconds(metrics: list[Figures]) -> list[float]:
    """Return the seconds of training at each record: validation and saving included.

    What scoring on the test split took is not.
    """
    seconds, scoring = [], 0.0
    for record in metrics:
        scoring += record.get("scoring_s", 0.0)
        seconds.append(round(record["elapsed_s"] - scoring, 2))
    return seconds


def timed(metrics: list[Figures]) -> list[Figures]:
    """Return step, seconds of training, and what was found there."""
    names = ("valid_nll", "accuracy", "test_bleu")
    return [
        {"step": record["step"], "train_s": at, **{n: record[n] for n in names if n in record}}
        for record, at in zip(metrics, training_seconds(metrics), strict=True)
    ]


def milestones(metrics: list[Figures], bleu_goal: float = 41.0) -> Figures:
    """Return the best validation loss, and the seconds to come near it and to reach BLEU 41."""
    points = timed(metrics)
    best = min(point["valid_nll"] for point in points if "valid_nll" in point)
    near = next(p["train_s"] for p in points if p.get("valid_nll", best + 1) <= best + 0.01)
    reached = (p["train_s"] for p in points if p.get("test_bleu", 0.0) >= bleu_goal)
    return {"best_valid_nll": best, "seconds_to_within_0.01_nats": near,
            f"seconds_to_bleu_{bleu_goal:g}": next(reached, None)}  # fmt: skip

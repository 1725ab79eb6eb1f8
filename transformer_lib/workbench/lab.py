"""The lab run: one short standard training, of which chapters vary one thing at a time.

So the paper's Table 3 works: a base model, and rows that differ from it in one thing. A lab run is
a few minutes on one core, and it ends where something can still be lost: a run that gets everything
right would hide every difference. Same seed means the same order of the data, the same dropout,
and, as far as the change leaves the model's parameters as they are, the same initial weights; so
differences are taken seed by seed.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from transformer_lib.config import AnyModelConfig, RunConfig
from transformer_lib.data.batching import Batches
from transformer_lib.data.pairs import EncodedPairs
from transformer_lib.models import build_model
from transformer_lib.training.loop import train
from transformer_lib.workbench.cost.timing import one_thread
from transformer_lib.workbench.cut_corpus import CutCorpus, cut_corpus
from transformer_lib.workbench.split_scores import read_split, translate_split
from transformer_lib.workbench.stopwatch import Stopwatch
from transformer_lib.workbench.variant import changed, fixed

Build = Callable[[AnyModelConfig], nn.Module]
VALID = "valid"


@dataclass(frozen=True)
class Lab:
    """A standard training, and what is measured of it.

    Its length is a number of target tokens, so that a variant with other batches or other pieces
    learns from as much text; `dataclasses.replace` makes a shorter one.
    """

    config: RunConfig
    target_tokens: int  # to train on, EOS counted, padding not
    splits: tuple[str, ...]  # to read, besides "valid"
    translated: Mapping[str, int]  # of which splits so many sentences are translated
    n_points: int = 8  # of the loss curve

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` takes back: what a result records of the lab."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        translated = dict(self.translated)
        return fields | {
            "config": self.config.to_dict(),
            "splits": [*self.splits],
            "translated": translated,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Lab":
        """Build from what `to_dict` returned."""
        config = RunConfig.from_dict(values["config"])
        return cls(**{**values, "config": config, "splits": tuple(values["splits"])})


class Trained(NamedTuple):
    """A model that a lab run trained, with what it was trained on and how it went."""

    model: nn.Module  # in eval mode
    config: RunConfig
    corpus: CutCorpus
    target_tokens: int  # that it was trained on; the same tokens of a later epoch count again
    curve: list[dict[str, Any]]
    cpu_s: float  # of training alone


def lab_run(
    lab: Lab,
    seed: int,
    changes: Sequence[str] = (),
    build: Build = build_model,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Train one variant from one seed and measure it: one job of an experiment.

    Args:
        lab: the standard training.
        seed: of the initial weights, the order of the data, and dropout.
        changes: what the variant changes, as `section.key=value`; "model.family=rnn" takes another
            family, which keeps the settings that it knows too.
        build: makes the model from its settings; give your own to replace a part of it.
        cache: where the cut corpus is kept; None is the user's cache.

    Returns:
        Plain values, ready for JSON. One that diverged has only "diverged", the reason; in others
        that is None.

    Raises:
        OSError: the corpus cannot be read, downloaded or kept.
        ValueError: a change is refused.
    """
    try:
        trained = train_lab(lab, seed, changes, build, cache)
    except FloatingPointError as error:
        return {"diverged": str(error)}
    return {"diverged": None, **figures(lab, trained)}


@one_thread()
def train_lab(
    lab: Lab,
    seed: int,
    changes: Sequence[str] = (),
    build: Build = build_model,
    cache: Path | None = None,
) -> Trained:
    """Train one variant, for a chapter that measures something else of it.

    Args:
        lab: as in `lab_run`.
        seed: as in `lab_run`.
        changes: as in `lab_run`.
        build: as in `lab_run`.
        cache: as in `lab_run`.

    Raises:
        FloatingPointError: training diverged.
        KeyboardInterrupt: it was interrupted, so there is no model to measure.
        OSError: as `lab_run`.
        ValueError: as `lab_run`.
    """
    config = changed(lab.config, changes)
    corpus = cut_corpus(config.data, (VALID, *lab.splits), cache)
    mean_tokens = tokens_of_an_update(corpus.train, config)
    every = max(1, round(lab.target_tokens / mean_tokens / lab.n_points))  # updates
    config = fixed(config, seed, every, every * lab.n_points)
    batches = Batches(corpus.train, config.data.batch_tokens, seed)
    torch.manual_seed(seed)
    model, watch = build(config.model), Stopwatch()

    def look(model: nn.Module, step: int) -> dict[str, float]:
        seconds = round(watch.seconds(), 1)
        with watch.paused():
            reading = read_split(model, corpus.tokenizer, corpus.splits[VALID])
        return {"valid_loss": reading.loss, "word_accuracy": reading.word_accuracy,
                "cpu_s": seconds}  # fmt: skip

    outcome = train(model, batches, (), config.train, config.model.d_model, on_evaluate=look)
    if outcome.reason == "interrupted":  # the loop ends in order; what it left is no lab run
        raise KeyboardInterrupt
    n_tokens = round(mean_tokens * config.train.steps)
    curve = points(outcome.history)
    return Trained(model.eval(), config, corpus, n_tokens, curve, watch.seconds())


def tokens_of_an_update(pairs: EncodedPairs, config: RunConfig) -> float:
    """Return the mean number of target tokens of an update, whatever the seed of the run."""
    n_batches = len(Batches(pairs, config.data.batch_tokens, seed=0))  # of an epoch
    return float(pairs.lengths[:, 1].sum()) / n_batches * config.train.accumulate


@one_thread()
def figures(lab: Lab, trained: Trained) -> dict[str, Any]:
    """Return everything that is measured of a lab run, as plain values by figure and split."""
    model, config, corpus = trained.model, trained.config, trained.corpus
    watch = Stopwatch()
    readings = {
        name: read_split(model, corpus.tokenizer, split)._asdict()
        for name, split in corpus.splits.items()
    }
    translations = {
        name: translate_split(model, corpus.tokenizer, config, corpus.splits[name], n)._asdict()
        for name, n in lab.translated.items()
    }
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "updates": config.train.steps,
        "target_tokens": trained.target_tokens,
        "epochs": trained.target_tokens / int(corpus.train.lengths[:, 1].sum()),
        "train_cpu_s": round(trained.cpu_s, 1),
        "score_cpu_s": round(watch.seconds(), 1),
        **by_figure(readings),
        **by_figure(translations),
        "curve": trained.curve,
    }


def by_figure(of_splits: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Turn split, figure, value into figure, split, value."""
    names = next(iter(of_splits.values()), {})
    return {name: {split: figures[name] for split, figures in of_splits.items()} for name in names}


def points(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the loss curve: at each point the mean training loss since the one before it."""
    found: dict[int, dict[str, Any]] = {}
    for record in history:
        found.setdefault(record["step"], {}).update(record)
    names = {"step": "update", "nll": "train_loss", "valid_loss": "valid_loss",
             "word_accuracy": "word_accuracy", "lr": "rate", "cpu_s": "cpu_s"}  # fmt: skip
    return [{new: point[old] for old, new in names.items()} for point in found.values()]

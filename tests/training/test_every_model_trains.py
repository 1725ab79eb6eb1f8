"""Every family, with every pair of options, in both precisions, updates and validates."""

import dataclasses
from itertools import product

import pytest
import torch
from tiny_run import MODEL, configuration, pairs, tiny_model, train_tiny

from transformer_lib.config import ConvS2SConfig, ModelConfig, RNNConfig
from transformer_lib.data.resident import ResidentBatches

OPTIONS = {
    "norm": ("layer", "batch", "masked_batch"),
    "norm_order": ("post", "pre"),
    "positions": ("sinusoidal", "learned", "none"),
    "window": (None, 3),
    "tie_embeddings": (True, False),
    "attention_dropout": (0.0, 0.2),
}
RIVALS = [
    RNNConfig(20, 16),
    RNNConfig(20, 16, cell="gru", attention=False, n_layers=2),
    ConvS2SConfig(20, 16, 1, 1),
    ConvS2SConfig(20, 16, 2, 2, kernel_size=5, tie_embeddings=False),
]  # fmt: skip


def transformers() -> list[ModelConfig]:
    """Return models in which every two values of two options meet."""
    names, chosen = [*OPTIONS], []
    every = [dict(zip(names, values, strict=True)) for values in product(*OPTIONS.values())]

    def meetings(options: dict) -> set:
        return {(a, options[a], b, options[b]) for a in names for b in names if a < b}

    wanted = set().union(*map(meetings, every))
    while wanted:
        best = max(every, key=lambda options: len(meetings(options) & wanted))
        wanted -= meetings(best)
        chosen.append(MODEL.updated(**best, max_length=16))
    return chosen


def told(config) -> str:
    """Return what differs from the default, as the name of a test."""
    changed = [str(v) for n, v in config.to_dict().items() if v != getattr(type(config)(), n)]
    return f"{type(config).__name__} {' '.join(changed[1:])}"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", [*transformers(), *RIVALS], ids=told)
def test_it_trains(model, precision):
    config = configuration(steps=2, log_every=1, evaluate_every=2, precision=precision)
    config = dataclasses.replace(config, model=model)
    trained, outcome = train_tiny(config)
    assert (outcome.step, outcome.reason) == (2, "finished")
    assert {"loss", "valid_nll"} <= {name for record in outcome.history for name in record}
    before = dict(tiny_model(config).named_parameters())
    for name, parameter in trained.named_parameters():
        assert parameter.isfinite().all(), name
        assert parameter.dtype == torch.float32
        assert not torch.equal(parameter, before[name]), f"{name} has not moved"


@pytest.mark.parametrize("settings", [{"accumulate": 2}, {"clip_norm": 0.5}, {"consistency": 1.0}])
@pytest.mark.parametrize("model", [MODEL, RIVALS[0], RIVALS[-1]], ids=told)
def test_it_trains_with_the_options_of_training(model, settings):
    config = dataclasses.replace(configuration(steps=2, **settings), model=model)
    _, outcome = train_tiny(config)
    assert outcome.reason == "finished"


def test_resident_batches_train_a_windowed_model():
    config = dataclasses.replace(configuration(steps=2), model=MODEL.updated(window=3))
    batches = ResidentBatches(pairs(60, seed=0), config.data.batch_tokens, config.train.seed)
    assert train_tiny(config, batches=batches)[1].reason == "finished"

"""What every case shares: the model, the text, the pieces, the search, and how much is measured."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from transformer_lib.config import DecodeConfig, RunConfig, TrainConfig
from transformer_lib.data.corpus import load_split
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.presets import PRESETS
from transformer_lib.recipe import Prepared, examine, train_run
from transformer_lib.training.files import read_tensors

ROOT = Path(__file__).resolve().parents[1]
PEER_LR = 5e-4  # constant: what the peers learn is thrown away
TUTORIAL_BATCH = 128  # random sentences
TEXT = PRESETS["multi30k"].data


class Sizes(NamedTuple):
    """How much is measured."""

    rounds: int  # every case once in each, so that a slow minute meets all of them
    weight_updates: int  # of ours, for the weights that all decoders share
    warmup_updates: int  # not measured
    seconds: float  # of training, after these
    sentences: int  # to translate in batches
    single_sentences: int  # to translate one at a time
    typed: int  # sentences typed at the command line


FULL = Sizes(3, 300, 3, 12.0, 400, 100, 20)
QUICK = Sizes(1, 5, 1, 0.1, 8, 2, 2)


def config(sizes: Sizes) -> RunConfig:
    """Return the settings of the run whose weights are exported.

    Post-norm, as the peers have it, so that all of them hold the same function.
    """
    preset = PRESETS["small"]
    return dataclasses.replace(
        preset,
        model=preset.model.updated(norm_order="post"),
        data=preset.data.updated(corpus=TEXT.corpus, lowercase=TEXT.lowercase),
        train=TrainConfig(
            steps=sizes.weight_updates,
            warmup=max(1, sizes.weight_updates // 4),
            peak_lr=2e-3,
            evaluate_every=sizes.weight_updates,
            average=1,
            precision="float32",
            device="cpu",
        ),
        decode=DecodeConfig(beam_size=5, length_penalty=1.0, penalty="length", batch_size=40),
    )


def folder(sizes: Sizes) -> Path:
    """Return where the weights, the pieces and the outputs are kept; git does not see it."""
    return ROOT / "runs" / ("benchmark" if sizes is FULL else "benchmark_quick")


def make_weights(sizes: Sizes) -> None:
    """Train ours for a few updates, unless that is done."""
    train_run(config(sizes), folder(sizes), quiet=True)


def load_weights(sizes: Sizes) -> dict[str, Tensor]:
    """Return our trained weights."""
    return read_tensors(folder(sizes) / "model.safetensors")


def prepared(sizes: Sizes) -> Prepared:
    """Return the corpus, cut into the pieces of the run."""
    return examine(config(sizes), folder(sizes), say=lambda line: None)


def test_lines(n_sentences: int) -> list[str]:
    """Return sentences spread over test_2016."""
    lines = load_split(TEXT, "test_2016").src
    return lines[:: max(1, len(lines) // n_sentences)][:n_sentences]


def sources(sizes: Sizes, n_sentences: int) -> list[list[int]]:
    """Return these sentences in our ids, each ending in EOS, the longest first."""
    tokenizer = Tokenizer.load(folder(sizes) / "tokenizer.json")
    return sorted(tokenizer.encode_batch(test_lines(n_sentences)), key=len, reverse=True)

"""A training of a few seconds, and a process that starts it again and again without a new import.

`python tiny_run.py FOLDER [SETTING...]` trains once, also under torchrun. Without arguments it
reads such lines from standard input; for each it forks, trains in the child, and prints the
child's process id, then how it ended.
"""

import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from transformer_lib.config import EOS, DataConfig, ModelConfig, RunConfig, TrainConfig
from transformer_lib.data.batching import Batch, Batches, evaluation_batches
from transformer_lib.data.pairs import EncodedPairs
from transformer_lib.models import build_model
from transformer_lib.training.distributed import World
from transformer_lib.training.loop import Outcome, gradient_adder, train
from transformer_lib.training.run import RunFolder

# For a process of its own: this library, installed or not, and one thread.
ENVIRONMENT = {
    **os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"
}  # fmt: skip
MODEL = ModelConfig(d_model=16, n_heads=2, n_encoder_layers=1, n_decoder_layers=1, d_ff=32)
TRAIN = TrainConfig(
    steps=12, warmup=5, peak_lr=3e-3, log_every=2, evaluate_every=4, average=2, device="cpu"
)


def configuration(*settings: str, **train_settings: object) -> RunConfig:
    """Return the tiny run, changed by `group.key=value` or by settings of training."""
    data = DataConfig(batch_tokens=64, n_pieces=20)
    config = RunConfig(model=MODEL, data=data, train=TRAIN.updated(**train_settings))
    config = config.with_settings(*settings)
    return config


def pairs(n: int, seed: int) -> EncodedPairs:
    """Return random sentences whose translation is the sentence backwards."""
    source = np.random.default_rng(seed)
    rows = [source.integers(3, 20, source.integers(1, 9)).tolist() for _ in range(n)]
    return EncodedPairs([(row, [*row[::-1], EOS]) for row in rows])


def tiny_model(config: RunConfig) -> nn.Module:
    """Build the model from the seed of the run."""
    torch.manual_seed(config.train.seed)
    return build_model(config.model)


def stream(config: RunConfig, rank: int = 0, size: int = 1) -> Batches:
    """Return the batches to train on."""
    return Batches(pairs(60, seed=0), config.data.batch_tokens, config.train.seed, rank, size)


def valid(rank: int = 0, size: int = 1) -> list[Batch]:
    """Return the batches to validate on."""
    return evaluation_batches(pairs(20, seed=1), 64)[rank::size]


def adder(model: nn.Module, config: RunConfig) -> partial:
    """Return what adds the gradient of a micro-batch, as the loop has it."""
    return gradient_adder(model, model, config.train, torch.device("cpu"))


def train_tiny(
    config: RunConfig,
    run: RunFolder | None = None,
    world: World | None = None,
    batches: Batches | None = None,
    **options,
) -> tuple[nn.Module, Outcome]:
    """Train the tiny model to the end; return it and how training ended."""
    world = world or World()
    model = tiny_model(config)
    batches = batches or stream(config, world.rank, world.size)
    outcome = train(
        model, batches, valid(world.rank, world.size), config.train, config.model.d_model, run,
        world, **options,
    )  # fmt: skip
    return model, outcome


def train_once(folder: str, *settings: str) -> None:
    """Train in a run folder, in as many processes as there are."""
    config = configuration(*settings)
    world = World.from_env(config.train.device)
    run = RunFolder.create(folder, config, write=world.is_main)
    train_tiny(config, run, world)
    world.close()


def serve() -> None:
    """Train once for each line of standard input, in a child process."""
    import torch._dynamo  # (the first step of an optimizer would import it)

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            torch.set_num_threads(1)
            train_once(*line.split())
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    train_once(*sys.argv[1:]) if sys.argv[1:] else serve()

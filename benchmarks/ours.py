"""Ours, by the calls that a user makes."""

import torch

from benchmarks.settings import Sizes, folder
from benchmarks.training import Watch
from transformer_lib.config import DecodeConfig, ModelConfig, TrainConfig
from transformer_lib.data.batching import Batch, Batches
from transformer_lib.data.pairs import EncodedPairs
from transformer_lib.models import build_model
from transformer_lib.recipe import Prepared
from transformer_lib.training.loop import train
from transformer_lib.translator import Translator

FOR_EVER = 10**9


class Watched(Batches):
    """Batches; whoever asks for the next one has ended the update with the last."""

    watch: Watch
    n_tokens: int | None = None

    def __next__(self) -> Batch:
        if self.n_tokens is not None:
            self.watch(self.n_tokens)
        batch = super().__next__()
        self.n_tokens = batch.n_tokens
        return batch


def train_watched(
    model: ModelConfig, pairs: EncodedPairs, batch_tokens: int, how: TrainConfig, watch: Watch
) -> None:
    """Train until the watch has seen enough."""
    batches = Watched(pairs, batch_tokens, how.seed)
    batches.watch = watch
    torch.manual_seed(how.seed)
    how = how.updated(steps=FOR_EVER, evaluate_every=FOR_EVER)
    train(build_model(model), batches, [], how, model.d_model)


def train_in(precision: str, data: Prepared, watch: Watch) -> None:
    """Train the model of the run in that precision."""
    config = data.run.config
    how = config.train.updated(precision=precision)
    train_watched(config.model, data.train, config.data.batch_tokens, how, watch)


def train_float32(data: Prepared, watch: Watch) -> None:
    """Train in float32."""
    train_in("float32", data, watch)


def train_bfloat16(data: Prepared, watch: Watch) -> None:
    """Train in bfloat16, the weights in float32."""
    train_in("bfloat16", data, watch)


class Decoder:
    """Our search, on batches of token ids."""

    def __init__(self, sizes: Sizes, **changes: float | str) -> None:
        self.translator = Translator.load(folder(sizes), device="cpu")
        self.decode: DecodeConfig = self.translator.config.decode.updated(**changes)

    def __call__(self, batch: list[list[int]]) -> list[list[int]]:
        """Translate a batch; outputs have no BOS and no EOS."""
        return [best.words for (best,) in self.translator.search(batch, 1, self.decode)]


def beam(sizes: Sizes) -> Decoder:
    """Return beam search."""
    return Decoder(sizes)


def beam_gnmt(sizes: Sizes) -> Decoder:
    """Return beam search with the length penalty that JoeyNMT has."""
    return Decoder(sizes, penalty="gnmt")


def greedy(sizes: Sizes) -> Decoder:
    """Return greedy search."""
    return Decoder(sizes, beam_size=1)

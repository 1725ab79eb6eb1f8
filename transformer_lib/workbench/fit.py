"""A model learns a toy task in one call, by the library's own training loop."""

from typing import Any, NamedTuple

import torch
from torch import nn

from transformer_lib.config import AnyModelConfig, TrainConfig
from transformer_lib.data.batching import Batch
from transformer_lib.data.toy import Task, ToyBatches, validation
from transformer_lib.models import build_model
from transformer_lib.training.loop import train


class Fitted(NamedTuple):
    """A model that has learned a task, and how well."""

    model: nn.Module  # in eval mode
    accuracy: float  # share of right words of the validation sentences, given those before
    by_length: dict[int, float]  # the same for sources of each length
    history: list[dict[str, Any]]  # loss and speed on the way, as `training.loop.train` records


def fit(
    model: AnyModelConfig | nn.Module,
    task: Task,
    steps: int = 500,
    n_pairs: int = 32,
    seed: int = 1,
    **changes: Any,
) -> Fitted:
    """Train a model on a task and test it on the task's validation sentences.

    The learning rate goes up in the first tenth of the updates and down to zero in the second half.

    Args:
        model: settings, whose vocab_size the task decides, or a `Seq2Seq` of the task's vocab_size.
        task: what to learn, such as `toy.copying()`.
        steps: how many updates.
        n_pairs: how many sentences each update sees.
        seed: of the first weights of a model that is built here, of the sentences, of dropout.
        **changes: other settings of `TrainConfig`, such as peak_lr=1e-3.
    """
    if not isinstance(model, nn.Module):
        torch.manual_seed(seed)
        model = build_model(model.updated(vocab_size=task.vocab_size))
    config = TrainConfig(
        steps=steps, warmup=max(1, steps // 10), peak_lr=1e-2, cooldown=0.5, label_smoothing=0.0,
        clip_norm=1.0, precision="float32", device="cpu", log_every=max(1, steps // 20),
        evaluate_every=steps, seed=seed,
    )  # fmt: skip
    batches = ToyBatches(task, n_pairs, seed)
    outcome = train(model, batches, [], config.updated(**changes), d_model=1)
    model.eval()
    by_length = accuracies(model, task)
    accuracy = sum(by_length.values()) / len(by_length)
    return Fitted(model, accuracy, by_length, outcome.history)


def accuracies(model: nn.Module, task: Task, n_pairs: int = 64) -> dict[int, float]:
    """Return for each length of the task the share of right words, given the right ones before.

    Another `Task` of the same kind tests lengths that the model was not trained on.

    Args:
        model: in eval mode, with the task's vocab_size.
        task: see `validation`.
        n_pairs: how many sentences of each length.
    """
    lengths = range(task.shortest, task.longest + 1)
    batches = validation(task, n_pairs)
    return {n: share_right(model, batch) for n, batch in zip(lengths, batches, strict=True)}


@torch.no_grad()
def share_right(model: nn.Module, batch: Batch) -> float:
    """Return the share of target tokens that the model thinks most likely."""
    predicted = model(batch.src, batch.tgt_in).argmax(dim=-1)
    return predicted.eq(batch.tgt_out).double().mean().item()

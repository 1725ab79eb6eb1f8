"""Save, resume, average (section 6.1: the paper averages the last 5 checkpoints, or 20 for big).

A checkpoint is a folder, `step-00000200` after an evaluation or `stop-00000237` where training
was interrupted. It is written under another name and renamed when it is whole. Nothing is
pickled: tensors are safetensors, the rest is JSON, both with a sha256.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from transformer_lib.files import explain_full_disk, rename, sync_folder, write_synced
from transformer_lib.training.ending import ADVICE
from transformer_lib.training.files import (
    DamagedFile,
    Tensors,
    digest,
    read_state,
    read_tensors,
    state_to_bytes,
    tensors_to_bytes,
)

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"


class Checkpoint(NamedTuple):
    """Everything that training needs to go on as if it had never stopped."""

    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]  # plain values: the step, the place in the data, early stopping


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Return what a checkpoint holds of the model: each parameter once, even if it is tied."""
    named = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {name: named[name].detach() for name in model.state_dict() if name in named}


def load_weights(model: nn.Module, tensors: Tensors, source: str = "the checkpoint") -> None:
    """Copy `tensors` into the model; tied parameters stay tied.

    Raises:
        ValueError: names or shapes differ; the line quotes the first difference.
    """
    expected = weights(model)
    for name in [*expected, *tensors]:
        ours = list(expected[name].shape) if name in expected else "missing"
        theirs = list(tensors[name].shape) if name in tensors else "missing"
        if ours != theirs:
            raise ValueError(
                f"{source} is of another model: {name} is {theirs} there and {ours} here; "
                "build the model with the configuration it was trained with"
            )
    model.load_state_dict(dict(tensors), strict=False)


def require_finite(tensors: Tensors, step: int) -> None:
    """Refuse to save what training could not go on from.

    Raises:
        FloatingPointError: a value is infinite or not a number.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise FloatingPointError(
                f"{name} is not finite after step {step}, so nothing was saved of it; {ADVICE}"
            )


def checkpoint_path(folder: Path, step: int, interrupted: bool = False) -> Path:
    """Name a checkpoint so that names sort by step."""
    return folder / f"{'stop' if interrupted else 'step'}-{step:08d}"


def step_of(path: Path) -> int:
    """Return the step in a checkpoint's name."""
    return int(path.name.rpartition("-")[2])


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint: first whole and on the disk, then under its name."""
    step = step_of(path)
    require_finite(checkpoint.model, step)
    require_finite(checkpoint.optimizer, step)
    temporary = path.with_name(f".{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    digests = {MODEL: digest(checkpoint.model), OPTIMIZER: digest(checkpoint.optimizer)}
    try:
        with explain_full_disk(path.parent):
            temporary.mkdir(parents=True)
            write_synced(temporary / MODEL, tensors_to_bytes(checkpoint.model))
            write_synced(temporary / OPTIMIZER, tensors_to_bytes(checkpoint.optimizer))
            state = {**checkpoint.state, "digests": digests}
            write_synced(temporary / STATE, state_to_bytes(state))
            sync_folder(temporary)
            discard(path)
            rename(temporary, path)
            sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def discard(path: Path) -> None:
    """Delete a checkpoint. It loses its name first, so that a half-deleted one is never read."""
    if path.exists():
        doomed = path.with_name(f".old-{path.name}")
        shutil.rmtree(doomed, ignore_errors=True)
        rename(path, doomed)
        shutil.rmtree(doomed)


def load(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        DamagedFile: truncated, changed, or not ours.
    """
    state = read_state(path / STATE)
    digests = state.pop("digests", {})
    model, optimizer = read_tensors(path / MODEL), read_tensors(path / OPTIMIZER)
    if digests != {MODEL: digest(model), OPTIMIZER: digest(optimizer)}:
        raise DamagedFile(f"{path} mixes files of several checkpoints")
    return Checkpoint(model, optimizer, state)


def checkpoints(folder: Path, interrupted: bool = True) -> list[Path]:
    """Return the checkpoints in `folder`, oldest first; those of interruptions only if asked."""
    kinds = ("step", "stop") if interrupted else ("step",)
    found = [path for kind in kinds for path in folder.glob(f"{kind}-" + "[0-9]" * 8)]
    return sorted(found, key=step_of)


def load_latest(folder: Path, warn: Callable[[str], None]) -> tuple[Path, Checkpoint] | None:
    """Read the newest checkpoint that is whole; None if there never was one.

    Raises:
        ValueError: there are checkpoints, and each of them is damaged.
    """
    paths = checkpoints(folder)
    for path in reversed(paths):
        try:
            return path, load(path)
        except DamagedFile as error:
            warn(f"{error}; trying the checkpoint before it")
    if paths:
        raise ValueError(
            f"none of the {len(paths)} checkpoints in {folder} can be read; "
            "train in a new folder, or delete them to begin again"
        )
    return None


def forget_after(folder: Path, step: int) -> None:
    """Delete checkpoints later than `step`, which were refused, and what a crash left behind."""
    for path in checkpoints(folder):
        if step_of(path) > step:
            discard(path)
    for path in folder.glob(".*"):
        shutil.rmtree(path, ignore_errors=True)


def prune(folder: Path, keep: int, best_step: int | None) -> None:
    """Delete all but the last `keep` checkpoints, the best and the newest."""
    regular = checkpoints(folder, interrupted=False)
    kept = {*regular[-keep:], *checkpoints(folder)[-1:]}
    if best_step is not None:
        kept.add(checkpoint_path(folder, best_step))
    for path in checkpoints(folder):
        if path not in kept:
            discard(path)


def average(paths: Sequence[Path]) -> dict[str, Tensor]:
    """Return the mean of the weights in several checkpoints.

    Raises:
        ValueError: no paths, or weights of different names or shapes.
        DamagedFile: one of them is truncated, changed, or not ours.
    """
    if not paths:
        raise ValueError("there is no checkpoint to average; train until the first evaluation")
    first = read_tensors(paths[0] / MODEL)
    total = {name: tensor.double() for name, tensor in first.items()}
    for path in paths[1:]:
        tensors = read_tensors(path / MODEL)
        if {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in first.items()}:
            raise ValueError(f"{path} and {paths[0]} hold different models; they have no average")
        for name, tensor in tensors.items():
            total[name] += tensor
    # A counter, such as a batch norm's, is rounded down to the type it had.
    return {name: (total[name] / len(paths)).to(first[name].dtype) for name in first}

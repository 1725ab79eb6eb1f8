"""Tensors and states in files that know when a bit of them has flipped."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

Tensors = Mapping[str, Tensor]


class DamagedFile(ValueError):
    """A file is truncated, changed since it was written, or not ours."""


def digest(tensors: Tensors) -> str:
    """Return the sha256 of the tensors' names, types, shapes and values."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()


def tensors_to_bytes(tensors: Tensors) -> bytes:
    """Return a safetensors file that carries the digest of its content.

    safetensors notices a truncated file by itself, a flipped bit not.
    """
    on_host = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return safetensors.torch.save(on_host, metadata={"sha256": digest(on_host)})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read what `tensors_to_bytes` made.

    Raises:
        DamagedFile: missing, truncated, changed, or without a digest, so not written by us.
    """
    try:
        with safe_open(path, framework="pt") as file:
            expected = (file.metadata() or {}).get("sha256")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise DamagedFile(f"{path} cannot be read ({str(error).splitlines()[0]})") from None
    if expected != digest(tensors):
        raise DamagedFile(f"{path} is not as it was written: its sha256 does not match")
    return tensors


def state_to_bytes(state: Mapping[str, Any]) -> bytes:
    """Return a JSON file that carries the digest of its content."""
    text = json.dumps(state, sort_keys=True)
    seal = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({"sha256": seal, "state": state}, sort_keys=True, indent=1).encode()


def read_state(path: Path) -> dict[str, Any]:
    """Read what `state_to_bytes` made.

    Raises:
        DamagedFile: missing, truncated, changed, or not of that form.
    """
    try:
        content = json.loads(path.read_bytes())
        state, expected = content["state"], content["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFile(f"{path} cannot be read ({type(error).__name__}: {error})") from None
    if expected != hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest():
        raise DamagedFile(f"{path} is not as it was written: its sha256 does not match")
    return state

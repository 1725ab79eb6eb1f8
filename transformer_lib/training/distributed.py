"""Where training runs: one process or many, on which device (section 5.2: eight GPUs)."""

import hashlib
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

CPU = torch.device("cpu")


def pick_device(wanted: str, local_rank: int = 0) -> torch.device:
    """Return the device named, or with "auto" the first there is of cuda, mps and cpu.

    Raises:
        ValueError: no such device here.
    """
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
        if wanted == "cpu" and torch.backends.mps.is_available():
            wanted = "mps"
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device {wanted!r} cannot be used here ({reason}); set train.device=auto or cpu"
        ) from None
    return torch.device("cuda", local_rank) if wanted == "cuda" else device


def is_first_process() -> bool:
    """Whether this is the process that speaks and writes; known before and after `World` is."""
    return os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK") == "0"


def launcher(n_processes: str) -> str:
    """Return what starts a script in so many processes of one machine, for the record."""
    return "python" if n_processes == "1" else f"torchrun --nproc-per-node={n_processes}"


@dataclass(frozen=True)
class World:
    """This process among all that train together. `World()` is one process on the CPU."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @classmethod
    def from_env(cls, device: str = "auto") -> "World":
        """Join the processes that `torchrun` started, or be the only one."""
        size = int(os.environ.get("WORLD_SIZE", 1))
        if size == 1:
            return cls(device=pick_device(device))
        local_rank = int(os.environ.get("LOCAL_RANK", 0))
        if device == "auto" and not torch.cuda.is_available():
            device = "cpu"  # several processes cannot share an mps device
        picked = pick_device(device, local_rank)
        if picked.type == "cuda":
            torch.cuda.set_device(picked)
        dist.init_process_group("nccl" if picked.type == "cuda" else "gloo")
        return cls(dist.get_rank(), size, picked)

    @property
    def is_main(self) -> bool:
        """Whether this process writes the files and speaks to the user."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """Add up over the processes, without waiting for the device."""
        if self.size == 1:
            return values
        values = values.to(self.device, copy=True)
        dist.all_reduce(values)
        return values

    def wrap(self, model: nn.Module) -> nn.Module:
        """Move the model to the device; with several processes, have its gradients averaged."""
        model = model.to(self.device)
        if self.size == 1:
            return model
        return DistributedDataParallel(model, gradient_as_bucket_view=True)

    def no_sync(self, model: nn.Module) -> AbstractContextManager[None]:
        """Let gradients add up here without exchanging them yet."""
        return nullcontext() if self.size == 1 else model.no_sync()

    def barrier(self) -> None:
        """Wait until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def close(self) -> None:
        """Leave the group of processes."""
        if self.size > 1:
            dist.destroy_process_group()

    def seed(self, *numbers: int) -> None:
        """Seed this process's random numbers from `numbers` and its rank.

        The loop seeds every update anew from (seed, step), so an update draws the same dropout
        masks whatever was drawn before it, and a resumed run needs no saved random state.
        """
        digest = hashlib.sha256(repr((*numbers, self.rank)).encode()).digest()
        value = int.from_bytes(digest[:4], "big")
        # Not torch.manual_seed: it visits every backend, at a cost for each update.
        torch.default_generator.manual_seed(value)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(value)
        elif self.device.type == "mps":
            torch.mps.manual_seed(value)

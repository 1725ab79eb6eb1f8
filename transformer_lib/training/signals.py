"""Stop when asked: Ctrl-C, or a scheduler's SIGTERM, ends training after the next update."""

import signal
import threading
from types import FrameType

import torch

from transformer_lib.training.distributed import World


class StopSignal:
    """While in use, the first SIGINT or SIGTERM is a request; a second SIGINT stops at once."""

    def __init__(self, world: World, every: int) -> None:
        self.world = world
        self.every = every  # several processes ask each other only after so many steps
        self.received = False
        self.before: dict[int, object] = {}

    def __enter__(self) -> "StopSignal":
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self.before[number] = signal.signal(number, self.receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Remember the request, and hand the signals back to whoever had them."""
        self.received = True
        self.__exit__()

    def wanted(self, step: int) -> bool:
        """Whether to stop now. All processes give the same answer."""
        if self.world.size == 1:
            return self.received
        if step % self.every:
            return False
        return bool(self.world.sum(torch.tensor(float(self.received))).item())

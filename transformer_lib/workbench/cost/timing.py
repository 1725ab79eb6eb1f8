"""How long something takes on one core, and how fast this machine multiplies."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch

SHORTEST = 2e-3  # seconds between two readings of the clock, at least


class Seconds(NamedTuple):
    """The time of one call, in seconds."""

    best: float  # of all times taken: what the work itself needs
    spread: float  # slowest less best: what else happened meanwhile


def seconds(function: Callable[[], Any], repeats: int = 5) -> Seconds:
    """Return the best of several times of a call, on one thread.

    It is processor time, so what other programs do meanwhile hardly counts; nor does waiting, for a
    disk or for a GPU. Call it without gradients, or with the backward pass inside, as you mean it:

        with torch.no_grad():
            best = seconds(lambda: layer(x)).best

    Args:
        function: what to do; it is called once before, to warm up.
        repeats: how many times to take.

    Raises:
        ValueError: no repeat.
    """
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; take the time at least once")
    with one_thread():
        function()
        n_calls = calls_to_time(function)
        times = [time_of(function, n_calls, time.process_time) for _ in range(repeats)]
    return Seconds(min(times), max(times) - min(times))


def calls_to_time(function: Callable[[], Any]) -> int:
    """Return after how many calls a clock is precise enough to be read."""
    n_calls = 1
    while n_calls * time_of(function, n_calls, time.perf_counter) < SHORTEST:
        n_calls *= 2
    return n_calls


def time_of(function: Callable[[], Any], n_calls: int, clock: Callable[[], float]) -> float:
    """Return the seconds of a call, as the mean of so many."""
    began = clock()
    for _ in range(n_calls):
        function()
    return (clock() - began) / n_calls


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread, and on as many as before afterwards."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def matrix_rate(
    size: int, device: torch.device, seconds: float, dtype: torch.dtype = torch.bfloat16
) -> float:
    """Return the operations a second of a large product of random matrices."""
    a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    wait(device)
    n_products, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(10):
            a @ b
        wait(device)
        n_products += 10
    return n_products * 2 * size**3 / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    """Wait until a CUDA device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)

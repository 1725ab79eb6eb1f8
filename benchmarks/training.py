"""One training, watched: tokens per second after a warm-up, fetching and padding included."""

import time
from contextlib import suppress
from importlib import import_module

from benchmarks.settings import Sizes, prepared
from transformer_lib.workbench.cost import peak_mib, resident_mib

# What is called as train(prepared, watch). It trains until `watch` has seen enough.
CASES = {
    "tutorial": ("benchmarks.peers.torch_nn", "train_tutorial"),
    "bucketed": ("benchmarks.peers.torch_nn", "train_bucketed"),
    "joeynmt": ("benchmarks.peers.joey", "train"),
    "marian": ("benchmarks.peers.marian", "train"),
    "ours_float32": ("benchmarks.ours", "train_float32"),
    "ours_bfloat16": ("benchmarks.ours", "train_bfloat16"),
}


class Enough(Exception):
    """Enough was measured."""


class Watch:
    """Called with the number of real target tokens when an update has ended.

    Args:
        warmup_updates: so many updates are not measured, at least 1.
        seconds: how long to measure; an update that has begun is finished.

    Raises:
        Enough: from the call with which the measurement ends.
    """

    def __init__(self, warmup_updates: int, seconds: float) -> None:
        self.warmup_updates, self.seconds = warmup_updates, seconds
        self.n_updates, self.n_tokens, self.elapsed_s = 0, 0, 0.0

    def __call__(self, n_tokens: int) -> None:
        """Count an update."""
        now = time.perf_counter()
        self.n_updates += 1
        if self.n_updates == self.warmup_updates:
            self.began = now
        elif self.n_updates > self.warmup_updates:
            self.n_tokens += n_tokens
            self.elapsed_s = now - self.began
            if self.elapsed_s >= self.seconds:
                self.peak_mib = peak_mib()
                raise Enough


def measure(name: str, sizes: Sizes) -> dict[str, float]:
    """Train the case of that name for a while; return its speed and its memory."""
    module, function = CASES[name]
    train, data = getattr(import_module(module), function), prepared(sizes)
    watch, before = Watch(sizes.warmup_updates, sizes.seconds), resident_mib()
    with suppress(Enough):
        train(data, watch)
    return {
        "tokens_per_s": watch.n_tokens / watch.elapsed_s,
        "updates": watch.n_updates - watch.warmup_updates,
        "peak_mib": watch.peak_mib,
        "peak_above_libraries_and_text_mib": watch.peak_mib - before,
    }

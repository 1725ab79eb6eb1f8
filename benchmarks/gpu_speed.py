"""How fast: our training in several ways, the tutorial's, the machine's matrices, our search.

python -m benchmarks.gpu_speed PRESET SETTING FOLDER [--tiny]    # one training, as a line of JSON
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.gpu_runs import FULL, TINY, Figures, Sizes, settings_of, test_text
from benchmarks.peers import torch_nn
from benchmarks.settings import ROOT
from benchmarks.training import Enough, Watch
from transformer_lib.models import build_model
from transformer_lib.recipe import prepare, training_batches
from transformer_lib.training.distributed import World, pick_device
from transformer_lib.training.loop import train
from transformer_lib.translator import Translator
from transformer_lib.workbench.cost import matrix_rate, training_flops
from transformer_lib.workbench.cost.timing import wait

TESTS = ("tests/training/test_graphs.py", "tests/data/test_resident.py")


def run_tests(seconds: float) -> Figures:
    """Run the tests of resident batches and of graphs, those that need a GPU among them."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds)
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {"passed": done.returncode == 0, "told": lines[-1:], "failed": failed[:10]}


def measure_peak(sizes: Sizes) -> Figures:
    """Return the rate of large matrix products, the peak that shares are shares of."""
    return {"flops_per_s": matrix_rate(sizes.matrix, pick_device("auto"), sizes.seconds)}


def our_speed_apart(preset: str, how: str, sizes: Sizes, work: Path, seconds: float) -> Figures:
    """Do `our_speed` in a process of its own, so that its failure is its own.

    Raises:
        RuntimeError: it failed; its last line is in the error.
        subprocess.TimeoutExpired: it took longer than `seconds`.
    """
    command = [sys.executable, "-m", "benchmarks.gpu_speed", preset, how, str(work.resolve())]
    done = subprocess.run(
        command + ["--tiny"] * (sizes is TINY),
        cwd=ROOT, capture_output=True, text=True, timeout=seconds,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def our_speed(preset: str, how: str, sizes: Sizes, work: Path) -> Figures:
    """Train a preset for a while; return its speed between reports, which wait for the device.

    Args:
        preset: its name.
        how: a setting of training that makes the variant.
        sizes: how long.
        work: where the pieces are kept.
    """
    prepared = prepare(settings_of(preset, sizes), work / f"speed-{preset}", silent)
    config = prepared.run.config.with_settings(f"train.{how}")
    world = World.from_env(config.train.device)
    torch.manual_seed(config.train.seed)
    model = build_model(config.model)
    batches = training_batches(config, prepared.train, world)
    every = max(1, sizes.updates // 12)
    short = config.train.updated(steps=sizes.updates, log_every=every, evaluate_every=10**9)
    outcome = train(model, batches, [], short, config.model.d_model, world=world)
    reports = [record for record in outcome.history if "tokens_per_s" in record]
    later = [record["tokens_per_s"] for record in reports[len(reports) // 2 :]]
    flops = training_flops(config.model, prepared.train, 2 if config.train.consistency else 1)
    return {
        "tokens_per_s": statistics.median(later),
        "flops_per_token": flops,
        "losses": [round(record["loss"], 5) for record in reports],
        "padding_share": batches.padding_share() if hasattr(batches, "padding_share") else None,
        "peak_memory_mib": peak_memory_mib(world.device),
    }


def peak_memory_mib(device: torch.device) -> float | None:
    """Return the most memory that tensors took on a CUDA device."""
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None


def silent(line: str) -> None:
    """Say nothing."""


class DeviceWatch(Watch):
    """A watch that waits for the device before it looks at the time."""

    def __init__(self, seconds: float, device: torch.device) -> None:
        super().__init__(warmup_updates=20 if device.type == "cuda" else 1, seconds=seconds)
        self.device = device

    def __call__(self, n_tokens: int) -> None:
        wait(self.device)
        super().__call__(n_tokens)


def moved(batches: Iterator[tuple[Tensor, ...]], device: torch.device) -> Iterator:
    """Yield the batches, made on the host, on the device."""
    while True:
        with torch.device("cpu"):
            batch = next(batches)
        yield tuple(ids.to(device) for ids in batch)


def tutorial_speed(preset: str, sizes: Sizes, work: Path) -> Figures:
    """Train torch.nn.Transformer of the preset's size by the tutorial's loop, in float32.

    It reads a number from the device after each update, as the tutorials read the loss.
    """
    prepared = prepare(settings_of(preset, sizes), work / f"speed-{preset}", silent)
    device = pick_device("auto")
    watch = DeviceWatch(sizes.seconds, device)
    with suppress(Enough), torch.device(device):
        torch_nn.train(prepared, moved(torch_nn.random_batches(prepared), device), watch)
    updates = watch.n_updates - watch.warmup_updates
    return {"tokens_per_s": watch.n_tokens / watch.elapsed_s, "updates": updates,
            "peak_memory_mib": peak_memory_mib(device)}  # fmt: skip


def decoding_speed(folder: Path, sizes: Sizes) -> Figures:
    """Return output tokens a second of the run's search and of greedy search."""
    translator = Translator.load(folder)
    src, found = test_text(translator.config, sizes).src, {}
    for name, beam_size in (("beam", translator.config.decode.beam_size), ("greedy", 1)):
        for batch_size in sorted({1, 64, sizes.batch_size}):
            how = translator.config.decode.updated(beam_size=beam_size, batch_size=batch_size)
            some = src[:64] if batch_size == 1 else src
            translator.translate(some[:batch_size], how)  # a warm-up
            wait(translator.device)
            began = time.perf_counter()
            lines = translator.translate(some, how)
            elapsed_s = time.perf_counter() - began
            n_tokens = sum(len(ids) for ids in translator.tokenizer.encode_batch(lines))
            found[f"{name}_{beam_size}_batch_{batch_size}"] = {
                "tokens_per_s": n_tokens / elapsed_s, "sentences_per_s": len(some) / elapsed_s
            }  # fmt: skip
    return found


if __name__ == "__main__":
    sizes = TINY if "--tiny" in sys.argv else FULL
    print(json.dumps(our_speed(*sys.argv[1:3], sizes, Path(sys.argv[3]))))

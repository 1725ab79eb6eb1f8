"""How fast: our training in several ways, the tutorial's, the machine's matrices, our search."""

import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from benchmarks.gpu.sizes import RECIPE, Figures, Sizes, Way, settings_of
from benchmarks.gpu.trainings import some_text
from benchmarks.peers import torch_nn
from benchmarks.training import Enough, Watch
from transformer_lib.data.corpus import VALID
from transformer_lib.models import build_model
from transformer_lib.recipe import Prepared, prepare, training_batches
from transformer_lib.training.distributed import World, pick_device
from transformer_lib.training.loop import train
from transformer_lib.translator import Translator
from transformer_lib.workbench.cost import matrix_rate, training_flops
from transformer_lib.workbench.cost.timing import wait

CLOSE = 0.03  # losses of the same updates, computed in two ways, differ by less


def prepared(sizes: Sizes, way: Way, folder: str) -> Prepared:
    """Return the text of the recipe, cut into pieces."""
    return prepare(settings_of(RECIPE, sizes, way), folder, lambda line: None)


def ours(way: Way, sizes: Sizes) -> Figures:
    """Return the speed of our training, without graphs, as `way` has it, and in float32.

    Raises:
        ArithmeticError: graphs do not compute what the same updates compute without them.
    """
    ways = {
        "launched": Way(False, way.precision),
        "graphs": way,
        "float32": Way(way.graphs, "float32"),
    }
    with TemporaryDirectory() as folder:
        data = prepared(sizes, way, folder)
        found = {name: our_speed(data, how, sizes)
                 for name, how in ways.items() if name != "graphs" or way.graphs}  # fmt: skip
    if way.graphs:
        require_close(found["launched"]["losses"], found["graphs"]["losses"])
    return {"speeds": found, "flops_per_token": training_flops(data.run.config.model, data.train)}


def require_close(launched: list[float], replayed: list[float]) -> None:
    """Refuse replays that do not train as launches do.

    Raises:
        ArithmeticError: two losses of the same updates differ.
    """
    for one, other in zip(launched, replayed, strict=True):
        if not abs(one - other) < CLOSE * one:  # no number is close to nan
            raise ArithmeticError(
                f"graphs do not compute what launches do: a loss is {other:.4f} with them and "
                f"{one:.4f} without, more than {CLOSE:.0%} apart"
            )


def our_speed(data: Prepared, way: Way, sizes: Sizes) -> Figures:
    """Train for a while; return the speed between reports, which wait for the device."""
    config, world = data.run.config, World.from_env(data.run.config.train.device)
    torch.manual_seed(config.train.seed)
    model = build_model(config.model)
    batches = training_batches(config, data.train, world, model.pads_matter)
    short = config.train.updated(
        graphs=way.graphs, precision=way.precision, steps=sizes.updates,
        log_every=max(1, sizes.updates // 10), evaluate_every=10**9,
    )  # fmt: skip
    outcome = train(model, batches, [], short, config.model.d_model, world=world)
    reports = [record for record in outcome.history if "tokens_per_s" in record]
    later = [record["tokens_per_s"] for record in reports[len(reports) // 2 :]]
    return {
        "tokens_per_s": statistics.median(later),
        "losses": [round(record["loss"], 5) for record in reports],
        "padding_share": batches.padding_share() if hasattr(batches, "padding_share") else None,
        "peak_memory_mib": peak_memory_mib(world.device),
    }


def peers(way: Way, sizes: Sizes) -> Figures:
    """Return the speed of the tutorials' loop, and the rate of large matrix products.

    The loop trains torch.nn.Transformer of the same size, in float32 as it comes, and reads a
    number from the device after each update, as the tutorials read the loss.
    """
    device = pick_device("auto")
    watch = DeviceWatch(sizes.seconds, device)
    with TemporaryDirectory() as folder:
        data = prepared(sizes, way, folder)
        with suppress(Enough), torch.device(device):
            torch_nn.train(data, moved(torch_nn.random_batches(data), device), watch)
    tutorial = {
        "tokens_per_s": watch.n_tokens / watch.elapsed_s,
        "updates": watch.n_updates - watch.warmup_updates,
        "peak_memory_mib": peak_memory_mib(device),
    }
    return {
        "tutorial": tutorial,
        "matrix_flops_per_s": matrix_rate(sizes.matrix, device, sizes.seconds),
    }


def peak_memory_mib(device: torch.device) -> float | None:
    """Return the most memory that tensors took on a CUDA device since this was last asked."""
    if device.type != "cuda":
        return None
    peak = torch.cuda.max_memory_allocated(device) / 2**20
    torch.cuda.reset_peak_memory_stats(device)
    return peak


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


def decoding(folder: Path, sizes: Sizes) -> Figures:
    """Return output tokens a second of the recipe's search and of greedy search, on validation."""
    translator = Translator.load(folder)
    src, found = some_text(translator.config, VALID, sizes).src, {}
    for beam_size in sorted({translator.config.decode.beam_size, 1}):
        for batch_size in sorted({1, 64, sizes.batch_size}):
            how = translator.config.decode.updated(beam_size=beam_size, batch_size=batch_size)
            some = src[:64] if batch_size == 1 else src
            translator.translate(some[:batch_size], how)  # a warm-up
            wait(translator.device)
            began = time.perf_counter()
            lines = translator.translate(some, how)
            elapsed_s = time.perf_counter() - began
            n_tokens = sum(len(ids) for ids in translator.tokenizer.encode_batch(lines))
            found[f"beam_{beam_size}_batch_{batch_size}"] = {
                "tokens_per_s": n_tokens / elapsed_s, "sentences_per_s": len(some) / elapsed_s
            }  # fmt: skip
    return {"searches": found}

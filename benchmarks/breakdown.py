"""Where the time of our training goes, and how far it is from the floor.

python -m benchmarks.breakdown [--quick]

The model and the batches that peers are measured with, on one core, in float32 and in bfloat16.
Every operation that PyTorch's profiler sees counts for the part that it belongs to; what is left of
the wall clock is Python's. The floor is the operations of the matrix products over the rate of a
large product of the same type. Watching may cost time, so the same batches are timed before,
unwatched.
"""

import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from benchmarks import program
from benchmarks.case import pin
from benchmarks.run import significant
from benchmarks.settings import FULL, config
from transformer_lib.data.batching import Batches
from transformer_lib.models import build_model
from transformer_lib.recipe import Prepared, prepare
from transformer_lib.training import update
from transformer_lib.training.distributed import World
from transformer_lib.training.fast import memory
from transformer_lib.training.schedule import schedule
from transformer_lib.workbench.cost import matrix_rate, training_flops

WARM_UP, WATCHED = 5, 10  # updates
PRODUCTS = {"aten::mm", "aten::addmm", "aten::bmm"}
PARTS = {  # of the name of an operation, outside the loss
    "attention": ("flash_attention",),
    "dropout's random numbers": ("aten::random_", "aten::ge"),
    "norms": ("layer_norm",),
    "optimizer": ("adam", "Adam"),
    "embedding": ("embedding",),
}


def part_of(event: FunctionEvent) -> str:
    """Return which part of an update an operation belongs to."""
    if event.name in PRODUCTS:
        return "matrix products"
    above: FunctionEvent | None = event
    while above:
        if above.name.startswith("ProjectedLoss"):
            return "softmax and loss"
        above = above.cpu_parent
    for part, names in PARTS.items():
        if any(name in event.name for name in names):
            return part
    return "sums, copies, activations"


def updates(data: Prepared, precision: str, batches: Batches) -> Callable[[], int]:
    """Return a function that makes an update and returns its number of target tokens."""
    config = data.run.config
    how = config.train.updated(precision=precision)
    memory.keep_freed_memory()
    memory.keep_few_kernels()
    torch.manual_seed(how.seed)
    model, world = build_model(config.model).train(), World()
    optimizer, rate = update.adam(model, how), schedule(how, config.model.d_model)(1)
    add = partial(update.add_gradient, model, model, how, world.device)

    def one() -> int:
        batch = next(batches)
        update.add_gradients(model, [batch], add, world)
        update.step(model, optimizer, rate, how.clip_norm)
        return batch.n_tokens

    return one


def timed(one: Callable[[], int], n_updates: int) -> tuple[float, int]:
    """Return the seconds and the tokens of so many updates."""
    began = time.perf_counter()
    n_tokens = sum(one() for _ in range(n_updates))
    return time.perf_counter() - began, n_tokens


def timed_by_part(one: Callable[[], int], n_updates: int) -> tuple[float, int, Counter[str]]:
    """Return the seconds and the tokens of so many updates, and the microseconds of each part."""
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as watch:
        elapsed_s, n_tokens = timed(one, n_updates)
    parts: Counter[str] = Counter()
    for event in watch.events():
        parts[part_of(event)] += event.self_cpu_time_total
    parts["Python and the rest"] = max(0.0, 1e6 * elapsed_s - sum(parts.values()))
    return elapsed_s, n_tokens, parts


def measure(data: Prepared, precision: str, watched: int) -> dict[str, Any]:
    """Return microseconds per target token: all, each part's, and the floor."""
    settings = data.run.config.data
    batches = Batches(data.train, settings.batch_tokens, settings.seed)
    one = updates(data, precision, batches)
    timed(one, WARM_UP)
    place = batches.state()
    plain_s, n_plain = timed(one, watched)
    for _ in range(2):  # the first time is a warm-up: what it writes down takes fresh memory
        batches.restore(place)  # the same text again
        watched_s, n_tokens, parts = timed_by_part(one, watched)
    model = data.run.config.model
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    rate = matrix_rate(1_024, torch.device("cpu"), 1.0, kind)
    flops = training_flops(model, data.train)
    return {
        "us_per_token": significant(1e6 * plain_s / n_plain),
        "us_per_token_watched": significant(1e6 * watched_s / n_tokens),
        "parts": {name: significant(us / n_tokens) for name, us in parts.most_common()},
        "flops_per_token": significant(flops),
        "matrix_flops_per_s": significant(rate),
        "floor_us_per_token": significant(1e6 * flops / rate),
    }


def main() -> None:
    """Measure, write the result, and show it."""
    quick, output = program.options(__doc__, "breakdown")
    pin()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = prepare(config(FULL), folder, say=lambda line: None)
    watched = 1 if quick else WATCHED
    command = "python -m benchmarks.breakdown" + " --quick" * quick
    settings = {"config": data.run.config.to_dict(), "updates": watched}
    figures = {"us_per_token": {p: measure(data, p, watched) for p in ("float32", "bfloat16")}}
    program.write(output, command, settings, figures)
    print(json.dumps(figures["us_per_token"], indent=1))


if __name__ == "__main__":
    main()

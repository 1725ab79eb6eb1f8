"""Replay an update's kernels instead of launching them again (CUDA graphs; not in the paper).

The update of a small model is a thousand kernels of a few microseconds, and Python takes longer to
launch one than a large GPU takes to run it. A CUDA graph holds the forward and the backward pass
for one shape of batch and starts them in one call. What it computes does not change, but where
does not change either: a graph reads and writes the memory that it was recorded with. So

- a batch is copied into tensors that stay, one set for each shape (`data.resident` has few);
- gradients are added up in tensors that stay, and so do the weight of a token and the sums;
- all graphs may share the memory of what lies between, since nothing of it is read afterwards;
- dropout is as without graphs: a replay takes up the seed and the place of the generator, as
  PyTorch's "CUDA semantics" documents.

The optimizer and the clipping of gradients are a few kernels, and are launched as always.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transformer_lib.config import TrainConfig
from transformer_lib.data.batching import Batch
from transformer_lib.training.distributed import World

Add = Callable[[Batch, Float[Tensor, ""]], Float[Tensor, "2"]]
WARM_UP = 3  # runs before a recording, so that libraries have set themselves up


def wanted(config: TrainConfig, world: World) -> bool:
    """Whether to record: on one CUDA device, if `train.graphs` asks for it."""
    return config.graphs and world.size == 1 and world.device.type == "cuda"


class Recorded:
    """An `add_gradient` that is recorded for each shape of a resident batch, and then replayed.

    On a CPU there is nothing to record: the same steps run, with the computation itself in place
    of its replay. Batches that are not resident are computed as always.

    Args:
        add: `update.add_gradient` with all but its last two arguments given.
        model: on its device; its parameters must stay where they are.
    """

    def __init__(self, add: Add, model: nn.Module) -> None:
        self.add, self.parameters = add, list(model.parameters())
        sizes = [parameter.numel() for parameter in self.parameters]
        first = self.parameters[0].detach()
        self.device = first.device
        self.gradient = first.new_zeros(sum(sizes))
        shares = self.gradient.split(sizes)
        self.places = [p.view_as(q) for p, q in zip(shares, self.parameters, strict=True)]
        self.weight, self.sums = first.new_zeros(()), first.new_zeros(2)
        self.recordings: dict[torch.Size, tuple[Batch, Callable[[], None]]] = {}
        if self.device.type == "cuda":
            self.pool = torch.cuda.graph_pool_handle()
            self.stream = torch.cuda.Stream(self.device)

    def __call__(self, batch: Batch, weight: Float[Tensor, ""]) -> Float[Tensor, "2"]:
        """Add the gradient of a micro-batch; the sums returned are valid until the next call."""
        if not batch.resident:
            return self.add(batch, weight)
        if self.parameters[0].grad is None:  # the optimizer has forgotten the last update's
            self.gradient.zero_()
            for parameter, place in zip(self.parameters, self.places, strict=True):
                parameter.grad = place
        if batch.src.shape not in self.recordings:
            self.recordings[batch.src.shape] = self.record(batch)
        static, replay = self.recordings[batch.src.shape]
        static.src.copy_(batch.src)
        static.tgt_in.copy_(batch.tgt_in)
        static.tgt_out.copy_(batch.tgt_out)
        self.weight.copy_(weight)
        replay()
        return self.sums

    def record(self, batch: Batch) -> tuple[Batch, Callable[[], None]]:
        """Return tensors of the shape of `batch`, and what computes with them."""
        src, tgt_in, tgt_out = (ids.clone() for ids in batch[:3])
        static = batch._replace(src=src, tgt_in=tgt_in, tgt_out=tgt_out)

        def run() -> None:
            self.sums.copy_(self.add(static, self.weight))

        if self.device.type != "cuda":
            return static, run
        self.weight.zero_()  # the warm-up adds no gradient
        with torch.random.fork_rng([self.device]):  # and uses up no random numbers
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                for _ in range(WARM_UP):
                    run()
            torch.cuda.current_stream().wait_stream(self.stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            run()
        return static, graph.replay

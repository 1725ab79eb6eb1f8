"""One update of the weights: loss over all target tokens, gradients, Adam (section 5.3)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from transformer_lib.config import BOS, EOS, PAD, TrainConfig
from transformer_lib.data.batching import Batch
from transformer_lib.models.seq2seq import Seq2Seq
from transformer_lib.training.distributed import World
from transformer_lib.training.fast.loss import projected_nll


def adam(model: nn.Module, config: TrainConfig) -> torch.optim.Adam:
    """Return the paper's optimizer for `model`, which must lie on its device already."""
    betas = (config.adam_beta1, config.adam_beta2)
    # Fused: one pass over each parameter instead of a dozen.
    return torch.optim.Adam(model.parameters(), betas=betas, eps=config.adam_eps, fused=True)


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Adam) -> dict[str, Tensor]:
    """Return Adam's moments and step counts, named after the parameters."""
    return {
        f"{kind}/{name}": value
        for name, parameter in model.named_parameters()
        for kind, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(
    model: nn.Module, optimizer: torch.optim.Adam, tensors: dict[str, Tensor]
) -> None:
    """Give the optimizer back what `optimizer_tensors` took from it."""
    index = {name: i for i, (name, _) in enumerate(model.named_parameters())}
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, name = key.partition("/")
        state.setdefault(index[name], {})[kind] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def autocast(precision: str, device: torch.device) -> AbstractContextManager[None]:
    """Compute in bfloat16 if so asked, or left to us on a CUDA device; the weights stay float32."""
    half = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16) if half else nullcontext()


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the host to the device, without waiting for it on CUDA."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def hidden_states(
    wrapped: nn.Module, batch: Batch, precision: str, device: torch.device
) -> tuple[Float[Tensor, "N D"], Int[Tensor, " N"]]:
    """Return the hidden states and the targets of the N real target positions of a batch.

    Of a resident batch it is all positions: the loss leaves out those whose target is PAD.

    Args:
        wrapped: the model, or what exchanges its gradients between processes.
        batch: on the host, where the models check its values, or resident.
        precision: as in `TrainConfig`.
        device: where the model lies.
    """
    batch = batch if len(batch.tgt_out) else without_target(batch)
    src, tgt_in, tgt_out = (to_device(t, device) for t in (batch.src, batch.tgt_in, batch.tgt_out))
    with autocast(precision, device):
        hidden = wrapped(src, tgt_in, returns="hidden")
        hidden = hidden.to(torch.bfloat16) if torch.is_autocast_enabled(device.type) else hidden
    hidden, targets = hidden.flatten(0, 1), tgt_out.flatten()
    if batch.resident:  # the host would have to wait to learn where the padding is
        return hidden, targets
    # The product with the vocabulary is the largest of a small model: spare it the padding.
    real = to_device(batch.tgt_out.flatten().ne(PAD).nonzero().flatten(), device)
    return hidden.index_select(0, real), targets.index_select(0, real)


def without_target(batch: Batch) -> Batch:
    """Return one pair with no target to learn from, in place of an empty share of a batch.

    Every process has to compute a gradient for the others to average; this one's is zero.
    """
    one = batch.src.new_full((1, 1), EOS)
    return batch._replace(
        src=one, tgt_in=torch.full_like(one, BOS), tgt_out=torch.full_like(one, PAD)
    )


def add_gradient(
    wrapped: nn.Module,
    model: Seq2Seq,
    config: TrainConfig,
    device: torch.device,
    batch: Batch,
    weight: Float[Tensor, ""],
) -> Float[Tensor, "2"]:
    """Add the gradient of one micro-batch: that of its summed loss times `weight`.

    Returns:
        The sums over its target tokens: smoothed loss and likelihood.
    """
    hidden, targets = hidden_states(wrapped, batch, config.precision, device)
    loss, nll = projected_nll(hidden, model.token_vectors, targets, config.label_smoothing)
    (loss * weight).backward()
    return torch.stack([loss, nll]).detach()


def add_gradients(
    wrapped: nn.Module,
    micro_batches: Sequence[Batch],
    add: Callable[[Batch, Float[Tensor, ""]], Float[Tensor, "2"]],
    world: World,
) -> Float[Tensor, "3"]:
    """Compute the gradient of the mean loss over every target token of an update.

    Whichever process or micro-batch holds a token, it weighs the same: sums are divided by the
    number of tokens that all of them hold together.

    Args:
        wrapped: the model, or what exchanges its gradients between processes.
        micro_batches: this process's share of the update.
        add: `add_gradient` with all but its last two arguments given.
        world: the processes that train together.

    Returns:
        This process's sums: smoothed loss, likelihood, target tokens.
    """
    sums = torch.zeros(2, device=world.device)
    # Filled in on the device: a copy from the host would wait for it.
    tokens = sums.new_full((), sum(batch.n_tokens for batch in micro_batches))
    # DDP divides by the number of processes; undo it.
    weight = world.size / world.sum(tokens)
    for i, batch in enumerate(micro_batches):
        is_last = i + 1 == len(micro_batches)
        with nullcontext() if is_last else world.no_sync(wrapped):
            sums += add(batch, weight)
    return torch.cat([sums, tokens[None]])


def step(model: nn.Module, optimizer: torch.optim.Optimizer, lr: float, clip_norm: float) -> None:
    """Move the weights against the gradient, and forget it."""
    if clip_norm:
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)

"""What tensors take: the bytes kept for the backward pass, and the most that lie there at once."""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, UntypedStorage, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def bytes_kept(function: Callable[..., Any], *inputs: Tensor, **options: Any) -> int:
    """Return the bytes that a call keeps for its backward pass.

    Derived in chapter 01. What is there anyway does not count: weights, and what is passed in. What
    two operations both keep counts once.

        bytes_kept(layer, x, x, need_weights=True)

    Args:
        function: a layer, or any function of tensors.
        *inputs: its arguments.
        **options: its keyword arguments.
    """
    given = [tensor for tensor in tree_leaves((inputs, options)) if isinstance(tensor, Tensor)]
    known = {storage.data_ptr() for storage in storages([*given, *state_of(function)])}
    kept = {}  # held, so that no address comes twice

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        function(*inputs, **options)
    return sum(storage.nbytes() for storage in kept.values())


def peak_bytes(function: Callable[[], Any]) -> int:
    """Return the most bytes that the tensors made by a call hold at any moment of it.

    Unlike the memory of the process it is the same every time. Tensors from before do not count,
    nor does what one operation needs inside itself.

        peak_bytes(lambda: layer(x).sum().backward())

    Args:
        function: what to do.
    """
    with Alive() as alive:
        function()
    return alive.most


class Alive(TorchDispatchMode):
    """Follows the memory of every new tensor from its making to its end."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.seen: weakref.WeakSet[UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Do the operation and note what it made."""
        self.seen.update(storages(tree_leaves((args, kwargs))))  # from before, or noted already
        made = func(*args, **(kwargs or {}))
        for storage in storages(tree_leaves(made)):
            if storage not in self.seen:
                self.seen.add(storage)
                self.now += storage.nbytes()
                weakref.finalize(storage, self.forget, storage.nbytes())
        self.most = max(self.most, self.now)
        return made

    def forget(self, n_bytes: int) -> None:
        """Take off what a tensor held that is no more."""
        self.now -= n_bytes


def storages(values: list[Any]) -> Iterator[UntypedStorage]:
    """Yield the memory of every tensor among the values."""
    return (value.untyped_storage() for value in values if isinstance(value, Tensor))


def state_of(function: Callable[..., Any]) -> list[Tensor]:
    """Return the weights and buffers of a layer; a plain function has none."""
    if not isinstance(function, nn.Module):
        return []
    return [*function.parameters(), *function.buffers()]

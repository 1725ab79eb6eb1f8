"""What a computation does, counted while it runs: its operations, and its products in sequence."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

PRODUCTS = ("Mm", "Addmm", "Bmm", "Baddbmm", "Mv", "Addmv", "Dot", "Convolution")


class Products(NamedTuple):
    """The matrix products behind a result, convolutions among them."""

    in_all: int
    in_sequence: int  # on the longest chain in which each needs the one before it


@contextmanager
def written_out() -> Iterator[None]:
    """Let attention and recurrent layers compute step by step, for counters to see.

    A fused kernel does several products behind one name.
    """
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):
        warnings.simplefilter("ignore")  # of a number format of graphics cards
        with torch.backends.mkldnn.flags(enabled=False):
            yield


def operations(function: Callable[[], Any]) -> int:
    """Return the operations of a call's matrix products, multiplication and addition each one.

    With a backward pass in the call, that counts too. Sums, softmax, norms and the like do not.

        operations(lambda: layer(x))

    Args:
        function: what to do.
    """
    with written_out(), FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


def count_products(function: Callable[[], Tensor]) -> Products:
    """Return the matrix products behind a result: how many, and how many in sequence.

    Counted as it is computed here (chapter 01). However many processors there are, those in
    sequence must wait for each other; another way to compute the same may have fewer.

    Args:
        function: returns the tensor whose computation is followed back, through autograd's graph.

    Raises:
        ValueError: nothing was recorded for a gradient.
    """
    with written_out():
        end = function().grad_fn
    if end is None:
        raise ValueError(
            "the result has no graph to follow; compute it from weights that need a gradient, "
            "outside torch.no_grad()"
        )
    longest: dict[Any, int] = {}  # node by node, the products on the longest chain up to it
    stack = [end]
    while stack:  # a node is done when all that it needs are; recursion would be too deep
        needs = [parent for parent, _ in stack[-1].next_functions if parent]
        waiting = [parent for parent in needs if parent not in longest]
        if waiting:
            stack += waiting
            continue
        node = stack.pop()
        longest[node] = is_product(node) + max((longest[parent] for parent in needs), default=0)
    return Products(sum(map(is_product, longest)), longest[end])


def is_product(node: Any) -> bool:
    """Whether a node of autograd's graph is a matrix product."""
    return node.name().removesuffix("Backward0") in PRODUCTS

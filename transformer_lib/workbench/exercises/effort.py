"""How much work a call does: so that a check sees the loop, or the large array, that is forbidden.

Counted are the lines of Python that run in the reader's own code (a loop over n things runs n
lines, one operation on an array runs one) and the numbers that PyTorch computes. A loop that
runs in C or is compiled (`torch.jit.script`) is not seen, nor is the size of NumPy's arrays; and a
loop over some tens of chunks is too short to be told from a few rounds.
"""

import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

OURS = str(Path(__file__).resolve().parents[2])  # the folder of the library
GENERATED = ("<frozen", "<string>", "<__array_function__", "<@")  # by Python, NumPy, checkers
STANDARD = (sysconfig.get_paths()["stdlib"], sysconfig.get_paths()["platstdlib"])


@dataclass
class Effort:
    """Lines of the reader's Python that ran, and numbers that PyTorch computed."""

    lines: int = 0
    numbers: int = 0


def measure_effort(work: Callable[[], Any]) -> Effort:
    """Run `work` and return what it took."""
    effort = Effort()

    def count(frame: Any, event: str, _: Any) -> Any:
        if _is_a_library(frame.f_code.co_filename):
            return None
        effort.lines += event in ("call", "line")
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        with _Numbers(effort):
            work()
    finally:
        sys.settrace(before)
    return effort


@cache
def _is_a_library(filename: str) -> bool:
    # "<string>" is what dataclasses write for themselves, "<@" what a type checker writes.
    ours = filename.startswith(
        (OURS, "<frozen", "<string>", "<__array_function__", "<@", *STANDARD)
    )
    return ours or not {"site-packages", "dist-packages"}.isdisjoint(Path(filename).parts)


class _Numbers(TorchFunctionMode):
    """Adds up the sizes of all results; a number of a convolution counts once for each weight."""

    def __init__(self, effort: Effort) -> None:
        super().__init__()
        self.effort = effort

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        tensors = (leaf for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor))
        computed = sum(tensor.numel() for tensor in tensors)
        if getattr(function, "__name__", "").startswith("conv") and len(args) > 1:
            computed *= args[1][0].numel()
        self.effort.numbers += computed
        return result

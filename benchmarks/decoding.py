"""One decoder, measured: output tokens per second, the same sources in the same batches for all."""

import time
from importlib import import_module
from typing import NamedTuple

from benchmarks.settings import Sizes, config, sources
from transformer_lib.workbench.cost import peak_mib


class Case(NamedTuple):
    """A decoder."""

    module: str
    function: str  # called with the sizes, it returns what turns a batch into outputs
    one_at_a_time: bool
    same_as: str  # the case of ours that computes the same


CASES = {
    "joeynmt": Case("benchmarks.peers.joey", "Decoder", False, "ours_gnmt"),
    "marian": Case("benchmarks.peers.marian", "Decoder", False, "ours"),
    "ctranslate2": Case("benchmarks.peers.ct2", "Decoder", False, "ours"),
    "ours": Case("benchmarks.ours", "beam", False, "ours"),
    "ours_gnmt": Case("benchmarks.ours", "beam_gnmt", False, "ours_gnmt"),
    "tutorial_greedy": Case("benchmarks.peers.torch_nn", "Decoder", True, "ours_greedy"),
    "ours_greedy": Case("benchmarks.ours", "greedy", True, "ours_greedy"),
}


def measure(name: str, sizes: Sizes) -> dict[str, object]:
    """Translate with the case of that name; return its speed, its memory and its outputs.

    An output is a list of ids, EOS not among them; it counts as one token more.
    """
    case = CASES[name]
    decode = getattr(import_module(case.module), case.function)(sizes)
    n_sentences = sizes.single_sentences if case.one_at_a_time else sizes.sentences
    batch_size = 1 if case.one_at_a_time else config(sizes).decode.batch_size
    src = sources(sizes, n_sentences)
    batches = [src[start : start + batch_size] for start in range(0, len(src), batch_size)]
    decode(batches[-1])  # a warm-up
    began = time.perf_counter()
    outputs = [output for batch in batches for output in decode(batch)]
    elapsed_s = time.perf_counter() - began
    n_tokens = sum(len(output) + 1 for output in outputs)
    return {"tokens_per_s": n_tokens / elapsed_s, "peak_mib": peak_mib(), "outputs": outputs}

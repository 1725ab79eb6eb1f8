"""How many operations a training takes, and how fast this machine multiplies matrices."""

import time

import numpy as np
import torch

from transformer_lib.config import ModelConfig
from transformer_lib.data.pairs import EncodedPairs


def training_flops(model: ModelConfig, pairs: EncodedPairs, passes: int = 1) -> float:
    """Return the operations of one epoch's matrix products, per target token.

    A product of [n, k] and [k, m] is 2nkm operations. Forward, a pair of S and T tokens takes

        encoder layer   2S (4D² + 2DF) + 4S²D
        decoder layer   2T (6D² + 2DF) + 4T²D + 4TSD + 2S·2D²
        output          2TDV

    with D = d_model, F = d_ff and V pieces: four projections of the tokens that attend to
    themselves, two of the targets and two of the sources where targets attend to sources, scores
    and averages, the feed-forward network. Causal attention counts as if it were full. The
    backward pass takes twice as much. Padding, softmax, norms, dropout and Adam do not count.

    Args:
        model: with d_k = d_v = d_model / n_heads.
        pairs: what it is trained on.
        passes: how often an update reads its batch.
    """
    src, tgt = pairs.lengths.T.astype(np.float64)
    width, inner = model.d_model, model.d_ff
    encoder = 2 * src * (4 * width**2 + 2 * width * inner) + 4 * src**2 * width
    decoder = 2 * tgt * (6 * width**2 + 2 * width * inner) + 4 * tgt * (tgt + src) * width
    decoder += 2 * src * 2 * width**2
    output = 2 * tgt * width * model.vocab_size
    forward = model.n_encoder_layers * encoder + model.n_decoder_layers * decoder + output
    return float(3 * passes * forward.sum() / tgt.sum())


def matrix_rate(size: int, device: torch.device, seconds: float) -> float:
    """Return the operations a second of a large product of random matrices in bfloat16."""
    a, b = (torch.randn(size, size, device=device).to(torch.bfloat16) for _ in range(2))
    for _ in range(3):
        a @ b
    wait(device)
    n_products, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(10):
            a @ b
        wait(device)
        n_products += 10
    return n_products * 2 * size**3 / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    """Wait until a CUDA device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)

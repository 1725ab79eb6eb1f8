"""What a training costs by formula: the operations of an epoch, the memory of an update."""

import numpy as np
import torch

from transformer_lib.config import ModelConfig
from transformer_lib.data.pairs import EncodedPairs
from transformer_lib.models import build_model
from transformer_lib.training.fast.loss import rows_at_once


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


def training_bytes(model: ModelConfig, n_src: int, n_tgt: int) -> int:
    """Return the memory that an update in float32 needs until its backward pass has begun.

    Each parameter takes 16 bytes: weight, gradient, and Adam's two moments. Of each token the
    backward pass reads, four bytes a number,

        attention      7D    norm's input and output, queries, keys, values, averages, dropout
        feed-forward   3D+F  norm's input and output, dropout, the activations
        cross          5D    as attention; its 2D keys and values are of the source
        once           3D    dropout of the embedding, the last norm's input and output

    with D = d_model and F = d_ff. To them come two blocks of logits, the loss's own. Numbers that a
    single operation needs, one for each row, masks and tokens do not count.

    Args:
        model: pre-norm, with dropout, d_k = d_v = d_model / n_heads and tied embeddings.
        n_src: source tokens of the batch, padding included.
        n_tgt: target tokens.
    """
    with torch.device("meta"):
        n_parameters = sum(p.numel() for p in build_model(model).parameters())
    width, inner = model.d_model, model.d_ff
    encoder = model.n_encoder_layers * (7 * width + 3 * width + inner) + 3 * width
    decoder = model.n_decoder_layers * (7 * width + 5 * width + 3 * width + inner) + 3 * width
    memory = model.n_decoder_layers * 2 * width
    kept = n_src * (encoder + memory) + n_tgt * decoder
    hidden, weight = torch.empty(n_tgt, width), torch.empty(model.vocab_size, width)
    logits = min(rows_at_once(hidden, weight), n_tgt) * model.vocab_size
    return 16 * n_parameters + 4 * kept + 4 * 2 * logits

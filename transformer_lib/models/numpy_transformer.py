"""The whole Transformer on one page of NumPy, from the paper's equations alone (section 3).

Read from the bottom up it is Figure 1, from the top down it is section 3. It shares no code with
the rest: one sentence at a time, one head at a time, no batch, no padding, no mask tensor. The
tests hold the real model to it. `weights` are arrays by the names of the model's parameters:
`{name: tensor.numpy() for name, tensor in model.state_dict().items()}`.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

Vectors = Float[np.ndarray, "_ _"]  # a row for each token
Weights = Mapping[str, np.ndarray]


def softmax(scores: Float[np.ndarray, " S"]) -> Float[np.ndarray, " S"]:
    """Return positive numbers that sum to 1; the largest score is taken away against overflow."""
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def attention(q: Vectors, k: Vectors, v: Vectors, causal: bool) -> Vectors:
    """Average the values, softmax(q K^T / sqrt(d_k)) V, for each query (eq. 1)."""
    rows = []
    for t, query in enumerate(q):
        seen = t + 1 if causal else len(k)  # in the decoder, a position sees itself and its past
        rows.append(softmax(k[:seen] @ query / np.sqrt(len(query))) @ v[:seen])
    return np.array(rows)


def multi_head(
    weights: Weights, name: str, x: Vectors, memory: Vectors, n_heads: int, causal: bool = False
) -> Vectors:
    """Attend in several heads, side by side: Concat(head_1 .. head_h) W_O (3.2.2)."""
    w_q, w_k, w_v, w_o = (weights[f"{name}.w_{letter}.weight"].T for letter in "qkvo")
    parts = (np.split(m, n_heads, axis=1) for m in (x @ w_q, memory @ w_k, memory @ w_v))
    heads = [attention(q, k, v, causal) for q, k, v in zip(*parts, strict=True)]
    return np.concatenate(heads, axis=1) @ w_o


def feed_forward(weights: Weights, name: str, x: Vectors) -> Vectors:
    """Compute max(0, x W_1 + b_1) W_2 + b_2 (eq. 2)."""
    w_1, b_1, w_2, b_2 = (
        weights[f"{name}.w_{i}.{kind}"] for i in "12" for kind in ("weight", "bias")
    )
    return np.maximum(0, x @ w_1.T + b_1) @ w_2.T + b_2


def layer_norm(weights: Weights, name: str, x: Vectors) -> Vectors:
    """Give each token's features mean 0 and variance 1, then scale and shift (3.1; Ba et al.)."""
    centred = x - x.mean(axis=1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
    return centred / deviation * weights[f"{name}.gain"] + weights[f"{name}.bias"]


def sublayer(
    weights: Weights, name: str, x: Vectors, function: Callable[[Vectors], Vectors], order: str
) -> Vectors:
    """Return LayerNorm(x + Sublayer(x)) (3.1), or with "pre" x + Sublayer(LayerNorm(x))."""
    if order == "pre":
        return x + function(layer_norm(weights, f"{name}.norm", x))
    return layer_norm(weights, f"{name}.norm", x + function(x))


def positions(length: int, d_model: int) -> Vectors:
    """Return sines and cosines of pos / 10000^(2i / d_model), in turn (3.5)."""
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, d_model, 2) / d_model)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(length, d_model)


def embed(weights: Weights, name: str, tokens: Sequence[int]) -> Vectors:
    """Look up the tokens' vectors, times sqrt(d_model), and add their positions (3.4, 3.5)."""
    table = weights[f"{name}.weight"]
    d_model = table.shape[1]
    return table[list(tokens)] * np.sqrt(d_model) + positions(len(tokens), d_model)


def encoder_layer(weights: Weights, name: str, x: Vectors, n_heads: int, order: str) -> Vectors:
    """Attend to the whole source, then transform each position by itself (Figure 1, left)."""
    for number, function in enumerate((
        lambda y: multi_head(weights, f"{name}.self_attention", y, y, n_heads),
        lambda y: feed_forward(weights, f"{name}.feed_forward", y),
    )):  # fmt: skip
        x = sublayer(weights, f"{name}.residuals.{number}", x, function, order)
    return x


def decoder_layer(
    weights: Weights, name: str, x: Vectors, memory: Vectors, n_heads: int, order: str
) -> Vectors:
    """Attend to the target so far, then to the source, then transform (Figure 1, right)."""
    for number, function in enumerate((
        lambda y: multi_head(weights, f"{name}.self_attention", y, y, n_heads, causal=True),
        lambda y: multi_head(weights, f"{name}.cross_attention", y, memory, n_heads),
        lambda y: feed_forward(weights, f"{name}.feed_forward", y),
    )):  # fmt: skip
        x = sublayer(weights, f"{name}.residuals.{number}", x, function, order)
    return x


def numpy_transformer(
    weights: Weights,
    src: Sequence[int],
    tgt: Sequence[int],
    n_layers: int,
    n_heads: int,
    order: str = "post",
) -> Float[np.ndarray, "T V"]:
    """Return the logits of what follows each target token (Figure 1)."""
    memory = embed(weights, "src_embedding", src)
    for i in range(n_layers):
        memory = encoder_layer(weights, f"encoder.layers.{i}", memory, n_heads, order)
    if order == "pre":  # the last layer ended with a sum, not with a norm
        memory = layer_norm(weights, "encoder.final_norm", memory)
    x = embed(weights, "tgt_embedding", tgt)
    for i in range(n_layers):
        x = decoder_layer(weights, f"decoder.layers.{i}", x, memory, n_heads, order)
    if order == "pre":
        x = layer_norm(weights, "decoder.final_norm", x)
    return x @ weights["output.weight"].T

"""The paper's forward pass, written a second time from its equations alone, in NumPy float64.

It shares no code and no convention with the library: one sentence at a time, one head at a time,
no batch, no padding, no mask tensor. `weights` maps the library's parameter names to arrays.
"""

import numpy as np


def softmax(scores):
    """Exponentials that sum to 1 (section 3.2.1)."""
    exponentials = np.exp(scores - scores.max())
    return exponentials / exponentials.sum()


def attention(queries, keys, values, visible):
    """Eq. 1, row by row; query t sees keys 0..visible(t)-1."""
    rows = []
    for t, query in enumerate(queries):
        n = visible(t)
        weight = softmax(np.array([query @ key for key in keys[:n]]) / np.sqrt(len(query)))
        rows.append(sum(w * value for w, value in zip(weight, values[:n], strict=True)))
    return np.array(rows)


def multi_head(weights, name, x, memory, n_heads, visible):
    """Section 3.2.2: slices of the projections are the heads."""
    q, k, v = (
        source @ weights[f"{name}.{matrix}.weight"].T
        for source, matrix in ((x, "w_q"), (memory, "w_k"), (memory, "w_v"))
    )
    heads = [
        attention(*parts, visible)
        for parts in zip(*(np.split(m, n_heads, axis=1) for m in (q, k, v)), strict=True)
    ]
    return np.concatenate(heads, axis=1) @ weights[f"{name}.w_o.weight"].T


def feed_forward(weights, name, x):
    """Eq. 2."""
    inner = x @ weights[f"{name}.w_1.weight"].T + weights[f"{name}.w_1.bias"]
    return np.maximum(0, inner) @ weights[f"{name}.w_2.weight"].T + weights[f"{name}.w_2.bias"]


def layer_norm(weights, name, x):
    """Ba et al. 2016, one token at a time, eps inside the root."""
    rows = []
    for token in x:
        centred = token - token.sum() / len(token)
        variance = (centred * centred).sum() / len(token)
        rows.append(centred / np.sqrt(variance + 1e-5))
    return np.array(rows) * weights[f"{name}.gain"] + weights[f"{name}.bias"]


def positions(length, d_model):
    """Section 3.5, entry by entry."""
    table = np.zeros((length, d_model))
    for pos in range(length):
        for i in range(d_model // 2):
            angle = pos / 10000 ** (2 * i / d_model)
            table[pos, 2 * i], table[pos, 2 * i + 1] = np.sin(angle), np.cos(angle)
    return table


def sublayer(weights, name, x, function, order):
    """Section 3.1: LayerNorm(x + Sublayer(x)), or x + Sublayer(LayerNorm(x))."""
    if order == "post":
        return layer_norm(weights, f"{name}.norm", x + function(x))
    return x + function(layer_norm(weights, f"{name}.norm", x))


def embed(weights, name, tokens):
    """Section 3.4, plus positions."""
    table = weights[f"{name}.weight"]
    d_model = table.shape[1]
    return table[tokens] * np.sqrt(d_model) + positions(len(tokens), d_model)


def encode(weights, src, n_layers, n_heads, order):
    """The encoder: every position sees the whole source."""
    x = embed(weights, "src_embedding", src)
    for i in range(n_layers):
        layer = f"encoder.layers.{i}"

        def attend(y, layer=layer):
            return multi_head(weights, f"{layer}.self_attention", y, y, n_heads, lambda t: len(y))

        x = sublayer(weights, f"{layer}.residuals.0", x, attend, order)
        x = sublayer(
            weights,
            f"{layer}.residuals.1",
            x,
            lambda y, layer=layer: feed_forward(weights, f"{layer}.feed_forward", y),
            order,
        )
    return layer_norm(weights, "encoder.final_norm", x) if order == "pre" else x


def transformer(weights, src, tgt, n_layers, n_heads, order):
    """Logits [len(tgt), vocabulary] of one sentence pair."""
    memory = encode(weights, src, n_layers, n_heads, order)
    x = embed(weights, "tgt_embedding", tgt)
    for i in range(n_layers):
        layer = f"decoder.layers.{i}"

        def own(y, layer=layer):
            return multi_head(weights, f"{layer}.self_attention", y, y, n_heads, lambda t: t + 1)

        def cross(y, layer=layer):
            return multi_head(
                weights, f"{layer}.cross_attention", y, memory, n_heads, lambda t: len(memory)
            )

        def ff(y, layer=layer):
            return feed_forward(weights, f"{layer}.feed_forward", y)

        for j, function in enumerate((own, cross, ff)):
            x = sublayer(weights, f"{layer}.residuals.{j}", x, function, order)
    if order == "pre":
        x = layer_norm(weights, "decoder.final_norm", x)
    return x @ weights["output.weight"].T

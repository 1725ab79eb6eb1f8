"""A translation and its attention as one HTML page, with no script: it opens from disk."""

from collections.abc import Sequence
from html import escape

from jaxtyping import Float
from torch import Tensor

STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #1b1f24; --mark: 90 160 235;
  --rule: #4b5563; }
@media (prefers-color-scheme: dark) {
  :root { --page: #15181c; --ink: #e6e8eb; --mark: 34 92 165; --rule: #b0b8c1; }
}
body { background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
dt { color: var(--rule); } dd { margin: 0 0 .6rem; font-size: 1.2rem; }
.map { overflow-x: auto; margin: .5rem 0 1.5rem; }
table { border-collapse: collapse; }
th { font-weight: 600; padding: .15rem .4rem; white-space: pre; }
tbody th { text-align: right; }
thead th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }
td { min-width: 2rem; height: 1.7rem; text-align: center; font-size: .75rem;
  border: 1px solid var(--page); background: rgb(var(--mark) / var(--w)); }
summary { cursor: pointer; padding: .2rem 0; }
footer { color: var(--rule); font-size: .9rem; }
""".strip()

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Where the decoder looked</title>
<style>
{style}
</style>
</head>
<body>
<main>
<h1>Where the decoder looked</h1>
<p>A row for each piece that was written, a column for each piece that was read. A number is the
share of attention, in hundredths; the stronger the colour, the more. ␣ is a space, … a part of the
letter that follows.</p>
{body}
</main>
<footer><p>Weights show where a layer looked, not why the model chose a word.</p></footer>
</body>
</html>
"""


def attention_page(
    source: str,
    translation: str,
    src_pieces: Sequence[str],
    tgt_pieces: Sequence[str],
    weights: Float[Tensor, "L H T S"],
) -> str:
    """Return an HTML page with the cross-attention of every layer and head.

    Args:
        source: the sentence read.
        translation: what was written.
        src_pieces: names of the columns.
        tgt_pieces: names of the rows.
        weights: of every layer and head, from target pieces to source pieces.

    Raises:
        ValueError: the pieces do not fit the weights.
    """
    if tuple(weights.shape[2:]) != (len(tgt_pieces), len(src_pieces)):
        raise ValueError(
            f"weights have shape {list(weights.shape)}, but there are {len(tgt_pieces)} target and "
            f"{len(src_pieces)} source pieces; give a row for each target piece"
        )
    sentences = (
        f'<dl><dt>Source</dt><dd lang="und">{escape(source)}</dd>'
        f'<dt>Translation</dt><dd lang="und">{escape(translation)}</dd></dl>'
    )
    layers = [
        layer_section(number, layer, src_pieces, tgt_pieces, len(weights))
        for number, layer in enumerate(weights, start=1)
    ]
    return PAGE.format(style=STYLE, body="\n".join([sentences, *reversed(layers)]))


def layer_section(
    number: int,
    layer: Float[Tensor, "H T S"],
    src_pieces: Sequence[str],
    tgt_pieces: Sequence[str],
    n_layers: int,
) -> str:
    """Return one layer: the mean over its heads, and the heads folded away."""
    mean = table(
        f"Layer {number}, mean of {len(layer)} heads", layer.mean(0), src_pieces, tgt_pieces
    )
    heads = [
        table(f"Layer {number}, head {head}", weights, src_pieces, tgt_pieces)
        for head, weights in enumerate(layer, start=1)
    ]
    folded = f"<details><summary>The heads of layer {number}</summary>{''.join(heads)}</details>"
    title = f"<h2>Layer {number} of {n_layers}</h2>"
    return f"<section>{title}{mean}{folded if len(heads) > 1 else ''}</section>"


def table(
    caption: str,
    weights: Float[Tensor, "T S"],
    src_pieces: Sequence[str],
    tgt_pieces: Sequence[str],
) -> str:
    """Return one map as a table, so that it can be read without colours too."""
    head = "".join(f'<th scope="col">{label(piece)}</th>' for piece in src_pieces)
    rows = [
        f'<tr><th scope="row">{label(piece)}</th>{"".join(map(cell, row))}</tr>'
        for piece, row in zip(tgt_pieces, weights.tolist(), strict=True)
    ]
    return (
        f'<div class="map" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr><td></td>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def cell(weight: float) -> str:
    """Return one weight: a colour, and a number unless it rounds to 0."""
    return f'<td style="--w:{weight:.2f}">{round(100 * weight) or ""}</td>'


def label(piece: str) -> str:
    """Return a piece as text that is safe in HTML; white space alone is shown as a sign.

    So is nothing at all: a part of a letter, which the piece that completes it shows.
    """
    return escape(piece.strip()) or ("␣" if piece else "…")

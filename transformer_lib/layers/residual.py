"""The residual connection around every sub-layer, and where its norm stands (3.1 and 5.4)."""

from collections.abc import Callable

from jaxtyping import Bool, Float
from torch import Tensor, nn

from transformer_lib.layers.fast import add_dropped
from transformer_lib.layers.normalization import make_norm
from transformer_lib.settings import require_rate


class Residual(nn.Module):
    """Add a sub-layer's output to its input.

    "post": LayerNorm(x + Sublayer(x)), the paper. "pre": x + Sublayer(LayerNorm(x)), much
    published code. Dropout acts on the sub-layer's output before the addition.

    A sub-layer that returns only a tensor can be passed to `forward`. One that returns more is
    called between `enter` and `leave`.

    Raises:
        ValueError: an unknown order or norm, or dropout outside [0, 1).
    """

    def __init__(
        self, d_model: int, dropout: float = 0.0, norm: str = "layer", order: str = "post"
    ) -> None:
        super().__init__()
        require_rate(dropout=dropout)
        if order not in ("post", "pre"):
            raise ValueError(f"there is no norm order {order!r}; known: post, pre")
        self.norm = make_norm(norm, d_model)
        self.dropout, self.order = dropout, order

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        sublayer: Callable[[Tensor], Tensor],
        real: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Run the sub-layer inside the connection; `real` marks tokens that are not padding."""
        return self.leave(x, sublayer(self.enter(x, real)), real)

    def enter(
        self, x: Float[Tensor, "B T D"], real: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """Return what the sub-layer gets to see."""
        return self.norm(x, real) if self.order == "pre" else x

    def leave(
        self,
        x: Float[Tensor, "B T D"],
        output: Float[Tensor, "B T D"],
        real: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B T D"]:
        """Add the sub-layer's output to x."""
        # Where sub-layers compute in bfloat16, so does the path between them: less to convert.
        x = add_dropped(x.to(output.dtype), output, self.dropout, self.training)
        return self.norm(x, real) if self.order == "post" else x

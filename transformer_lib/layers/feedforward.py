"""The position-wise feed-forward network: the same two layers at every position (section 3.3)."""

from jaxtyping import Float
from torch import Tensor, nn

from transformer_lib.layers.fast import Linear, drop
from transformer_lib.settings import require_positive, require_rate


class FeedForward(nn.Module):
    """FFN(x) = max(0, x W_1 + b_1) W_2 + b_2 (eq. 2).

    Args:
        d_model: width of the input and of the output.
        d_ff: width in between.
        dropout: rate at which inner activations are dropped in training (not in the paper).

    Raises:
        ValueError: a size is below 1 or dropout lies outside [0, 1).
    """

    def __init__(self, d_model: int, d_ff: int, dropout: float = 0.0) -> None:
        super().__init__()
        require_positive(d_model=d_model, d_ff=d_ff)
        require_rate(dropout=dropout)
        self.dropout = dropout
        self.w_1 = Linear(d_model, d_ff)
        self.w_2 = Linear(d_ff, d_model)
        for linear in (self.w_1, self.w_2):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """Transform each position by itself."""
        return self.w_2(drop(self.w_1(x).relu_(), self.dropout, self.training))

"""Positional encoding: tell attention where a token stands (section 3.5)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transformer_lib.settings import require_positive


def sinusoidal_positions(
    length: int,
    d_model: int,
    start: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, "{length} {d_model}"]:
    """Return PE(pos, 2i) = sin(pos / 10000^(2i/d_model)) and PE(pos, 2i+1) = cos of the same angle.

    Args:
        length: number of positions.
        d_model: number of features, even.
        start: the first position.
        dtype: of the result.
        device: of the result.

    Raises:
        ValueError: d_model is odd, so the last sine would have no cosine.
    """
    if d_model % 2:
        raise ValueError(f"d_model = {d_model} is odd; sinusoids come in pairs, so make it even")
    exact = torch.float64 if dtype == torch.float64 else torch.float32
    position = torch.arange(start, start + length, dtype=exact, device=device)
    pair = torch.arange(0, d_model, 2, dtype=exact, device=device)
    angle = position[:, None] / 10000 ** (pair / d_model)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(start_dim=1).to(dtype)


class SinusoidalPositions(nn.Module):
    """Add fixed sinusoids. Nothing to learn, no longest sentence.

    Raises:
        ValueError: d_model is odd.
    """

    def __init__(self, d_model: int) -> None:
        super().__init__()
        sinusoidal_positions(1, d_model)  # refuses an odd width now rather than in training

    def forward(self, x: Float[Tensor, "B T D"], start: int = 0) -> Float[Tensor, "B T D"]:
        """Add the encodings of positions start .. start + T - 1."""
        return x + sinusoidal_positions(x.size(1), x.size(2), start, x.dtype, x.device)


class LearnedPositions(nn.Module):
    """Add a learned vector for each position up to `max_length` (Table 3, row E).

    Raises:
        ValueError: a size is below 1.
    """

    def __init__(self, max_length: int, d_model: int) -> None:
        super().__init__()
        require_positive(max_length=max_length, d_model=d_model)
        self.weight = nn.Parameter(torch.randn(max_length, d_model) * 0.02)

    def forward(self, x: Float[Tensor, "B T D"], start: int = 0) -> Float[Tensor, "B T D"]:
        """Add the vectors of positions start .. start + T - 1.

        Raises:
            ValueError: a position was never learned.
        """
        end = start + x.size(1)
        if end > self.weight.size(0):
            raise ValueError(
                f"the sentence has {end} tokens, but only {self.weight.size(0)} positions are "
                "learned; raise max_length and train again, or use sinusoidal positions"
            )
        return x + self.weight[start:end]


class NoPositions(nn.Module):
    """Add nothing: the model sees a bag of words."""

    def forward(self, x: Float[Tensor, "B T D"], start: int = 0) -> Float[Tensor, "B T D"]:
        """Return x."""
        return x

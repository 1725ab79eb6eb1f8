"""LayerNorm, which the paper uses (section 3.1), and BatchNorm, for contrast."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_lib.settings import require_positive


def layer_norm(
    x: Float[Tensor, "*B D"], gain: Float[Tensor, " D"], bias: Float[Tensor, " D"], eps: float
) -> Float[Tensor, "*B D"]:
    """Give each token's features mean 0 and variance 1, then scale and shift (Ba et al. 2016)."""
    mean = x.mean(dim=-1, keepdim=True)
    variance = x.var(dim=-1, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * gain + bias


class LayerNorm(nn.Module):
    """Normalise every token by itself, over its d_model features. Train equals eval.

    `layer_norm` above is what it computes; the fused kernel of torch is faster.

    Raises:
        ValueError: d_model is below 1.
    """

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        require_positive(d_model=d_model)
        self.eps = eps
        self.gain = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))

    def forward(
        self, x: Float[Tensor, "B T D"], real: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """Normalise; `real` makes no difference, since no token looks at another."""
        return F.layer_norm(x, self.gain.shape, self.gain, self.bias, self.eps)


class BatchNorm(nn.Module):
    """Normalise every feature over the tokens of the batch (Ioffe and Szegedy 2015).

    In training the statistics are the batch's, over all positions or over real tokens alone; in
    eval they are running averages. So a sentence's output depends on its neighbours in the batch.

    Args:
        d_model: number of features.
        masked: count real tokens only, if the caller says which are real.
        eps: added to the variance.
        momentum: share of the newest batch in the running averages.

    Raises:
        ValueError: d_model is below 1.
    """

    def __init__(
        self, d_model: int, masked: bool = False, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        require_positive(d_model=d_model)
        self.masked, self.eps, self.momentum = masked, eps, momentum
        self.gain = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.register_buffer("running_mean", torch.zeros(d_model))
        self.register_buffer("running_var", torch.ones(d_model))

    def forward(
        self, x: Float[Tensor, "B T D"], real: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        """Normalise with the batch's statistics in training, with the running ones in eval."""
        exact = x.to(torch.promote_types(x.dtype, torch.float32))
        if self.training:
            mean, variance = self.batch_statistics(exact, real if self.masked else None)
        else:
            mean, variance = self.running_mean, self.running_var
        normed = (exact - mean) / (variance + self.eps).sqrt()
        return (normed * self.gain + self.bias).to(x.dtype)

    def batch_statistics(
        self, x: Float[Tensor, "B T D"], real: Bool[Tensor, "B T"] | None
    ) -> tuple[Float[Tensor, " D"], Float[Tensor, " D"]]:
        """Return mean and biased variance of each feature, and remember them."""
        counted = torch.ones_like(x[..., :1]) if real is None else real[..., None].to(x.dtype)
        n = counted.sum()
        mean = (x * counted).sum(dim=(0, 1)) / n
        variance = ((x - mean).square() * counted).sum(dim=(0, 1)) / n
        with torch.no_grad():  # the running variance is the unbiased one, as in torch
            unbiased = variance * n / (n - 1).clamp(min=1)
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        return mean, variance


def make_norm(kind: str, d_model: int) -> LayerNorm | BatchNorm:
    """Return the norm that a setting names: "layer", "batch", or "masked_batch" (real tokens only).

    Raises:
        ValueError: there is no such norm.
    """
    if kind == "layer":
        return LayerNorm(d_model)
    if kind in ("batch", "masked_batch"):
        return BatchNorm(d_model, masked=kind == "masked_batch")
    raise ValueError(f"there is no norm {kind!r}; known: layer, batch, masked_batch")

"""Tiny random models of every family, in float64, sharp enough that searches differ."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from transformer_lib.config import BOS, EOS, PAD, ConvS2SConfig, ModelConfig, RNNConfig
from transformer_lib.models import build_model

TINY = {
    "transformer": ModelConfig(
        vocab_size=7, d_model=8, n_heads=2, n_encoder_layers=1, n_decoder_layers=2, d_ff=16
    ),
    "rnn": RNNConfig(vocab_size=7, d_model=8),
    "convs2s": ConvS2SConfig(vocab_size=7, d_model=8, n_encoder_layers=1, n_decoder_layers=2),
}


def random_model(family: str, seed: int, vocab_size: int = 7) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = build_model(TINY[family].updated(vocab_size=vocab_size)).double().eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.7)
    return model


def random_sources(seed: int, lengths: list[int], vocab_size: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    src = torch.full((len(lengths), max(lengths) + 1), PAD)
    for row, length in enumerate(lengths):
        src[row, :length] = torch.randint(3, vocab_size, (length,), generator=generator)
        src[row, length] = EOS
    return src


def forward_log_prob(model: torch.nn.Module, src: Tensor, tokens: list[int]) -> float:
    """Score an output with one forward pass, which knows nothing of steps and caches."""
    log_probs = model(src, torch.tensor([[BOS, *tokens[:-1]]])).log_softmax(dim=-1)
    return sum(log_probs[0, t, token].item() for t, token in enumerate(tokens))


@pytest.fixture(params=sorted(TINY))
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(family: str) -> torch.nn.Module:
    return random_model(family, seed=3)


@pytest.fixture(scope="session")
def make_model() -> Callable[..., torch.nn.Module]:
    return random_model


@pytest.fixture(scope="session")
def make_sources() -> Callable[..., Tensor]:
    return random_sources


@pytest.fixture(scope="session")
def log_prob_of() -> Callable[..., float]:
    return forward_log_prob

"""A model with another mask: its methods say who may look where, in training and in generation."""

import pytest
import torch

from transformer_lib.config import ModelConfig
from transformer_lib.decoding.greedy import greedy
from transformer_lib.evaluation import invariants
from transformer_lib.layers.masks import causal_mask, padding_mask
from transformer_lib.models.transformer import Transformer

CONFIG = ModelConfig(
    vocab_size=11, d_model=8, n_heads=2, n_encoder_layers=1, n_decoder_layers=2, d_ff=12,
    dropout=0.0,
)  # fmt: skip
SRC = torch.tensor([[4, 5, 6, 2], [7, 2, 0, 0]])
TGT = torch.tensor([[1, 3, 4, 9, 5], [1, 9, 8, 3, 3]])


class NearSighted(Transformer):
    """Sees the newest two positions of the target."""

    def target_mask(self, tgt, n_past=0):
        length = n_past + tgt.size(1)
        near = causal_mask(length) & ~causal_mask(length).tril(-2)
        return near[:, :, n_past:]


class Blind(Transformer):
    """Never sees the position itself, so the first one sees nothing at all."""

    def target_mask(self, tgt, n_past=0):
        return causal_mask(n_past + tgt.size(1)).tril(-1)[:, :, n_past:]


class Peeking(Transformer):
    """Sees the whole target."""

    def target_mask(self, tgt, n_past=0):
        return None


class SeesPadding(Transformer):
    """Takes padding for words."""

    def source_mask(self, src):
        return torch.ones_like(padding_mask(src))


def make(kind):
    torch.manual_seed(1)
    return kind(CONFIG).double().eval()


@pytest.mark.parametrize("kind", [NearSighted, Blind])
def test_a_mask_of_ones_own_holds_in_training_and_step_by_step(kind):
    model = make(kind)
    with torch.no_grad():
        invariants.assert_causal(model, SRC, TGT)
        invariants.assert_step_equals_forward(model, SRC, TGT)
    usual = make(Transformer)
    assert not torch.allclose(model(SRC, TGT)[:, 3], usual(SRC, TGT)[:, 3])


def test_the_weights_obey_the_mask():
    everything = make(NearSighted)(SRC, TGT, "all")
    for weights in everything.decoder_weights:
        seen = weights[0, 0].gt(0)
        assert seen[4].tolist() == [False, False, False, True, True]
    for weights in make(Blind)(SRC, TGT, "all").decoder_weights:
        assert not weights[:, :, 0].any()


def test_a_position_that_sees_nothing_trains_all_the_same():
    model = make(Blind).train()
    model(SRC, TGT).logsumexp(dim=-1).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_without_its_mask_the_decoder_looks_ahead():
    with torch.no_grad(), pytest.raises(AssertionError):
        invariants.assert_causal(make(Peeking), SRC, TGT)


def test_with_another_source_mask_padding_is_seen_in_training_and_in_generation():
    model = make(SeesPadding)
    with torch.no_grad(), pytest.raises(AssertionError):
        invariants.assert_padding_invariant(model, SRC, TGT)
    with torch.no_grad():
        invariants.assert_step_equals_forward(model, SRC, TGT)
    assert len(greedy(model, SRC, extra_length=3)) == 2

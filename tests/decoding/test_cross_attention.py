import pytest
import torch

from transformer_lib.config import BOS, RNNConfig
from transformer_lib.decoding.attention import cross_attention
from transformer_lib.decoding.greedy import greedy
from transformer_lib.models import build_model


def test_it_is_what_the_model_did_for_each_token(model, make_sources):
    src = make_sources(1, [4])
    (best,) = greedy(model, src, extra_length=3)
    layers = cross_attention(model, src[0], best)
    tgt = torch.tensor([[BOS, *best.tokens[:-1]]])
    expected = model(src, tgt, returns="all").cross_weights
    assert len(layers) == len(expected)
    for found, layer in zip(layers, expected, strict=True):
        assert found.shape[1:] == (len(best.tokens), src.size(1))
        torch.testing.assert_close(found, layer[0])
        torch.testing.assert_close(found.sum(-1), torch.ones_like(found[..., 0]))


def test_a_model_without_attention_has_none_to_show(make_sources):
    model = build_model(RNNConfig(vocab_size=7, d_model=8, attention=False)).eval()
    src = make_sources(1, [3])
    (best,) = greedy(model, src, extra_length=2)
    with pytest.raises(ValueError, match="no cross-attention"):
        cross_attention(model, src[0], best)

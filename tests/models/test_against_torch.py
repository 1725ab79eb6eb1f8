"""The Transformer and its parts against torch.nn's, weights copied, in float64.

torch's fast path for encoders in eval mode returns other values in padded rows; real rows are
compared. Torch's stacks get no final norm for post-norm, and one each for pre-norm.
"""

import pytest
import torch
from torch import nn

from transformer_lib.config import ModelConfig
from transformer_lib.layers.masks import causal_mask, padding_mask
from transformer_lib.models.transformer import Transformer

EXACT = {"atol": 1e-10, "rtol": 0}
D_MODEL, N_HEADS, D_FF = 8, 2, 12


def ours(order):
    """A small model with random norms and biases, so that none of them can hide."""
    config = ModelConfig(
        vocab_size=13, d_model=D_MODEL, n_heads=N_HEADS, n_encoder_layers=2, n_decoder_layers=2,
        d_ff=D_FF, dropout=0.0, norm_order=order,
    )  # fmt: skip
    model = Transformer(config).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("gain", "bias")):
                parameter.uniform_(-1, 1)
    return model


def copy_attention(theirs, attention):
    packed = [attention.w_q.weight, attention.w_k.weight, attention.w_v.weight]
    theirs.in_proj_weight.copy_(torch.cat(packed))
    theirs.out_proj.weight.copy_(attention.w_o.weight)
    theirs.in_proj_bias.zero_()
    theirs.out_proj.bias.zero_()


def copy_rest(theirs, layer):
    theirs.linear1.load_state_dict(layer.feed_forward.w_1.state_dict())
    theirs.linear2.load_state_dict(layer.feed_forward.w_2.state_dict())
    for number, residual in enumerate(layer.residuals, start=1):
        copy_norm(getattr(theirs, f"norm{number}"), residual.norm)


def copy_norm(theirs, norm):
    theirs.weight.copy_(norm.gain)
    theirs.bias.copy_(norm.bias)


def torchs(model):
    """torch's encoder and decoder with the model's weights."""
    pre = model.config.norm_order == "pre"
    shape = {"batch_first": True, "dropout": 0.0, "norm_first": pre, "dtype": torch.float64}
    norms = [nn.LayerNorm(D_MODEL, dtype=torch.float64) if pre else None for _ in range(2)]
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(D_MODEL, N_HEADS, D_FF, **shape),
        2,
        norms[0],
        enable_nested_tensor=False,
    )
    decoder = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(D_MODEL, N_HEADS, D_FF, **shape), 2, norms[1]
    )
    with torch.no_grad():
        for theirs, layer in zip(encoder.layers, model.encoder.layers, strict=True):
            copy_attention(theirs.self_attn, layer.self_attention)
            copy_rest(theirs, layer)
        for theirs, layer in zip(decoder.layers, model.decoder.layers, strict=True):
            copy_attention(theirs.self_attn, layer.self_attention)
            copy_attention(theirs.multihead_attn, layer.cross_attention)
            copy_rest(theirs, layer)
        if pre:
            copy_norm(norms[0], model.encoder.final_norm)
            copy_norm(norms[1], model.decoder.final_norm)
    return encoder, decoder


@pytest.fixture
def tokens():
    src = torch.randint(3, 13, (3, 6))
    src[1, 4:] = src[2, 2:] = 0
    return src, torch.randint(3, 13, (3, 5))


def torch_hidden(encoder, decoder, model, src, tgt):
    hidden_keys = src.eq(0)
    memory = encoder(model.embed_src(src), src_key_padding_mask=hidden_keys)
    return memory, decoder(
        model.embed_tgt(tgt),
        memory,
        tgt_mask=~causal_mask(tgt.size(1))[0, 0],
        memory_key_padding_mask=hidden_keys,
    )


@pytest.mark.parametrize("order", ["post", "pre"])
@pytest.mark.parametrize("training", [True, False])
def test_the_whole_model_equals_torchs(order, training, tokens):
    model = ours(order).train(training)
    encoder, decoder = (stack.train(training) for stack in torchs(model))
    src, tgt = tokens
    memory, hidden = torch_hidden(encoder, decoder, model, src, tgt)
    real = src.ne(0)
    torch.testing.assert_close(model.encode(src)[real], memory[real], **EXACT)
    torch.testing.assert_close(model(src, tgt, "hidden"), hidden, **EXACT)
    torch.testing.assert_close(model(src, tgt), hidden @ model.src_embedding.weight.T, **EXACT)


@pytest.mark.parametrize("order", ["post", "pre"])
def test_single_layers_equal_torchs(order):
    model = ours(order)
    encoder, decoder = torchs(model)
    x, memory = torch.randn(2, 5, D_MODEL).double(), torch.randn(2, 4, D_MODEL).double()
    mine, theirs = model.encoder.layers[0], encoder.layers[0]
    torch.testing.assert_close(mine(x)[0], theirs(x), **EXACT)
    mine, theirs = model.decoder.layers[0], decoder.layers[0]
    projected = mine.cross_attention.extend(None, memory)
    expected = theirs(x, memory, tgt_mask=~causal_mask(5)[0, 0])
    torch.testing.assert_close(mine(x, projected, causal_mask(5)).x, expected, **EXACT)


@pytest.mark.parametrize("order", ["post", "pre"])
def test_parameter_gradients_equal_torchs(order, tokens):
    model = ours(order)
    encoder, decoder = torchs(model)
    src, tgt = tokens
    model(src, tgt, "hidden").square().sum().backward()
    torch_hidden(encoder, decoder, model, src, tgt)[1].square().sum().backward()
    for mine, theirs in zip(
        [*model.encoder.layers, *model.decoder.layers],
        [*encoder.layers, *decoder.layers],
        strict=True,
    ):
        attention = mine.self_attention
        packed = torch.cat([getattr(attention, w).weight.grad for w in ("w_q", "w_k", "w_v")])
        torch.testing.assert_close(packed, theirs.self_attn.in_proj_weight.grad, **EXACT)
        pairs = [
            (attention.w_o.weight, theirs.self_attn.out_proj.weight),
            (mine.feed_forward.w_1.weight, theirs.linear1.weight),
            (mine.feed_forward.w_2.bias, theirs.linear2.bias),
            (mine.residuals[0].norm.gain, theirs.norm1.weight),
            (mine.residuals[1].norm.bias, theirs.norm2.bias),
        ]
        for parameter, expected in pairs:
            torch.testing.assert_close(parameter.grad, expected.grad, **EXACT)


def test_masks_of_torch_mean_the_opposite(tokens):
    """The tests above would pass with both polarities swapped; this one would not."""
    src, _ = tokens
    assert padding_mask(src)[1, 0, 0].tolist() == [True] * 4 + [False] * 2

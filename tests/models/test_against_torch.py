"""The Transformer and its parts against torch.nn's, weights copied, in float64.

torch's fast path for encoders in eval mode returns other values in padded rows; real rows are
compared.
"""

import pytest
import torch
from torch import nn

from transformer_lib.config import ModelConfig
from transformer_lib.layers.masks import causal_mask, padding_mask
from transformer_lib.models.torch_weights import from_torch, to_torch
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


def torchs(model):
    """torch's encoder and decoder with the model's weights."""
    theirs = to_torch(model)
    return theirs.encoder, theirs.decoder


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


@pytest.mark.parametrize("order", ["post", "pre"])
def test_weights_go_to_torch_and_come_back(order):
    model, other = ours(order), ours(order)
    from_torch(to_torch(model), other)
    for name, tensor in model.encoder.state_dict().items():
        assert torch.equal(other.encoder.state_dict()[name], tensor)
    for name, tensor in model.decoder.state_dict().items():
        assert torch.equal(other.decoder.state_dict()[name], tensor)
    assert not torch.equal(other.output.weight, model.output.weight)  # torch's has no embeddings


def test_a_transformer_made_elsewhere_is_filled_and_read(tokens):
    """One of torch's own making, with its default final norms and a life of its own."""
    model = ours("post").eval()
    theirs = nn.Transformer(
        D_MODEL, N_HEADS, 2, 2, D_FF, dropout=0.0, batch_first=True, dtype=torch.float64
    ).eval()
    with pytest.raises(ValueError, match="one more norm"):
        from_torch(theirs, model)
    assert to_torch(model, theirs) is theirs
    src, tgt = tokens
    _, hidden = torch_hidden(theirs.encoder, theirs.decoder, model, src, tgt)
    torch.testing.assert_close(model(src, tgt, "hidden"), hidden, **EXACT)
    theirs.encoder.layers[0].self_attn.in_proj_bias.data.fill_(0.1)
    with pytest.raises(ValueError, match="biases that are not 0"):
        from_torch(theirs, model)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"norm": "batch"}, "has norm layer; this model has batch"),
        ({"window": 3}, "has window None; this model has 3"),
        ({"d_v": 3}, "has d_v 4; this model has 3"),
    ],
)
def test_what_torchs_cannot_be_is_refused(settings, message):
    config = ours("post").config.updated(**settings)
    with pytest.raises(ValueError, match=message):
        to_torch(Transformer(config))

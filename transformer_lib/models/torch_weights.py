"""Our weights in PyTorch's own Transformer, and back.

`torch.nn.Transformer` is the two stacks alone: embeddings, positions and logits stay with ours. Its
attention keeps queries, keys and values in one matrix and has biases, which the paper's has not:
they are zero. And it ends each stack with one more norm, which post-norm does not need (its layers
end with one): for a post-norm model that norm is taken away.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transformer_lib.layers.multihead import MultiHeadAttention
from transformer_lib.models.decoder import DecoderLayer
from transformer_lib.models.encoder import EncoderLayer
from transformer_lib.models.transformer import Transformer

Weight = Float[Tensor, "..."]
Pairs = Iterator[tuple[Weight, Weight]]  # a tensor of ours, and the part of theirs that equals it


def to_torch(model: Transformer, theirs: nn.Transformer | None = None) -> nn.Transformer:
    """Return a `torch.nn.Transformer` that computes what the encoder and the decoder compute.

    Args:
        model: ours.
        theirs: fill this one, of the same sizes and norm order; None makes one.
    """
    check_kinds(model)
    theirs = make_torch(model) if theirs is None else theirs
    if model.config.norm_order == "post":
        theirs.encoder.norm = theirs.decoder.norm = None
    with torch.no_grad():
        for our_part, their_part in pairs(model, theirs):
            their_part.copy_(our_part)
        for bias in projection_biases(theirs):
            bias.zero_()
    return theirs.train(model.training)


def from_torch(theirs: nn.Transformer, model: Transformer) -> None:
    """Copy the weights of a `torch.nn.Transformer` into ours, of the same sizes and norm order.

    Raises:
        ValueError: it has what ours has not: biases at the projections, or one more norm.
    """
    check_kinds(model)
    if any(bias.any() for bias in projection_biases(theirs)):
        raise ValueError("its attention has biases that are not 0; ours has none")
    if model.config.norm_order == "post" and (theirs.encoder.norm or theirs.decoder.norm):
        raise ValueError(
            "it ends its stacks with one more norm, and our post-norm model does not; "
            "set encoder.norm and decoder.norm to None"
        )
    with torch.no_grad():
        for our_part, their_part in pairs(model, theirs):
            our_part.copy_(their_part)


def check_kinds(model: Transformer) -> None:
    """Refuse a model that PyTorch's cannot be.

    Raises:
        ValueError: names the setting.
    """
    config, width = model.config, model.config.d_model // model.config.n_heads
    for name, ours, needed in (
        ("norm", config.norm, "layer"),
        ("window", config.window, None),
        ("d_k", config.d_k or width, width),
        ("d_v", config.d_v or width, width),
    ):
        if ours != needed:
            raise ValueError(f"torch.nn.Transformer has {name} {needed}; this model has {ours}")


def make_torch(model: Transformer) -> nn.Transformer:
    """Return a `torch.nn.Transformer` of the sizes, the norm order and the type of ours."""
    config, some = model.config, model.token_vectors
    shape = {
        "d_model": config.d_model, "nhead": config.n_heads, "dim_feedforward": config.d_ff,
        "dropout": config.dropout, "norm_first": config.norm_order == "pre", "batch_first": True,
        "device": some.device, "dtype": some.dtype,
    }  # fmt: skip
    norms = (nn.LayerNorm(config.d_model, device=some.device, dtype=some.dtype) for _ in range(2))
    encoder = nn.TransformerEncoder(
        # Nested tensors would give back other values, and fewer of them, where there is padding.
        nn.TransformerEncoderLayer(**shape), config.n_encoder_layers, next(norms),
        enable_nested_tensor=False,
    )  # fmt: skip
    decoder = nn.TransformerDecoder(
        nn.TransformerDecoderLayer(**shape), config.n_decoder_layers, next(norms)
    )
    return nn.Transformer(
        config.d_model, config.n_heads, custom_encoder=encoder, custom_decoder=decoder,
        batch_first=True,
    )  # fmt: skip


def pairs(model: Transformer, theirs: nn.Transformer) -> Pairs:
    """Yield every tensor of our stacks with the part of theirs that holds the same."""
    for mine, other in (
        *zip(model.encoder.layers, theirs.encoder.layers, strict=True),
        *zip(model.decoder.layers, theirs.decoder.layers, strict=True),
    ):
        yield from layer_pairs(mine, other)
    for mine, other in ((model.encoder, theirs.encoder), (model.decoder, theirs.decoder)):
        if mine.final_norm is not None:
            yield from norm_pairs(mine.final_norm, other.norm)


def layer_pairs(mine: EncoderLayer | DecoderLayer, theirs: nn.Module) -> Pairs:
    """Yield the pairs of one layer."""
    yield from attention_pairs(mine.self_attention, theirs.self_attn)
    if isinstance(mine, DecoderLayer):
        yield from attention_pairs(mine.cross_attention, theirs.multihead_attn)
    yield from zip(mine.feed_forward.w_1.parameters(), theirs.linear1.parameters(), strict=True)
    yield from zip(mine.feed_forward.w_2.parameters(), theirs.linear2.parameters(), strict=True)
    for number, residual in enumerate(mine.residuals, start=1):
        yield from norm_pairs(residual.norm, getattr(theirs, f"norm{number}"))


def attention_pairs(mine: MultiHeadAttention, theirs: nn.MultiheadAttention) -> Pairs:
    """Yield the pairs of one attention; theirs packs three matrices into one."""
    ours = (mine.w_q.weight, mine.w_k.weight, mine.w_v.weight)
    yield from zip(ours, theirs.in_proj_weight.chunk(3), strict=True)
    yield mine.w_o.weight, theirs.out_proj.weight


def norm_pairs(mine: nn.Module, theirs: nn.LayerNorm) -> Pairs:
    """Yield gain and bias of a norm."""
    yield mine.gain, theirs.weight
    yield mine.bias, theirs.bias


def projection_biases(theirs: nn.Transformer) -> Iterator[Float[Tensor, " _"]]:
    """Yield the biases that the paper's attention has not."""
    for module in theirs.modules():
        if isinstance(module, nn.MultiheadAttention):
            yield from (module.in_proj_bias, module.out_proj.bias)

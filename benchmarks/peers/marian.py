"""MarianMT of Hugging Face transformers, from scratch."""

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import MarianConfig, MarianMTModel

from benchmarks.settings import PEER_LR, Sizes, config, load_weights
from benchmarks.training import Watch
from transformer_lib.config import BOS, EOS, PAD, ModelConfig
from transformer_lib.data.batching import Batches, pad
from transformer_lib.recipe import Prepared


def build(model: ModelConfig) -> MarianMTModel:
    """Return a new model of our size, with our special tokens."""
    marian = MarianConfig(
        vocab_size=model.vocab_size, decoder_vocab_size=model.vocab_size, d_model=model.d_model,
        encoder_layers=model.n_encoder_layers, decoder_layers=model.n_decoder_layers,
        encoder_attention_heads=model.n_heads, decoder_attention_heads=model.n_heads,
        encoder_ffn_dim=model.d_ff, decoder_ffn_dim=model.d_ff, dropout=model.dropout,
        activation_function="relu", scale_embedding=True, pad_token_id=PAD, bos_token_id=BOS,
        eos_token_id=EOS, decoder_start_token_id=BOS, forced_eos_token_id=None,
    )  # fmt: skip
    return MarianMTModel(marian)


def train(data: Prepared, watch: Watch) -> None:
    """Train on our batches, with the optimizer that its Trainer takes."""
    settings = data.run.config
    torch.manual_seed(settings.train.seed)
    model = build(settings.model).train()
    optimizer = torch.optim.AdamW(
        model.parameters(), PEER_LR, betas=(0.9, 0.98), eps=1e-9, weight_decay=0.0, fused=True
    )
    for batch in Batches(data.train, settings.data.batch_tokens, settings.data.seed):
        output = model(
            input_ids=batch.src,
            attention_mask=batch.src.ne(PAD),
            decoder_input_ids=batch.tgt_in,
            use_cache=False,
        )
        loss = F.cross_entropy(
            output.logits.flatten(0, 1),
            batch.tgt_out.flatten(),
            ignore_index=PAD,
            label_smoothing=settings.train.label_smoothing,
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        watch(batch.n_tokens)


def with_our_weights(model: ModelConfig, ours: dict[str, Tensor]) -> MarianMTModel:
    """Return a model that computes what ours computes; ours is post-norm.

    Marian's positions hold all sines before all cosines, ours take turns. So the features of
    ours are put in Marian's order wherever a matrix or a vector has them.
    """
    order = torch.cat([torch.arange(0, model.d_model, 2), torch.arange(1, model.d_model, 2)])
    peer = build(model).eval()
    state = dict.fromkeys(peer.state_dict())
    renamed = dict(renamed_weights(model, ours, order))
    for name, value in peer.state_dict().items():
        if name in renamed:
            state[name] = renamed[name]
        elif name.endswith("_proj.bias") or name == "final_logits_bias":
            state[name] = torch.zeros_like(value)  # ours has none
        elif name.endswith(("shared.weight", "embed_tokens.weight", "lm_head.weight")):
            state[name] = ours["src_embedding.weight"][:, order]
        else:
            assert name.endswith("embed_positions.weight"), name
            state[name] = value
    peer.load_state_dict(state)
    return peer


def renamed_weights(model: ModelConfig, ours: dict[str, Tensor], order: Tensor):
    """Yield every weight of the layers under Marian's name, its features in Marian's order."""
    stacks = {
        "encoder": (model.n_encoder_layers, ["self_attn"], ["self_attention"]),
        "decoder": (
            model.n_decoder_layers,
            ["self_attn", "encoder_attn"],
            ["self_attention", "cross_attention"],
        ),
    }
    for stack, (n_layers, theirs, mine) in stacks.items():
        for layer in range(n_layers):
            source, target = f"{stack}.layers.{layer}", f"model.{stack}.layers.{layer}"
            for there, here in zip(theirs, mine, strict=True):
                for x in "qkv":
                    w = ours[f"{source}.{here}.w_{x}.weight"]
                    yield f"{target}.{there}.{x}_proj.weight", w[:, order]
                w = ours[f"{source}.{here}.w_o.weight"]
                yield f"{target}.{there}.out_proj.weight", w[order]
            feed_forward = f"{source}.feed_forward"
            yield f"{target}.fc1.weight", ours[f"{feed_forward}.w_1.weight"][:, order]
            yield f"{target}.fc1.bias", ours[f"{feed_forward}.w_1.bias"]
            yield f"{target}.fc2.weight", ours[f"{feed_forward}.w_2.weight"][order]
            yield f"{target}.fc2.bias", ours[f"{feed_forward}.w_2.bias"][order]
            norms = [*(f"{there}_layer_norm" for there in theirs), "final_layer_norm"]
            for number, norm in enumerate(norms):
                residual = f"{source}.residuals.{number}.norm"
                yield f"{target}.{norm}.weight", ours[f"{residual}.gain"][order]
                yield f"{target}.{norm}.bias", ours[f"{residual}.bias"][order]


class Decoder:
    """Beam search by `generate`."""

    def __init__(self, sizes: Sizes) -> None:
        settings = config(sizes)
        self.model = with_our_weights(settings.model, load_weights(sizes))
        self.decode = settings.decode

    @torch.no_grad()
    def __call__(self, batch: list[list[int]]) -> list[list[int]]:
        """Translate a batch."""
        src = pad(batch)
        found = self.model.generate(
            input_ids=src,
            attention_mask=src.ne(PAD).long(),
            num_beams=self.decode.beam_size,
            length_penalty=self.decode.length_penalty,
            max_new_tokens=src.size(1) - 1 + self.decode.extra_length,
            do_sample=False,
        )
        return [[i for i in row if i not in (PAD, BOS, EOS)] for row in found.tolist()]

"""JoeyNMT 2.3, by its own loader, its own loop and its own search."""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from joeynmt.batch import Batch
from joeynmt.config import parse_global_args, set_validation_args
from joeynmt.model import Model, build_model
from joeynmt.prediction import prepare
from joeynmt.search import search
from joeynmt.training import TrainManager
from joeynmt.vocabulary import Vocabulary
from torch import Tensor, nn

from benchmarks.settings import PEER_LR, Sizes, config, load_weights
from benchmarks.training import Watch
from transformer_lib.config import BOS, EOS, PAD, ModelConfig, RunConfig
from transformer_lib.data.batching import pad
from transformer_lib.data.tokenizer import byte_letters
from transformer_lib.recipe import Prepared

# JoeyNMT wants a piece for unknown words. This is the byte 0xFF, which no text in UTF-8 holds.
UNKNOWN = EOS + 1 + sorted(byte_letters()).index("ÿ")
# It numbers these four first, in this order, then the others. A piece is written as our id.
FIRST = {"unk": UNKNOWN, "pad": PAD, "bos": BOS, "eos": EOS}
FOR_EVER = 10**9


def our_ids(n_pieces: int) -> list[int]:
    """Return our id of each of its ids."""
    first = list(FIRST.values())
    return [*first, *(i for i in range(n_pieces) if i not in first)]


def special_symbols() -> dict[str, Any]:
    """Return the special pieces as its configuration wants them."""
    names = {f"{name}_token": str(ours) for name, ours in FIRST.items()}
    return {**names, **{f"{name}_id": place for place, name in enumerate(FIRST)}}


def model_settings(model: ModelConfig) -> dict[str, Any]:
    """Return the "model" part of its configuration."""

    def stack(n_layers: int) -> dict[str, Any]:
        return {
            "type": "transformer", "num_layers": n_layers, "num_heads": model.n_heads,
            "embeddings": {"embedding_dim": model.d_model, "scale": True, "dropout": model.dropout},
            "hidden_size": model.d_model, "ff_size": model.d_ff, "dropout": model.dropout,
            "layer_norm": model.norm_order,
        }  # fmt: skip

    return {
        "tied_embeddings": True,
        "tied_softmax": True,
        "encoder": stack(model.n_encoder_layers),
        "decoder": stack(model.n_decoder_layers),
    }


def settings_in(folder: Path, config: RunConfig) -> dict[str, Any]:
    """Return its whole configuration; its files are in `folder`."""
    sides = {
        name: {"lang": name, "level": "word", "voc_file": str(folder / "pieces")}
        for name in ("src", "trg")
    }
    train = config.train
    return {
        "name": "benchmark", "model_dir": str(folder), "use_cuda": False, "random_seed": train.seed,
        "data": {"train": str(folder / "train"), "dev": str(folder / "dev"), **sides,
                 "special_symbols": special_symbols()},
        "training": {
            "optimizer": "adam", "adam_betas": [train.adam_beta1, train.adam_beta2],
            "learning_rate": PEER_LR, "scheduling": "exponential", "decrease_factor": 1.0,
            "normalization": "tokens", "label_smoothing": train.label_smoothing,
            "batch_size": config.data.batch_tokens, "batch_type": "token", "epochs": FOR_EVER,
            "validation_freq": FOR_EVER, "logging_freq": FOR_EVER,
        },
        "testing": {},
        "model": model_settings(config.model),
    }  # fmt: skip


def write_text(folder: Path, data: Prepared) -> None:
    """Write the pairs as lines of ids, and the list of pieces."""
    pieces = our_ids(data.run.config.data.n_pieces)
    (folder / "pieces").write_text("".join(f"{i}\n" for i in pieces), encoding="ascii")
    for split, pairs in (("train", data.train), ("dev", data.valid)):
        for side, ids_of in (("src", pairs.src), ("trg", pairs.tgt)):
            # It adds the end of the sentence itself.
            lines = (" ".join(map(str, ids_of(row)[:-1])) for row in range(len(pairs)))
            text = "".join(f"{line}\n" for line in lines)
            (folder / f"{split}.{side}").write_text(text, encoding="ascii")


class Watched(TrainManager):
    """Its loop; when it comes to the next batch, the update with the last one has ended."""

    watch: Watch
    n_tokens: int | None = None

    def _train_step(self, batch: Batch) -> tuple[float, int]:
        if self.n_tokens is not None:
            self.watch(self.n_tokens)
        self.n_tokens = batch.ntokens
        return super()._train_step(batch)


def train(data: Prepared, watch: Watch) -> None:
    """Train from files, as its command does."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_text(folder, data)
        args = parse_global_args(settings_in(folder, data.run.config), mode="train")
        model, train_data, valid_data, _ = prepare(args, rank=0, mode="train")
        trainer = Watched(
            rank=0, model=model, model_dir=args.model_dir, device=args.device,
            autocast=args.autocast, seed=args.seed, train_args=args.train,
            dev_args=set_validation_args(args.test),
        )  # fmt: skip
        trainer.watch = watch
        trainer.train_and_validate(train_data=train_data, valid_data=valid_data)


def with_our_weights(model: ModelConfig, ours: dict[str, Tensor]) -> Model:
    """Return a model that computes what ours computes; ours is post-norm."""
    names = SimpleNamespace(**special_symbols(), lang_tags=[], sep_token=None, sep_id=None)
    order = our_ids(model.vocab_size)
    pieces = Vocabulary([str(i) for i in order], names)
    peer = build_model(model_settings(model), src_vocab=pieces, trg_vocab=pieces).eval()
    for module in peer.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = 1e-5  # as ours; its own is 1e-6
    state, renamed = peer.state_dict(), dict(renamed_weights(model, ours))
    for name, value in state.items():
        if name in renamed:
            state[name] = renamed[name]
        elif name.endswith(("lut.weight", "decoder.output_layer.weight")):
            state[name] = ours["src_embedding.weight"][order]
        elif name.endswith("bias"):
            state[name] = torch.zeros_like(value)  # of an attention; ours has none
        else:
            assert name.endswith("pe.pe"), name
    peer.load_state_dict(state)
    return peer


def renamed_weights(model: ModelConfig, ours: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield every weight of the layers under JoeyNMT's name."""
    stacks = {
        "encoder": (model.n_encoder_layers, {"src_src_att": "self_attention"}, ["layer_norm"]),
        "decoder": (
            model.n_decoder_layers,
            {"trg_trg_att": "self_attention", "src_trg_att": "cross_attention"},
            ["x_layer_norm", "dec_layer_norm"],
        ),
    }
    for stack, (n_layers, attentions, norms) in stacks.items():
        for number in range(n_layers):
            layer = f"{stack}.layers.{number}"
            for theirs, mine in attentions.items():
                for x in "qkv":
                    yield f"{layer}.{theirs}.{x}_layer.weight", ours[f"{layer}.{mine}.w_{x}.weight"]
                yield f"{layer}.{theirs}.output_layer.weight", ours[f"{layer}.{mine}.w_o.weight"]
            for place, mine in ((0, "w_1"), (3, "w_2")):
                for kind in ("weight", "bias"):
                    w = ours[f"{layer}.feed_forward.{mine}.{kind}"]
                    yield f"{layer}.feed_forward.pwff_layer.{place}.{kind}", w
            for place, norm in enumerate([*norms, "feed_forward.layer_norm"]):
                yield f"{layer}.{norm}.weight", ours[f"{layer}.residuals.{place}.norm.gain"]
                yield f"{layer}.{norm}.bias", ours[f"{layer}.residuals.{place}.norm.bias"]


class Decoder:
    """Its beam search, whose length penalty is that of GNMT."""

    def __init__(self, sizes: Sizes) -> None:
        settings = config(sizes)
        self.ours = our_ids(settings.model.vocab_size)
        self.theirs = {ours: theirs for theirs, ours in enumerate(self.ours)}
        self.model = with_our_weights(settings.model, load_weights(sizes))
        self.decode = settings.decode

    @torch.no_grad()
    def __call__(self, batch: list[list[int]]) -> list[list[int]]:
        """Translate a batch."""
        pad_index = self.theirs[PAD]
        src = pad(batch).apply_(self.theirs.__getitem__)
        lengths = src.ne(pad_index).sum(dim=1)
        found, _, _ = search(
            self.model,
            Batch(
                src, lengths, None, None, None, torch.arange(len(src)), torch.device("cpu"),
                pad_index, self.theirs[EOS], is_train=False,
            ),
            max_output_length=src.size(1) - 1 + self.decode.extra_length,
            beam_size=self.decode.beam_size,
            beam_alpha=self.decode.length_penalty,
        )  # fmt: skip
        rows = [[self.ours[i] for i in row] for row in found.tolist()]
        return [[i for i in row if i not in (PAD, BOS, EOS)] for row in rows]

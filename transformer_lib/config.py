"""All settings, frozen: what to build, what to train on, how to train, how to decode.

`base()` and `big()` are the two models of the paper (Table 3); the book's runs are in `presets`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_type_hints

from transformer_lib.settings import (
    Settings,
    above_zero,
    anything,
    nearest,
    not_negative,
    parse_value,
    rate,
    share,
    size,
)

PAD, BOS, EOS = 0, 1, 2  # the token ids every tokenizer and every model of ours agrees on


@dataclass(frozen=True)
class ModelConfig(Settings):
    """The Transformer (sections 3.1 to 3.5). The defaults are the paper's base model."""

    vocab_size: int = size(37_000, follows="data.n_pieces")
    d_model: int = size(512)
    n_heads: int = size(8)
    n_encoder_layers: int = size(6)
    n_decoder_layers: int = size(6)
    d_ff: int = size(2048)
    d_k: int | None = size(None)  # None: d_model / n_heads
    d_v: int | None = size(None)
    dropout: float = rate(0.1)  # on each sub-layer's output and on embeddings plus positions (5.4)
    attention_dropout: float = rate(0.0)  # on the attention weights; not in the paper
    ff_dropout: float = rate(0.0)  # inside the feed-forward network; not in the paper
    norm: Literal["layer", "batch", "masked_batch"] = "layer"  # masked: statistics of real tokens
    norm_order: Literal["post", "pre"] = "post"
    positions: Literal["sinusoidal", "learned", "none"] = "sinusoidal"
    max_length: int = size(1024)  # of learned positions; the other two have no limit
    window: int | None = size(None)  # self-attention sees this many positions around the query (4)
    tie_embeddings: bool = True  # one matrix for source, target and output (3.4)

    @property
    def longest(self) -> int | None:
        """The tokens that a sentence may have; None is any number."""
        return self.max_length if self.positions == "learned" else None


@dataclass(frozen=True)
class RNNConfig(Settings):
    """A recurrent model (section 1; Sutskever et al. 2014, Bahdanau et al. 2015)."""

    vocab_size: int = size(37_000, follows="data.n_pieces")
    d_model: int = size(512)
    n_layers: int = size(1)
    cell: Literal["lstm", "gru"] = "lstm"
    bidirectional: bool = True  # of the encoder
    attention: bool = True  # additive; False squeezes the source into the encoder's last state
    dropout: float = rate(0.1)
    tie_embeddings: bool = True
    longest: ClassVar[None] = None  # a sentence may have any number of tokens


@dataclass(frozen=True)
class ConvS2SConfig(Settings):
    """A convolutional sequence-to-sequence model (section 2; Gehring et al. 2017)."""

    vocab_size: int = size(37_000, follows="data.n_pieces")
    d_model: int = size(512)
    n_encoder_layers: int = size(6)
    n_decoder_layers: int = size(6)
    kernel_size: int = size(3)
    max_length: int = size(1024)
    dropout: float = rate(0.1)
    tie_embeddings: bool = True

    @property
    def longest(self) -> int:
        """The tokens that a sentence may have."""
        return self.max_length


AnyModelConfig = ModelConfig | RNNConfig | ConvS2SConfig
FAMILIES: dict[str, type[AnyModelConfig]] = {
    "transformer": ModelConfig,
    "rnn": RNNConfig,
    "convs2s": ConvS2SConfig,
}


def base(vocab_size: int = 37_000) -> ModelConfig:
    """Return the paper's base model (Table 3, first row)."""
    return ModelConfig(vocab_size=vocab_size)


def big(vocab_size: int = 37_000) -> ModelConfig:
    """Return the paper's big model (Table 3, last row)."""
    return ModelConfig(vocab_size=vocab_size, d_model=1024, n_heads=16, d_ff=4096, dropout=0.3)


@dataclass(frozen=True)
class DataConfig(Settings):
    """Which pairs, cut into which pieces, packed into which batches (section 5.1)."""

    corpus: str = "grammar"  # "grammar", "multi30k" or "files"
    # What is text is known by its content, so a run goes on where the files were moved.
    src: str | None = anything(
        None, may_change=True
    )  # with "files": the two sides, or one .tsv as src
    tgt: str | None = anything(None, may_change=True)
    valid_src: str | None = anything(None, may_change=True)  # None: the last pairs are held out
    valid_tgt: str | None = anything(None, may_change=True)
    n_pairs: int = size(100_000)  # how many to generate; of the grammar only
    n_pieces: int = size(1_000)  # size of the joint BPE vocabulary
    lowercase: bool = False
    max_tokens: int = size(100)  # longer training pairs are left out
    batch_tokens: int = size(4096)  # of the longer side, padding included
    seed: int = 1


@dataclass(frozen=True)
class TrainConfig(Settings):
    """How to train (section 5). The defaults are the paper's, but for the number of steps."""

    steps: int = size(1_000, may_change=True)
    schedule: Literal["paper", "constant"] = "paper"  # after the warm-up: down, or level
    warmup: int = size(4_000)  # updates; with a constant rate, 1 is none
    peak_lr: float | None = above_zero(None)  # None: d_model^-0.5 sets the height (eq. 3)
    cooldown: float = share(0.0)  # the last part of the steps, in which the rate falls to 0; ours
    adam_beta1: float = rate(0.9)
    adam_beta2: float = rate(0.98)
    adam_eps: float = above_zero(1e-9)
    label_smoothing: float = rate(0.1)
    consistency: float = not_negative(0.0)  # weight of the difference of two dropouts; not theirs
    accumulate: int = size(1)  # micro-batches to one update
    clip_norm: float = not_negative(0.0)  # 0: gradients are not clipped
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 on CUDA
    device: str = anything("auto", may_change=True)  # auto: cuda, then mps, then cpu
    graphs: bool = anything(False, may_change=True)  # replay updates as CUDA graphs; on one device
    log_every: int = size(50)
    evaluate_every: int = size(200)  # validation and a checkpoint
    average: int = size(5)  # the mean of so many last checkpoints is what translates (6.1)
    patience: int = not_negative(0, may_change=True)  # evaluations without a better one; 0: any
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.schedule == "constant" and self.peak_lr is None:
            raise ValueError("schedule=constant needs its rate: set peak_lr, for example 0.001")


@dataclass(frozen=True)
class DecodeConfig(Settings):
    """How to search for a translation (section 6.1). The defaults are the paper's."""

    beam_size: int = size(4)  # 1: greedy
    length_penalty: float = not_negative(0.6)  # alpha
    penalty: Literal["gnmt", "length"] = "gnmt"  # ((5 + |Y|) / 6)^alpha, or |Y|^alpha
    extra_length: int = not_negative(50)  # the longest output is the source's length plus this
    batch_size: int = size(64)  # sentences at a time


GROUPS = {"data": DataConfig, "train": TrainConfig, "decode": DecodeConfig}


@dataclass(frozen=True)
class RunConfig:
    """Everything that makes a run: `runs/NAME/config.json` holds one.

    The model's `vocab_size` follows `data.n_pieces`, whatever it was before.
    """

    model: AnyModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig, metadata={"may_change": True})

    def __post_init__(self) -> None:
        model = self.model.updated(vocab_size=self.data.n_pieces)
        object.__setattr__(self, "model", model)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Build from the nested dict that `to_dict` returns.

        Raises:
            ValueError: there is no such group or model family.
        """
        groups = {**values}
        model = {**groups.pop("model", {})}
        family = model.pop("family", "transformer")
        if family not in FAMILIES:
            raise ValueError(f"there is no model family {family!r}; {nearest(family, [*FAMILIES])}")
        built: dict[str, Any] = {"model": FAMILIES[family].from_dict(model)}
        for group, settings in groups.items():
            if group not in GROUPS:
                hint = nearest(group, ["model", *GROUPS])
                raise ValueError(f"there is no group {group!r}; {hint}")
            built[group] = GROUPS[group].from_dict(settings)
        return cls(**built)

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values, ready for JSON."""
        family = next(name for name, kind in FAMILIES.items() if type(self.model) is kind)
        model = {"family": family, **self.model.to_dict()}
        return {"model": model, **{group: getattr(self, group).to_dict() for group in GROUPS}}

    def with_settings(self, *assignments: str) -> "RunConfig":
        """Return a copy changed by each `section.key=value`, as typed on a command line."""
        config = self
        for assignment in assignments:
            section, key, text = config.parts_of(assignment)
            group = getattr(config, section)
            value = parse_value(f"{section}.{key}", text, get_type_hints(type(group))[key])
            config = dataclasses.replace(config, **{section: group.updated(**{key: value})})
        return config

    def parts_of(self, assignment: str) -> tuple[str, str, str]:
        """Return section, key and value of an assignment, for a setting that may be given.

        Raises:
            ValueError: not of that form, no such section or key, or a setting that follows another.
        """
        path, equals, text = assignment.partition("=")
        section, dot, key = path.rpartition(".")
        groups = {name: getattr(self, name).fields() for name in ("model", *GROUPS)}
        homes = [f"{name}.{key}" for name, known in groups.items() if key in known]
        if not (equals and dot):
            example = f"{homes[0]}={text}" if equals and homes else "train.steps=500"
            raise ValueError(
                f"{assignment!r} is not a setting; write section.key=value, for example {example}"
            )
        if section not in groups:
            raise ValueError(f"there is no section {section!r}; {nearest(section, [*groups])}")
        if key not in groups[section]:
            hint = f"it is {homes[0]}" if homes else nearest(key, [*groups[section]])
            raise ValueError(f"{section} has no setting {key!r}; {hint}")
        if follows := groups[section][key].metadata.get("follows"):
            raise ValueError(f"{path} follows from another setting; set {follows} instead")
        return section, key, text

    def lasting(self) -> dict[str, Any]:
        """Return, as `section.key`, the settings with which a run that was begun must go on."""
        values = self.to_dict()
        lasting = {"model.family": values["model"]["family"]}
        for group in dataclasses.fields(self):
            for name, setting in getattr(self, group.name).fields().items():
                notes = {**group.metadata, **setting.metadata}
                if not (notes.get("may_change") or notes.get("follows")):
                    lasting[f"{group.name}.{name}"] = values[group.name][name]
        return lasting

"""All settings, frozen: what to build, what to train on, how to train, how to decode.

`base()` and `big()` are the two models of the paper (Table 3); `PRESETS` holds the book's runs.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args, get_type_hints

PAD, BOS, EOS = 0, 1, 2  # the token ids every tokenizer and every model of ours agrees on


def nearest(name: str, known: list[str]) -> str:
    """Return a hint that names the known setting closest to `name`, or lists them all."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"


AnySettings = TypeVar("AnySettings", bound="Settings")


class Settings:
    """What every group of settings can do: check itself, change, and become a dict and back."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name, value in vars(self).items():
            choices = get_args(hints[name]) if get_type_origin(hints[name]) is Literal else ()
            if choices and value not in choices:
                hint = nearest(str(value), [str(choice) for choice in choices])
                raise ValueError(f"{name} is {value!r}, which is not one of its values; {hint}")

    @classmethod
    def from_dict(cls: type[AnySettings], values: Mapping[str, Any]) -> AnySettings:
        """Build from plain values, such as a JSON file holds.

        Raises:
            ValueError: a name is misspelt (the nearest right one is named) or a value is refused.
        """
        return cls().updated(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `from_dict` takes back."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    def updated(self: AnySettings, **changes: Any) -> AnySettings:
        """Return a copy with some settings changed.

        Raises:
            ValueError: a name is misspelt (the nearest right one is named) or a value is refused.
        """
        known = [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
        for name in changes:
            if name not in known:
                raise ValueError(f"there is no setting {name!r}; {nearest(name, known)}")
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


def get_type_origin(hint: Any) -> Any:
    """Return `Literal` for `Literal["a", "b"]`, None for a plain class."""
    return getattr(hint, "__origin__", None)


def require_positive(**sizes: int | None) -> None:
    """Refuse a size below 1.

    Raises:
        ValueError: names the size, quotes it, and says what it must be.
    """
    for name, size in sizes.items():
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise ValueError(f"{name} is {size!r}; it must be a whole number of 1 or more")


def require_rate(**rates: float) -> None:
    """Refuse a dropout or smoothing rate outside [0, 1).

    Raises:
        ValueError: names the rate and quotes it.
    """
    for name, rate in rates.items():
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"{name} is {rate}; it must lie in [0, 1), for example 0.1")


@dataclass(frozen=True)
class ModelConfig(Settings):
    """The Transformer (sections 3.1 to 3.5). The defaults are the paper's base model."""

    vocab_size: int = 37_000
    d_model: int = 512
    n_heads: int = 8
    n_encoder_layers: int = 6
    n_decoder_layers: int = 6
    d_ff: int = 2048
    d_k: int | None = None  # None: d_model / n_heads
    d_v: int | None = None
    dropout: float = 0.1  # on each sub-layer's output and on embeddings plus positions (5.4)
    attention_dropout: float = 0.0  # on the attention weights; not in the paper
    ff_dropout: float = 0.0  # inside the feed-forward network; not in the paper
    norm: Literal["layer", "batch", "masked_batch"] = "layer"  # masked: statistics of real tokens
    norm_order: Literal["post", "pre"] = "post"
    positions: Literal["sinusoidal", "learned", "none"] = "sinusoidal"
    max_length: int = 1024  # of learned positions; the other two have no limit
    window: int | None = None  # self-attention sees this many positions around the query (4)
    tie_embeddings: bool = True  # one matrix for source, target and output (3.4)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(
            vocab_size=self.vocab_size, d_model=self.d_model, n_heads=self.n_heads,
            n_encoder_layers=self.n_encoder_layers, n_decoder_layers=self.n_decoder_layers,
            d_ff=self.d_ff, d_k=self.d_k, d_v=self.d_v, max_length=self.max_length,
            window=self.window,
        )  # fmt: skip
        require_rate(
            dropout=self.dropout,
            attention_dropout=self.attention_dropout,
            ff_dropout=self.ff_dropout,
        )


@dataclass(frozen=True)
class RNNConfig(Settings):
    """A recurrent model (section 1; Sutskever et al. 2014, Bahdanau et al. 2015)."""

    vocab_size: int = 37_000
    d_model: int = 512
    n_layers: int = 1
    cell: Literal["lstm", "gru"] = "lstm"
    bidirectional: bool = True  # of the encoder
    attention: bool = True  # additive; False squeezes the source into the encoder's last state
    dropout: float = 0.1
    tie_embeddings: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(vocab_size=self.vocab_size, d_model=self.d_model, n_layers=self.n_layers)
        require_rate(dropout=self.dropout)


@dataclass(frozen=True)
class ConvS2SConfig(Settings):
    """A convolutional sequence-to-sequence model (section 2; Gehring et al. 2017)."""

    vocab_size: int = 37_000
    d_model: int = 512
    n_encoder_layers: int = 6
    n_decoder_layers: int = 6
    kernel_size: int = 3
    max_length: int = 1024
    dropout: float = 0.1
    tie_embeddings: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(
            vocab_size=self.vocab_size, d_model=self.d_model, kernel_size=self.kernel_size,
            n_encoder_layers=self.n_encoder_layers, n_decoder_layers=self.n_decoder_layers,
            max_length=self.max_length,
        )  # fmt: skip
        require_rate(dropout=self.dropout)


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
    src: str | None = None  # with "files": the two sides, or one .tsv as src
    tgt: str | None = None
    valid_src: str | None = None  # None: the last pairs are held out
    valid_tgt: str | None = None
    n_pairs: int = 100_000  # how many to generate; of the grammar only
    n_pieces: int = 1_000  # size of the joint BPE vocabulary
    lowercase: bool = False
    max_tokens: int = 100  # longer training pairs are left out
    batch_tokens: int = 4096  # of the longer side, padding included
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(
            n_pairs=self.n_pairs, n_pieces=self.n_pieces,
            max_tokens=self.max_tokens, batch_tokens=self.batch_tokens,
        )  # fmt: skip


@dataclass(frozen=True)
class TrainConfig(Settings):
    """How to train (section 5). The defaults are the paper's, but for the number of steps."""

    steps: int = 1_000
    schedule: Literal["paper", "constant"] = "paper"  # after the warm-up: down, or level
    warmup: int = 4_000  # updates; with a constant rate, 1 is none
    peak_lr: float | None = None  # None: d_model^-0.5 sets the height (eq. 3)
    cooldown: float = 0.0  # the share of the steps that brings the rate to 0; not in the paper
    adam_beta1: float = 0.9
    adam_beta2: float = 0.98
    adam_eps: float = 1e-9
    label_smoothing: float = 0.1
    consistency: float = 0.0  # weight of the difference between two dropouts; not in the paper
    accumulate: int = 1  # micro-batches to one update
    clip_norm: float = 0.0  # 0: gradients are not clipped
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 on CUDA
    device: str = "auto"  # auto: cuda, then mps, then cpu
    graphs: bool = False  # on one CUDA device, replay updates as CUDA graphs; not yet run on one
    log_every: int = 50
    evaluate_every: int = 200  # validation and a checkpoint
    average: int = 5  # the mean of so many last checkpoints is what translates (6.1)
    patience: int = 0  # stop after so many evaluations without a better one; 0: never
    seed: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(
            steps=self.steps, warmup=self.warmup, accumulate=self.accumulate,
            log_every=self.log_every, evaluate_every=self.evaluate_every, average=self.average,
        )  # fmt: skip
        require_rate(label_smoothing=self.label_smoothing)
        if self.peak_lr is not None and not self.peak_lr > 0:
            raise ValueError(f"peak_lr is {self.peak_lr}; it must be above 0, for example 0.005")
        if self.schedule == "constant" and self.peak_lr is None:
            raise ValueError("schedule=constant needs its rate: set peak_lr, for example 0.001")
        if not 0.0 <= self.cooldown <= 1.0:
            raise ValueError(
                f"cooldown is {self.cooldown}; it is a share of the steps, from 0 to 1"
            )
        if min(self.clip_norm, self.patience, self.consistency) < 0:
            raise ValueError(
                f"clip_norm is {self.clip_norm}, patience {self.patience} and consistency "
                f"{self.consistency}; none may be negative"
            )


@dataclass(frozen=True)
class DecodeConfig(Settings):
    """How to search for a translation (section 6.1). The defaults are the paper's."""

    beam_size: int = 4  # 1: greedy
    length_penalty: float = 0.6  # alpha
    penalty: Literal["gnmt", "length"] = "gnmt"  # ((5 + |Y|) / 6)^alpha, or |Y|^alpha
    extra_length: int = 50  # the longest output is the source's length plus this
    batch_size: int = 64  # sentences at a time

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(beam_size=self.beam_size, batch_size=self.batch_size)
        if self.extra_length < 0 or self.length_penalty < 0:
            raise ValueError(
                f"extra_length is {self.extra_length} and length_penalty {self.length_penalty}; "
                "neither may be negative"
            )


@dataclass(frozen=True)
class RunConfig:
    """Everything that makes a run: `runs/NAME/config.json` holds one."""

    model: AnyModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    decode: DecodeConfig = field(default_factory=DecodeConfig)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunConfig":
        """Build from the nested dict that `to_dict` returns.

        Raises:
            ValueError: a group or a setting is unknown, or a value is refused.
        """
        groups = {**values}
        model = {**groups.pop("model", {})}
        family = model.pop("family", "transformer")
        if family not in FAMILIES:
            raise ValueError(f"there is no model family {family!r}; {nearest(family, [*FAMILIES])}")
        built: dict[str, Any] = {"model": FAMILIES[family].from_dict(model)}
        kinds = {"data": DataConfig, "train": TrainConfig, "decode": DecodeConfig}
        for group, settings in groups.items():
            if group not in kinds:
                raise ValueError(
                    f"there is no group {group!r}; {nearest(group, ['model', *kinds])}"
                )
            built[group] = kinds[group].from_dict(settings)
        return cls(**built)

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain values, ready for JSON."""
        family = next(name for name, kind in FAMILIES.items() if type(self.model) is kind)
        model = {"family": family, **self.model.to_dict()}
        rest = {group: getattr(self, group).to_dict() for group in ("data", "train", "decode")}
        return {"model": model, **rest}

    def with_setting(self, assignment: str) -> "RunConfig":
        """Return a copy changed by `section.key=value`, as typed on a command line.

        Raises:
            ValueError: not of that form, an unknown section or key, or a value of another type.
        """
        path, equals, text = assignment.partition("=")
        section, dot, key = path.partition(".")
        if not (equals and dot):
            raise ValueError(
                f"{assignment!r} is not a setting; write section.key=value, "
                "for example train.steps=500"
            )
        if section not in ("model", "data", "train", "decode"):
            hint = nearest(section, ["model", "data", "train", "decode"])
            raise ValueError(f"there is no section {section!r}; {hint}")
        settings = getattr(self, section)
        known = get_type_hints(type(settings))
        if key not in known:
            raise ValueError(f"{section} has no setting {key!r}; {nearest(key, [*known])}")
        value = parse_value(f"{section}.{key}", text, known[key])
        return dataclasses.replace(self, **{section: settings.updated(**{key: value})})


def parse_value(name: str, text: str, kind: Any) -> Any:
    """Turn the typed `text` into a value of the annotated `kind`.

    Raises:
        ValueError: the text is no such value; the line quotes it and names the kind expected.
    """
    kinds = (kind,) if isinstance(kind, type) or not get_args(kind) else get_args(kind)
    if get_type_origin(kind) is Literal:
        return text  # Settings.__post_init__ compares it with the choices
    if type(None) in kinds and text.lower() in ("none", ""):
        return None
    plain = next(k for k in kinds if k is not type(None))
    if plain is bool:
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise ValueError(f"{name}={text} is not a truth value; write true or false")
    try:
        return plain(text.replace("_", "")) if plain is int else plain(text)
    except ValueError:
        word = {"int": "a whole number", "float": "a number"}.get(plain.__name__, plain.__name__)
        raise ValueError(f"{name}={text} is not {word}") from None


# The 4+4-layer model of the book: 1.8M parameters with 4,000 pieces.
_SMALL = ModelConfig(
    vocab_size=4_000, d_model=128, n_heads=4, n_encoder_layers=4, n_decoder_layers=4, d_ff=256,
    dropout=0.3, norm_order="pre",
)  # fmt: skip

# Transformer-Tiny of Wu et al. (2021), and its text, as far as our pieces allow.
_TINY = _SMALL.updated(vocab_size=10_000, norm_order="post")
_CAPTIONS = DataConfig(corpus="multi30k", n_pieces=10_000, lowercase=True)

PRESETS: dict[str, RunConfig] = {
    "grammar": RunConfig(  # 1M parameters: in half precision it is small enough to ship
        model=_TINY.updated(vocab_size=1_500, n_encoder_layers=3, n_decoder_layers=2, dropout=0.0),
        data=DataConfig(corpus="grammar", n_pairs=300_000, n_pieces=1_500, batch_tokens=2_048),
        train=TrainConfig(
            steps=10_000,
            warmup=400,
            peak_lr=3e-3,
            cooldown=0.5,
            label_smoothing=0.0,
            evaluate_every=500,
            average=3,
        ),
        decode=DecodeConfig(),
    ),
    "small": RunConfig(  # for text of one's own: pre-norm forgives more
        model=_SMALL,
        data=DataConfig(corpus="files", n_pieces=4_000),
        train=TrainConfig(steps=6_400, warmup=1_000, peak_lr=5e-3, cooldown=0.5),
        decode=DecodeConfig(beam_size=5, length_penalty=1.0),
    ),
    "multi30k": RunConfig(  # the published recipe below, cut short, with a rate that ends at zero
        model=_TINY,
        data=_CAPTIONS,
        train=TrainConfig(steps=5_500, warmup=2_000, peak_lr=5e-3, cooldown=0.4, accumulate=2),
        decode=DecodeConfig(beam_size=5, length_penalty=1.0),
    ),
    "published": RunConfig(  # that of Wu et al.; 57 updates are an epoch
        model=_TINY,
        data=_CAPTIONS,
        train=TrainConfig(
            steps=8_000,
            warmup=2_000,
            peak_lr=5e-3,
            accumulate=2,
            evaluate_every=57,
            average=10,
            patience=10,
        ),
        decode=DecodeConfig(beam_size=5, length_penalty=1.0, penalty="length"),
    ),
    "base": RunConfig(
        model=base(),
        data=DataConfig(corpus="files", n_pieces=37_000, batch_tokens=25_000),
        train=TrainConfig(steps=100_000, warmup=4_000, average=5),
        decode=DecodeConfig(),
    ),
    "big": RunConfig(
        model=big(),
        data=DataConfig(corpus="files", n_pieces=37_000, batch_tokens=25_000),
        train=TrainConfig(steps=300_000, warmup=4_000, average=20),
        decode=DecodeConfig(),
    ),
}

"""The book's runs, by name: settings that were chosen, measured and are told of in its chapters."""

from transformer_lib.config import (
    DataConfig,
    DecodeConfig,
    ModelConfig,
    RunConfig,
    TrainConfig,
    base,
    big,
)

# The 4+4-layer model of the book: 1.8M parameters with 4,000 pieces.
_SMALL = ModelConfig(
    d_model=128, n_heads=4, n_encoder_layers=4, n_decoder_layers=4, d_ff=256,
    dropout=0.3, norm_order="pre",
)  # fmt: skip

# Transformer-Tiny of Wu et al. (2021), and its text, as far as our pieces allow.
_CAPTIONER = _SMALL.updated(norm_order="post")
_CAPTIONS = DataConfig(corpus="multi30k", n_pieces=10_000, lowercase=True)

PRESETS: dict[str, RunConfig] = {
    "tiny": RunConfig(  # a minute on one core, to try things out: it learns, but not much
        model=_CAPTIONER.updated(
            d_model=64, d_ff=128, n_encoder_layers=1, n_decoder_layers=2, dropout=0.0
        ),
        data=DataConfig(corpus="grammar", n_pairs=4_000, n_pieces=600, batch_tokens=512),
        train=TrainConfig(
            steps=300,
            warmup=60,
            peak_lr=1e-2,
            cooldown=0.5,
            label_smoothing=0.0,
            log_every=20,
            evaluate_every=100,
            average=2,
        ),
        decode=DecodeConfig(),
    ),
    "grammar": RunConfig(  # 1M parameters: in half precision it is small enough to ship
        model=_CAPTIONER.updated(n_encoder_layers=3, n_decoder_layers=2, dropout=0.0),
        data=DataConfig(corpus="grammar", n_pairs=300_000, n_pieces=1_500, batch_tokens=2_048),
        train=TrainConfig(
            steps=9_000,
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
        model=_CAPTIONER,
        data=_CAPTIONS,
        train=TrainConfig(steps=5_500, warmup=2_000, peak_lr=5e-3, cooldown=0.4, accumulate=2),
        decode=DecodeConfig(beam_size=5, length_penalty=1.0),
    ),
    "published": RunConfig(  # that of Wu et al.; 57 updates are an epoch
        model=_CAPTIONER,
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

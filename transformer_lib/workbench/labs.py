"""The book's lab runs: of the grammar, of image captions, and of few captions."""

import dataclasses

from transformer_lib.config import DataConfig, DecodeConfig, ModelConfig, RunConfig, TrainConfig
from transformer_lib.workbench.lab import Lab

_MODEL = ModelConfig(  # post-norm, as Figure 1
    d_model=128, n_heads=4, n_encoder_layers=2, n_decoder_layers=2, d_ff=256, dropout=0.0
)
_TRAIN = TrainConfig(
    warmup=200, peak_lr=3e-3, cooldown=0.5, label_smoothing=0.0, device="cpu", precision="float32"
)
_GREEDY = DecodeConfig(beam_size=1, extra_length=20)

GRAMMAR = Lab(
    RunConfig(
        model=_MODEL,
        data=DataConfig(corpus="grammar", n_pairs=100_000, n_pieces=1_500, batch_tokens=512),
        train=_TRAIN,
        decode=_GREEDY,
    ),
    target_tokens=1_600_000,
    splits=("ordinary", "new_combinations", "deeper", "longer"),
    translated={"ordinary": 500, "new_combinations": 500},
)

CAPTIONS = Lab(  # for what the grammar cannot test: many translations of a sentence, rare words
    RunConfig(
        model=_MODEL.updated(dropout=0.2),
        data=DataConfig(corpus="multi30k", n_pieces=4_000, lowercase=True, batch_tokens=2_048),
        train=_TRAIN.updated(warmup=300, label_smoothing=0.1),
        decode=_GREEDY,
    ),
    target_tokens=3_000_000,
    splits=(),  # validation alone: the test is not for experiments
    translated={"valid": 1_014},
)

FEW_CAPTIONS = dataclasses.replace(  # for regularisation: a few minutes overfit them
    CAPTIONS,
    config=dataclasses.replace(
        CAPTIONS.config,
        data=CAPTIONS.config.data.updated(n_pairs=3_000, n_pieces=2_000, batch_tokens=1_024),
    ),
    target_tokens=1_000_000,
)


def quick(lab: Lab) -> Lab:
    """Return a lab run of seconds, whose figures mean nothing: for tests of experiments.

    It reads the grammar whatever the lab reads, so it needs no download.
    """
    config = lab.config
    model = config.model.updated(
        d_model=16, n_heads=2, n_encoder_layers=1, n_decoder_layers=1, d_ff=32
    )
    data = config.data.updated(corpus="grammar", n_pairs=2_000, n_pieces=500, batch_tokens=256)
    return dataclasses.replace(
        lab,
        config=dataclasses.replace(config, model=model, data=data),
        target_tokens=2_000,
        translated=dict.fromkeys(lab.translated, 4),
        n_points=2,
    )

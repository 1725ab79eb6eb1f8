"""Whatever the settings offer, a user's calls train it, load it and translate with it."""

import dataclasses

import pytest
from tiny_translator import tiny_config, write_text

from transformer_lib.config import ConvS2SConfig, RNNConfig
from transformer_lib.recipe import train_run
from transformer_lib.translator import Translator

CHOICES = [
    ("model.norm=batch", "model.positions=learned", "model.max_length=200"),
    ("model.norm=masked_batch", "model.norm_order=post", "train.precision=bfloat16"),
    ("model.positions=none", "model.window=3", "model.norm_order=pre"),
    ("model.tie_embeddings=false", "train.label_smoothing=0.1", "train.consistency=0.5"),
    ("train.schedule=constant", "train.warmup=1", "train.clip_norm=1", "model.window=3"),
    ("train.accumulate=2", "model.attention_dropout=0.1", "model.ff_dropout=0.1"),
    ("train.cooldown=0.5", "train.patience=1", "data.lowercase=true", "model.dropout=0.1"),
    ("model.d_k=4", "model.d_v=6", "model.positions=learned", "train.precision=bfloat16"),
    ("decode.beam_size=1", "decode.penalty=length", "model.norm=batch", "model.norm_order=post"),
]
RIVALS = [
    RNNConfig(d_model=16),
    RNNConfig(d_model=16, cell="gru", attention=False, bidirectional=False, n_layers=2),
    ConvS2SConfig(d_model=16, n_encoder_layers=1, n_decoder_layers=2, max_length=200),
    ConvS2SConfig(d_model=16, kernel_size=5, tie_embeddings=False, max_length=200),
]


@pytest.fixture
def config(tmp_path):
    """Return settings for a training of two updates on twenty sentences."""
    return tiny_config(*write_text(tmp_path)).with_settings(
        "train.steps=2", "train.evaluate_every=1", "train.average=2", "decode.extra_length=5"
    )


def trained_translator(config, path):
    """Train as a user does, and load what was trained."""
    assert train_run(config, path, quiet=True).reason in ("finished", "no better")
    return Translator.load(path, device="cpu")


@pytest.mark.parametrize("settings", CHOICES, ids=lambda settings: settings[0])
def test_every_choice_trains_and_translates(config, settings, tmp_path):
    config = config.with_settings(*settings)
    translator = trained_translator(config, tmp_path / "run")
    assert translator.config == config
    assert translator.translate(["The dog sleeps.", ""])[1:] == [""]


@pytest.mark.parametrize("model", RIVALS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_family_trains_and_translates(config, model, precision, tmp_path):
    config = config.with_settings(f"train.precision={precision}")
    config = dataclasses.replace(config, model=model)
    translator = trained_translator(config, tmp_path / "run")
    assert type(translator.config.model) is type(model)
    assert translator.translate(["The dog sleeps.", ""])[1:] == [""]

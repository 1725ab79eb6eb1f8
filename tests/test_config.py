"""Settings refuse what cannot be, name the nearest right name, and survive a file."""

import dataclasses
import json

import pytest

from transformer_lib.config import (
    ConvS2SConfig,
    DataConfig,
    DecodeConfig,
    ModelConfig,
    RNNConfig,
    RunConfig,
    TrainConfig,
    base,
    big,
)
from transformer_lib.presets import PRESETS


def test_base_and_big_are_table_3():
    assert (base().d_model, base().n_heads, base().d_ff, base().dropout) == (512, 8, 2048, 0.1)
    assert (big().d_model, big().n_heads, big().d_ff, big().dropout) == (1024, 16, 4096, 0.3)
    assert base().n_encoder_layers == base().n_decoder_layers == big().n_encoder_layers == 6


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        base().d_model = 3


@pytest.mark.parametrize("name", PRESETS)
def test_a_run_survives_json(name):
    run = PRESETS[name]
    assert RunConfig.from_dict(json.loads(json.dumps(run.to_dict()))) == run


@pytest.mark.parametrize("model", [RNNConfig(d_model=8), ConvS2SConfig(kernel_size=5)])
def test_every_family_survives_json(model):
    run = RunConfig(model=model)
    assert RunConfig.from_dict(json.loads(json.dumps(run.to_dict()))) == run


@pytest.mark.parametrize(
    ("assignment", "section", "key", "value"),
    [
        ("train.steps=1_500", "train", "steps", 1500),
        ("train.peak_lr=5e-3", "train", "peak_lr", 0.005),
        ("train.peak_lr=none", "train", "peak_lr", None),
        ("model.norm_order=pre", "model", "norm_order", "pre"),
        ("model.tie_embeddings=false", "model", "tie_embeddings", False),
        ("model.d_k=16", "model", "d_k", 16),
        ("data.src=my=file.en", "data", "src", "my=file.en"),
        ("decode.length_penalty=1", "decode", "length_penalty", 1.0),
    ],
)
def test_a_setting_is_typed_on_the_command_line(assignment, section, key, value):
    changed = RunConfig().with_settings(assignment)
    assert getattr(getattr(changed, section), key) == value
    assert type(getattr(getattr(changed, section), key)) is type(value)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.step=5", "train has no setting 'step'; did you mean 'steps'"),
        ("trian.steps=5", "no section 'trian'; did you mean 'train'"),
        ("steps=5", "'steps=5' is not a setting; write section.key=value"),
        ("train.steps", "is not a setting"),
        ("train.steps=many", "train.steps=many is not a whole number"),
        ("train.steps=1.5", "train.steps=1.5 is not a whole number"),
        ("train.peak_lr=fast", "train.peak_lr=fast is not a number"),
        ("model.tie_embeddings=maybe", "is not a truth value; write true or false"),
        ("model.norm_order=prae", "norm_order is 'prae', .* did you mean 'pre'"),
        ("train.steps=0", "steps is 0; it must be a whole number of 1 or more"),
        ("model.dropout=1", r"dropout is 1.0; it must lie in \[0, 1\)"),
        ("model.n_heads=0", "n_heads is 0"),
        ("train.peak_lr=-1", "peak_lr is -1.0; it must be above 0"),
        ("train.clip_norm=-1", "clip_norm is -1.0; it must be 0 or more"),
        ("train.clip_norm=inf", "clip_norm is inf"),
        ("train.cooldown=1.5", r"cooldown is 1.5; it must lie in \[0, 1\], for example 0.5"),
        ("train.adam_beta2=1", "adam_beta2 is 1.0"),
        ("decode.length_penalty=-1", "length_penalty is -1.0"),
        ("model.vocab_size=9", "model.vocab_size follows .* set data.n_pieces instead"),
        ("n_pieces=345", "'n_pieces=345' is not a setting; .* for example data.n_pieces=345"),
        ("train.dropout=0.2", "train has no setting 'dropout'; it is model.dropout"),
        ("model.dropout=nan", r"dropout is nan; it must lie in \[0, 1\)"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(assignment, message, unchecked_shapes):
    with pytest.raises(ValueError, match=message) as error:
        RunConfig().with_settings(assignment)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModelConfig().updated(n_head=4), "no setting 'n_head'; did you mean 'n_heads'"),
        (lambda: ModelConfig.from_dict({"dmodel": 4}), "did you mean 'd_model'"),
        (lambda: RunConfig.from_dict({"modle": {}}), "no group 'modle'; did you mean 'model'"),
        (lambda: RunConfig.from_dict({"model": {"family": "rn"}}), "no model family 'rn'"),
        (lambda: ModelConfig(n_encoder_layers=0), "n_encoder_layers is 0"),
        (lambda: ModelConfig(d_model=-8), "d_model is -8"),
        (lambda: RNNConfig(cell="lstmm"), "cell is 'lstmm', .* did you mean 'lstm'"),
        (lambda: TrainConfig(label_smoothing=1.0), r"label_smoothing is 1.0; it must lie in"),
        (lambda: DataConfig(batch_tokens=-1), "batch_tokens is -1"),
        (lambda: DecodeConfig(beam_size=0), "beam_size is 0"),
        (lambda: TrainConfig(steps=True), "steps is True; it must be a whole number of 1 or more"),
        (lambda: TrainConfig(steps="5"), "steps is '5'; it must be a whole number"),
        (lambda: TrainConfig(steps=5.0), "steps is 5.0; it must be a whole number"),
        (lambda: TrainConfig(seed=False), "seed is False; it must be a whole number"),
        (lambda: ModelConfig(dropout="0.1"), "dropout is '0.1'; it must lie in"),
        (lambda: ModelConfig(tie_embeddings=1), "tie_embeddings is 1; it must be true or false"),
        (lambda: DataConfig(src=3), "src is 3; it must be text"),
        (lambda: DataConfig(n_pairs=None), "n_pairs is None"),
    ],
)
def test_a_wrong_value_is_refused_wherever_it_comes_from(make, message, unchecked_shapes):
    with pytest.raises(ValueError, match=message):
        make()


def test_every_number_says_which_values_it_takes():
    """A new setting cannot be forgotten: only seeds may be any whole number."""
    groups = (ModelConfig, RNNConfig, ConvS2SConfig, DataConfig, TrainConfig, DecodeConfig)
    free = {
        name
        for group in groups
        for name, field in group.fields().items()
        if type(field.default) in (int, float) and not field.metadata.get("allowed")
    }
    assert free == {"seed"}


def test_the_vocabulary_is_one_fact():
    run = RunConfig(model=RNNConfig(vocab_size=9), data=DataConfig(n_pieces=300))
    assert run.model.vocab_size == 300
    assert run.with_settings("data.n_pieces=400", "model.d_model=8").model.vocab_size == 400
    stored = run.to_dict() | {"model": {"family": "rnn", "vocab_size": 7}}
    assert RunConfig.from_dict(stored).model.vocab_size == 300


def test_settings_are_applied_one_after_the_other():
    run = RunConfig()
    assert run.with_settings() == run
    changed = run.with_settings("train.steps=5", "data.seed=3", "train.steps=6")
    assert (changed.train.steps, changed.data.seed) == (6, 3)


def test_what_a_run_must_keep_is_said_by_the_settings():
    lasting = RunConfig().lasting()
    assert lasting["model.family"] == "transformer"
    assert {"model.d_model", "data.n_pieces", "train.seed"} <= lasting.keys()
    assert not {"train.steps", "train.patience", "train.device", "train.graphs"} & lasting.keys()
    assert not any(name.startswith("decode.") for name in lasting)


@pytest.mark.parametrize(
    ("model", "longest"),
    [
        (ModelConfig(max_length=9), None),
        (ModelConfig(max_length=9, positions="learned"), 9),
        (ConvS2SConfig(max_length=9), 9),
        (RNNConfig(), None),
    ],
)
def test_only_learned_positions_bound_a_sentence(model, longest):
    assert model.longest == longest

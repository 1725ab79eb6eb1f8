"""A brief training of the grammar's translator: it learns as fast as it should, and no faster."""

import pytest

from transformer_lib.config import PRESETS
from transformer_lib.recipe import train_run

SETTINGS = [
    "data.n_pairs=4000", "data.n_pieces=800", "data.batch_tokens=512", "model.d_model=64",
    "model.d_ff=128", "model.n_encoder_layers=1", "model.n_decoder_layers=1", "train.steps=300",
    "train.warmup=60", "train.peak_lr=0.012", "train.log_every=20", "train.evaluate_every=300",
    "train.device=cpu",
]  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Train with the recipe of the preset, scaled down; return what was recorded."""
    patch = pytest.MonkeyPatch()
    patch.setattr("transformer_lib.data.corpus.HELD_OUT", 100)
    config = PRESETS["grammar"]
    for assignment in SETTINGS:
        config = config.with_setting(assignment)
    outcome = train_run(config, tmp_path_factory.mktemp("brief") / "run", quiet=True)
    patch.undo()
    return outcome.history


def test_the_loss_falls(history):
    first, *_, last = [record["loss"] for record in history if "loss" in record]
    assert first > 5
    assert 1 < last < 2.8


def test_new_sentences_are_predicted_but_not_given_away(history):
    """Without the shift the decoder would see the word that it predicts, and be right too soon."""
    valid = history[-1]
    assert 0.4 < valid["accuracy"] < 0.9
    assert 1 < valid["valid_nll"] < 2.9

"""A brief training of the grammar's translator: it learns as fast as it should, and no faster."""

import pytest

from transformer_lib.presets import PRESETS
from transformer_lib.recipe import train_run


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Train the tiny preset; return what was recorded."""
    patch = pytest.MonkeyPatch()
    patch.setattr("transformer_lib.data.corpus.HELD_OUT", 100)
    config = PRESETS["tiny"].with_settings("train.device=cpu")
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

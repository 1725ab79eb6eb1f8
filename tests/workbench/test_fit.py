"""A model learns a toy task in one call, the same every time."""

import pytest
import torch

from transformer_lib.config import ModelConfig, RNNConfig
from transformer_lib.data.toy import copying, recalling
from transformer_lib.models import build_model
from transformer_lib.workbench.fit import accuracies, fit

SMALL = ModelConfig(
    d_model=64, n_heads=4, n_encoder_layers=1, n_decoder_layers=1, d_ff=64, dropout=0.0,
    norm_order="pre",
)  # fmt: skip


@pytest.mark.usefixtures("unchecked_shapes")  # which costs several times the training
def test_a_small_transformer_learns_to_copy():
    found = fit(SMALL, copying(16, 4, 8), steps=400, peak_lr=5e-3)
    assert found.accuracy > 0.99
    assert not found.model.training
    assert found.accuracy == pytest.approx(sum(found.by_length.values()) / 5)
    assert set(found.by_length) == set(range(4, 9))
    assert found.history[-1]["loss"] < 0.1 < found.history[0]["loss"]


def test_a_model_that_has_learned_nothing_guesses():
    found = fit(SMALL, copying(8, 2, 8), steps=1)
    assert 0.02 < found.accuracy < 0.3


def test_the_same_seed_gives_the_same_model_and_another_another():
    task = copying(4, 2, 3)
    one, again, other = (fit(SMALL, task, steps=3, seed=seed) for seed in (1, 1, 2))
    assert all(map(torch.equal, one.model.parameters(), again.model.parameters()))
    assert not all(map(torch.equal, one.model.parameters(), other.model.parameters()))


def test_a_model_of_ones_own_is_trained_in_place():
    task = recalling(4, 2, 3)
    mine = build_model(RNNConfig(vocab_size=task.vocab_size, d_model=16, dropout=0.0))
    before = [weight.clone() for weight in mine.parameters()]
    found = fit(mine, task, steps=2, peak_lr=0.1)
    assert found.model is mine
    assert not any(map(torch.equal, before, mine.parameters()))


def test_accuracy_is_that_of_the_words():
    """A model that always predicts the first word is right where that is the target."""
    task = copying(4, 2, 3)

    class Constant(torch.nn.Module):
        def forward(self, src, tgt):
            return torch.nn.functional.one_hot(torch.full_like(tgt, 3), task.vocab_size).double()

    found = accuracies(Constant(), task, n_pairs=500)
    assert set(found) == {2, 3}
    assert list(found.values()) == pytest.approx([0.25, 0.25], abs=0.05)

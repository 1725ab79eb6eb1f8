"""Two readings of a batch, against torch's divergence."""

import pytest
import torch
from tiny_run import adder, configuration, pairs, tiny_model, train_tiny

from transformer_lib.config import PAD
from transformer_lib.data.batching import collate
from transformer_lib.training.consistency import Divergence, consistent_nll, twice
from transformer_lib.training.fast import loss as fast_loss
from transformer_lib.training.fast.loss import projected_nll
from transformer_lib.training.loss import token_nll


def example(n: int = 40, v: int = 11) -> torch.Tensor:
    """Return targets, a quarter of them padding."""
    targets = torch.randint(1, v, (n,))
    targets[::4] = PAD
    return targets


def test_consistency_adds_the_divergence_between_two_passes():
    targets = example()
    hidden, weight = torch.randn(2, 40, 6).double(), torch.randn(11, 6).double()
    logits = hidden @ weight.T
    plain = [token_nll(part, targets, 0.1) for part in logits]
    found = consistent_nll(hidden, weight, targets, 0.1, 2.5)
    first, second = (torch.distributions.Categorical(logits=part) for part in logits)
    both_ways = torch.distributions.kl_divergence(first, second)
    both_ways = (both_ways + torch.distributions.kl_divergence(second, first)) / 2
    expected = sum(x.loss for x in plain) / 2 + 2.5 * both_ways[targets != PAD].sum()
    torch.testing.assert_close(found.loss, expected)
    torch.testing.assert_close(found.nll, sum(x.nll for x in plain) / 2)


def test_equal_passes_are_consistent():
    targets = example()
    hidden, weight = torch.randn(40, 6).double(), torch.randn(11, 6).double()
    pair = consistent_nll(hidden.repeat(2, 1, 1), weight, targets, 0.1, 100.0)
    once = projected_nll(hidden, weight, targets, 0.1)
    torch.testing.assert_close(pair, once)


def test_the_divergence_has_the_gradient_of_its_values(monkeypatch):
    monkeypatch.setitem(fast_loss.BYTES_AT_ONCE, "cpu", 1)  # two rows, two, and one
    hidden = torch.randn(2, 5, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    counts = torch.tensor([True, False, True, True, True])
    assert torch.autograd.gradcheck(lambda h, w: Divergence.apply(h, w, counts), (hidden, weight))


def test_the_pairs_stand_there_twice_and_count_once():
    batch = collate(pairs(3, seed=5), [0, 1, 2])
    doubled = twice(batch)
    for ids, again in zip(batch[:3], doubled[:3], strict=True):
        assert torch.equal(again[:3], ids)
        assert torch.equal(again[3:], ids)
    assert (doubled.n_tokens, doubled.n_pairs) == (batch.n_tokens, batch.n_pairs)


def gradient(consistency, rate, rows):
    """The gradient of one batch, in double precision."""
    config = configuration(f"model.dropout={rate}", consistency=consistency)
    model = tiny_model(config).double()
    torch.manual_seed(7)
    sums = adder(model, config)(collate(pairs(9, seed=5), rows), torch.ones(()))
    return sums, [parameter.grad for parameter in model.parameters()]


def test_without_dropout_two_readings_agree_and_nothing_changes():
    (sums, ours), (expected, theirs) = (gradient(c, 0.0, [*range(9)]) for c in (5.0, 0.0))
    torch.testing.assert_close(sums, expected)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-9)


def test_with_dropout_it_costs_and_pulls():
    (sums, ours), (expected, theirs) = (gradient(c, 0.3, [*range(9)]) for c in (5.0, 1e-9))
    assert sums[0] > expected[0]
    assert sums[1] == pytest.approx(expected[1].item())
    assert not all(torch.allclose(a, b) for a, b in zip(ours, theirs, strict=True))


def test_a_share_without_a_pair_has_a_gradient_of_zero():
    sums, found = gradient(5.0, 0.3, [])
    assert not sums.any()
    assert not any(part.any() for part in found)


def test_the_setting_trains():
    _, outcome = train_tiny(configuration("model.dropout=0.3", consistency=3.0))
    _, plain = train_tiny(configuration("model.dropout=0.3"))
    assert outcome.reason == "finished"
    assert outcome.history[0]["loss"] > plain.history[0]["loss"]

"""What is drawn at random in a training: when anew, and what must not disturb it."""

import torch
from tiny_run import configuration, pairs, stream, tiny_model, train_tiny

from transformer_lib.data.batching import collate
from transformer_lib.training.distributed import World
from transformer_lib.training.loop import train


class OneBatch:
    """The same batch for ever."""

    def __init__(self):
        self.batch = collate(pairs(9, seed=5), [*range(9)])

    def __next__(self):
        return self.batch

    def state(self):
        return {}

    def restore(self, state):
        pass


def losses(seed: int = 1, dropout: float = 0.1) -> list[float]:
    """The losses of one batch, again and again, while the weights as good as stand still."""
    config = configuration(
        f"model.dropout={dropout}", steps=8, log_every=1, evaluate_every=8, warmup=1,
        schedule="constant", peak_lr=1e-30,
    )  # fmt: skip
    model = tiny_model(config)
    how = config.train.updated(seed=seed)
    outcome = train(model, OneBatch(), [], how, d_model=16, world=World())
    return [record["loss"] for record in outcome.history]


def test_each_update_draws_its_dropout_anew():
    assert len(set(losses())) == 8
    assert len(set(losses(dropout=0.0))) == 1  # nothing else differs


def test_the_same_seed_draws_the_same_and_another_seed_something_else():
    assert losses(seed=1) == losses(seed=1)
    assert not set(losses(seed=1)) & set(losses(seed=2))


def test_validation_draws_nothing_and_disturbs_nothing():
    """However often it comes, the updates are the same, and so is what it finds."""
    rare, often = (train_tiny(configuration(evaluate_every=n)) for n in (12, 1))
    for ours, theirs in zip(rare[0].parameters(), often[0].parameters(), strict=True):
        assert torch.equal(ours, theirs)
    assert rare[1].history[-1]["valid_nll"] == often[1].history[-1]["valid_nll"]


def test_an_epoch_has_an_order_of_its_own_that_only_its_seed_and_number_decide():
    def epochs(seed, n=3):
        batches = stream(configuration(seed=seed))
        return [[next(batches).src.tolist() for _ in range(len(batches))] for _ in range(n)]

    one, other = epochs(1), epochs(2)
    assert one == epochs(1)
    orders = [str(epoch) for epoch in (*one, *other)]
    assert len(set(orders)) == len(orders)
    sentences = [sorted(str(row) for b in epoch for row in unpadded(b)) for epoch in one]
    assert sentences[0] == sentences[1] == sentences[2]  # the same pairs all the same


def unpadded(batch):
    return [[token for token in row if token] for row in batch]

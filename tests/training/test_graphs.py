"""Resident batches and recorded updates change nothing that is computed."""

import dataclasses

import pytest
import torch
from tiny_run import adder, configuration, pairs, stream, tiny_model, train_tiny

from transformer_lib import recipe
from transformer_lib.config import ModelConfig, RNNConfig
from transformer_lib.data.resident import ResidentBatches
from transformer_lib.models import build_model
from transformer_lib.training import update
from transformer_lib.training.distributed import World
from transformer_lib.training.fast import graphs

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
MODELS = (
    (), ("model.norm_order=pre",), ("train.consistency=2",), ("model.positions=learned",),
    ("model.window=3",), ("model.attention_dropout=0.0", "train.label_smoothing=0"),
)  # fmt: skip


def resident(config, device="cpu"):
    """The batches of `stream`, resident."""
    return ResidentBatches(
        pairs(60, seed=0), config.data.batch_tokens, config.train.seed, device=device
    )


def gradients(config, batches, wrap=lambda add, model: add):
    """The sums and the gradient of an update of several micro-batches, in double precision."""
    model = tiny_model(config).double()
    parts = [next(batches) for _ in range(5)]
    add = wrap(adder(model, config), model)
    sums = update.add_gradients(model, parts, add, World())
    return [sums, *(parameter.grad for parameter in model.parameters())]


@pytest.mark.parametrize("settings", MODELS, ids=str)
@pytest.mark.parametrize("recorded", [False, True])
def test_loss_and_gradient_are_those_of_the_hosts_batches(settings, recorded):
    """Rows without a target, and columns of padding, count for nothing."""
    config = configuration("model.dropout=0.0", *settings)
    wrap = graphs.Recorded if recorded else lambda add, model: add
    ours, theirs = gradients(config, resident(config), wrap), gradients(config, stream(config))
    assert ours[0][2] == theirs[0][2]
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-6, atol=0)  # kept in float32
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


@pytest.fixture
def always_recorded(monkeypatch):
    """Train by the steps of graphs where there is no CUDA device; a replay is the computation."""
    monkeypatch.setattr(graphs, "wanted", lambda config, world: True)


def assert_trains_alike(one, other):
    (model, outcome), (twin, expected) = one, other
    assert [record["step"] for record in outcome.history] == [r["step"] for r in expected.history]
    for record, wanted in zip(outcome.history, expected.history, strict=True):
        for name in {"loss", "nll", "valid_nll"} & {*record}:
            assert record[name] == pytest.approx(wanted[name], rel=1e-4)
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("settings", [(), ("train.accumulate=2", "train.clip_norm=0.5")], ids=str)
def test_training_on_resident_batches_is_training(settings, always_recorded, monkeypatch):
    config = configuration("model.dropout=0.0", *settings)
    recorded = train_tiny(config, batches=resident(config))
    monkeypatch.undo()
    eager = train_tiny(config, batches=resident(config))
    assert_trains_alike(recorded, eager)
    assert_trains_alike(eager, train_tiny(config))


def test_what_a_graph_holds_stays_where_it_is(monkeypatch):
    """Over many updates each shape has one set of tensors, and gradients have one place."""
    config, seen = configuration(), {}

    class Watched(graphs.Recorded):
        def record(self, batch):
            static, run = super().record(batch)

            def replay():
                grads = [parameter.grad.data_ptr() for parameter in self.parameters]
                places = [ids.data_ptr() for ids in static[:3]]
                seen.setdefault(static.src.shape, set()).add((*places, *grads))
                assert seen.setdefault("weights", weights(self)) == weights(self)
                run()

            return static, replay

    def weights(recorded):
        return [p.data_ptr() for p in (*recorded.parameters, recorded.weight, recorded.sums)]

    monkeypatch.setattr(graphs, "wanted", lambda config, world: True)
    monkeypatch.setattr(graphs, "Recorded", Watched)
    train_tiny(config, batches=resident(config))
    del seen["weights"]
    assert 2 <= len(seen) <= 6
    assert all(len(places) == 1 for places in seen.values())


def test_batches_of_the_host_are_computed_as_always(always_recorded, monkeypatch):
    monkeypatch.delattr(graphs.Recorded, "record")
    config = configuration()
    recorded, outcome = train_tiny(config)
    model, expected = train_tiny(configuration(graphs=False), batches=stream(config))
    assert outcome.history[-1]["valid_nll"] == expected.history[-1]["valid_nll"]
    for ours, theirs in zip(recorded.parameters(), model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("graphs_on", "world", "expected"),
    [
        (True, World(device=torch.device("cuda", 0)), True),
        (False, World(device=torch.device("cuda", 0)), False),
        (True, World(1, 2, torch.device("cuda", 0)), False),
        (True, World(), False),
    ],
)
def test_updates_are_recorded_on_one_cuda_device_if_asked_for(graphs_on, world, expected):
    assert graphs.wanted(configuration(graphs=graphs_on).train, world) is expected


@pytest.mark.parametrize(
    ("model", "device", "expected"),
    [
        (ModelConfig(), "cuda", True),
        (ModelConfig(norm="masked_batch"), "cuda", False),
        (RNNConfig(), "cuda", False),
        (ModelConfig(), "cpu", False),
    ],
)
def test_a_transformer_on_cuda_reads_resident_batches(model, device, expected, monkeypatch):
    on_the_host = ResidentBatches(pairs(9, seed=0), 64, seed=1)
    monkeypatch.setattr(recipe, "ResidentBatches", lambda *where: on_the_host)
    config = dataclasses.replace(configuration(), model=model)
    with torch.device("meta"):
        pads_matter = build_model(model).pads_matter
    world = World(device=torch.device(device))
    batches = recipe.training_batches(config, pairs(9, seed=0), world, pads_matter)
    assert (batches is on_the_host) is expected


@needs_cuda
@pytest.mark.parametrize("dropout", ["0.0", "0.3"])
def test_a_replay_computes_what_was_recorded_dropout_included(dropout):
    """Each update seeds its dropout, so graphs and launches draw the same masks."""
    settings = ("train.precision=float32", "train.accumulate=2", f"model.dropout={dropout}")
    config = configuration(*settings, steps=40, device="cuda")
    world = World(device=torch.device("cuda", 0))
    batches = [resident(config, world.device) for _ in range(2)]
    plain = dataclasses.replace(config, train=config.train.updated(graphs=False))
    assert_trains_alike(
        train_tiny(config, world=world, batches=batches[0]),
        train_tiny(plain, world=world, batches=batches[1]),
    )


class Watched(ResidentBatches):
    """The first batches of the epoch again and again; from the 13th on, waiting is an error."""

    n = 0

    def __next__(self):
        self.position, self.n = self.n % 4, self.n + 1
        torch.cuda.set_sync_debug_mode("error" if 12 < self.n < 24 else "default")
        return super().__next__()


@needs_cuda
@pytest.mark.parametrize("graphs_on", [False, True])
def test_an_update_never_waits_for_the_device(graphs_on):
    config = configuration(steps=24, log_every=24, evaluate_every=24, graphs=graphs_on)
    world = World(device=torch.device("cuda", 0))
    data = (pairs(60, seed=0), config.data.batch_tokens, config.train.seed)
    try:
        # A wait raises; see Watched.
        _, outcome = train_tiny(config, world=world, batches=Watched(*data, device=world.device))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert outcome.step == 24

"""A lab run returns all its figures, the same ones for a seed, and pairs its variants."""

import json
import math
import os
import signal

import pytest
import torch

from transformer_lib.config import RunConfig
from transformer_lib.data.batching import Batches
from transformer_lib.models import build_model
from transformer_lib.training import loop
from transformer_lib.workbench import lab as module
from transformer_lib.workbench.lab import Lab, by_figure, lab_run, train_lab
from transformer_lib.workbench.labs import CAPTIONS, FEW_CAPTIONS, GRAMMAR, quick
from transformer_lib.workbench.variant import changed

LAB = quick(GRAMMAR)
SPLITS = ["valid", "ordinary", "new_combinations", "deeper", "longer"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One folder for all tests, with splits of few sentences."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transformer_lib.data.corpus.HELD_OUT", 30)
        yield tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def baseline(cache):
    return lab_run(LAB, 1, cache=cache)


def without_time(figures):
    curve = [{**point, "cpu_s": 0} for point in figures["curve"]]
    return {**figures, "curve": curve, "train_cpu_s": 0, "score_cpu_s": 0}


def test_all_figures_are_there_and_ready_for_json(baseline):
    assert json.loads(json.dumps(baseline, allow_nan=False)) == baseline
    assert baseline["diverged"] is None
    for name in ("loss", "loss_per_character", "word_accuracy"):
        assert list(baseline[name]) == SPLITS
        assert all(0 <= value < 20 for value in baseline[name].values())
    for name in ("exact_match", "bleu"):
        assert list(baseline[name]) == ["ordinary", "new_combinations"]
    assert baseline["target_tokens"] == pytest.approx(LAB.target_tokens, rel=0.1)
    updates = [point["update"] for point in baseline["curve"]]
    assert updates == [baseline["updates"] // 2, baseline["updates"]]
    assert baseline["curve"][-1]["valid_loss"] == baseline["loss"]["valid"]
    assert baseline["curve"][-1]["rate"] < baseline["curve"][0]["rate"]
    assert 0 < baseline["curve"][0]["cpu_s"] <= baseline["train_cpu_s"] + 0.1


def test_a_seed_gives_the_same_figures_and_another_seed_others(baseline, cache):
    assert without_time(lab_run(LAB, 1, cache=cache)) == without_time(baseline)
    assert lab_run(LAB, 2, cache=cache)["loss"] != baseline["loss"]


def watched(monkeypatch):
    """Return two lists that fill up: the initial weights of each run, and the sources it reads."""
    weights, sources, begun = [], [], Batches.__next__

    def train(model, *others, **options):
        weights.append({name: p.clone() for name, p in model.named_parameters()})
        sources.append([])
        return loop.train(model, *others, **options)

    def read(batches):
        batch = begun(batches)
        sources[-1].append(batch)
        return batch

    monkeypatch.setattr(module, "train", train)
    monkeypatch.setattr(Batches, "__next__", read)
    return weights, sources


def alike(batches, others):
    return all(torch.equal(a.src, b.src) for a, b in zip(batches, others, strict=True))


def test_paired_runs_begin_alike_and_read_the_same_batches(cache, monkeypatch):
    weights, read = watched(monkeypatch)
    for seed, changes in [(1, ()), (1, ["model.norm_order=pre", "train.peak_lr=0.001"]), (2, ())]:
        train_lab(LAB, seed, changes, cache=cache)
    assert alike(read[0], read[1])
    assert weights[0].keys() < weights[1].keys()  # a norm more at the end of each stack
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert len(read[0]) == len(read[2])
    assert not all(len(a.src) == len(b.src) for a, b in zip(read[0], read[2], strict=True))
    assert not torch.equal(weights[0]["src_embedding.weight"], weights[2]["src_embedding.weight"])


def test_dropout_follows_the_seed_of_the_run(cache):
    changes = ["model.dropout=0.5"]
    one, again, other = (train_lab(LAB, seed, changes, cache=cache) for seed in (1, 1, 2))
    assert [run.config.train.seed for run in (one, again, other)] == [1, 1, 2]
    assert one.curve[0]["train_loss"] == again.curve[0]["train_loss"]
    assert one.curve[0]["train_loss"] != other.curve[0]["train_loss"]


def test_another_family_keeps_what_it_knows_too(cache):
    figures = lab_run(LAB, 1, ["model.n_layers=2", "model.family=rnn"], cache=cache)
    assert figures["parameters"] > 0
    config = changed(LAB.config, ["model.n_layers=2", "model.family=rnn"])
    assert (config.model.d_model, config.model.n_layers, config.model.dropout) == (16, 2, 0.0)
    assert RunConfig.from_dict(config.to_dict()) == config


def test_a_part_can_be_replaced(cache):
    def without_feed_forward(config):
        model = build_model(config)
        for layer in model.encoder.layers:
            layer.feed_forward = torch.nn.Identity()
        return model

    figures = lab_run(LAB, 1, build=without_feed_forward, cache=cache)
    plain = sum(
        p.numel() for p in build_model(LAB.config.model.updated(vocab_size=500)).parameters()
    )
    assert figures["parameters"] == plain - (2 * 16 * 32 + 32 + 16)


def test_the_length_is_counted_in_target_tokens_whatever_the_batch(cache):
    halves = train_lab(LAB, 1, ["data.batch_tokens=128"], cache=cache)
    twice = train_lab(LAB, 1, ["data.batch_tokens=128", "train.accumulate=2"], cache=cache)
    assert halves.config.train.steps == pytest.approx(2 * twice.config.train.steps, abs=2)
    for run in (halves, twice):
        assert run.target_tokens == pytest.approx(LAB.target_tokens, rel=0.1)


def test_the_tokens_that_are_told_are_those_that_were_read(cache, monkeypatch):
    _, read = watched(monkeypatch)
    run = train_lab(LAB, 1, cache=cache)
    assert run.target_tokens == pytest.approx(sum(batch.n_tokens for batch in read[0]), rel=0.1)


def test_a_run_that_diverges_says_so_and_nothing_else(cache):
    figures = lab_run(LAB, 1, ["train.peak_lr=1e30", "train.warmup=1"], cache=cache)
    assert list(figures) == ["diverged"]
    assert "loss is" in figures["diverged"]


def test_an_interrupted_run_has_no_figures(cache, monkeypatch):
    """The loop turns SIGINT and SIGTERM into an orderly end, which must not pass for the end."""
    read = Batches.__next__

    def interrupted(batches):
        os.kill(os.getpid(), signal.SIGINT)
        return read(batches)

    monkeypatch.setattr(Batches, "__next__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        lab_run(LAB, 1, cache=cache)


def test_what_belongs_to_the_lab_cannot_be_changed():
    with pytest.raises(ValueError, match=r"train\.steps is not for a variant"):
        lab_run(LAB, 1, ["train.steps=5"])
    with pytest.raises(ValueError, match="d_model"):
        lab_run(LAB, 1, ["model.dmodel=5"])


def test_one_thread_computes_and_then_as_many_as_before(cache):
    found = []

    def build(config):
        found.append(torch.get_num_threads())
        return build_model(config)

    torch.set_num_threads(2)
    try:
        train_lab(LAB, 1, (), build, cache)
        assert (found, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(1)


def test_a_lab_becomes_plain_values_and_back():
    for lab in (GRAMMAR, CAPTIONS, FEW_CAPTIONS, LAB):
        assert Lab.from_dict(json.loads(json.dumps(lab.to_dict()))) == lab


def test_figures_are_turned_by_figure():
    assert by_figure({"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 4}}) == {
        "x": {"a": 1, "b": 3}, "y": {"a": 2, "b": 4}
    }  # fmt: skip
    assert by_figure({}) == {}


def test_the_book_labs_are_post_norm_and_leave_the_test_captions_alone():
    for lab in (GRAMMAR, CAPTIONS, FEW_CAPTIONS):
        assert lab.config.model.norm_order == "post"
        assert lab.config.train.cooldown > 0
        assert math.isfinite(lab.config.train.peak_lr)
    for lab in (CAPTIONS, FEW_CAPTIONS):
        assert lab.splits == ()
        assert list(lab.translated) == ["valid"]

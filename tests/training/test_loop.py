"""Training itself: updates, reports, early stopping, and what it does when a loss is not finite."""

import errno
import io
import math
import os
from itertools import pairwise

import pytest
import torch
from tiny_run import adder, configuration, pairs, stream, tiny_model, train_tiny, valid

from transformer_lib.config import PAD
from transformer_lib.data.batching import Batch, collate
from transformer_lib.training import checkpoint, update
from transformer_lib.training.distributed import World
from transformer_lib.training.loop import train
from transformer_lib.training.progress import Progress, duration, track
from transformer_lib.training.run import RunFolder


def gradients(micro_batches: list[Batch], **settings) -> dict[str, torch.Tensor]:
    """Return the gradient of one update of the tiny model in double precision."""
    config = configuration("model.dropout=0.0", **settings)
    model = tiny_model(config).double()
    update.add_gradients(model, micro_batches, adder(model, config), World())
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("cuts", [[0, 20, 40], [0, 1, 39, 40], [0, 13, 13, 40]])
def test_accumulation_equals_the_big_batch(cuts):
    """Micro-batches of unequal size, one without any pair, give the gradient of all at once."""
    data = pairs(40, seed=5)
    parts = [collate(data, list(range(a, b))) for a, b in pairwise(cuts)]
    accumulated, at_once = gradients(parts), gradients([collate(data, list(range(40)))])
    for name, gradient in at_once.items():
        torch.testing.assert_close(accumulated[name], gradient, rtol=1e-9, atol=1e-12)


def test_the_gradient_is_of_the_mean_over_target_tokens():
    config = configuration("model.dropout=0.0")
    model = tiny_model(config).double()
    batch = collate(pairs(9, seed=5), list(range(9)))
    log_probs = model(batch.src, batch.tgt_in).log_softmax(dim=-1)
    smoothed = 0.9 * log_probs.gather(-1, batch.tgt_out[..., None])[..., 0] + 0.1 * log_probs.mean(
        -1
    )
    (-smoothed[batch.tgt_out != PAD].mean()).backward()
    for name, gradient in gradients([batch]).items():
        expected = model.get_parameter(name).grad
        torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-9)


def test_the_optimizer_is_the_papers_adam():
    model = tiny_model(configuration())
    group = update.adam(model, configuration().train).param_groups[0]
    assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.9, 0.98), 1e-9, 0)


def test_training_learns():
    config = configuration(steps=150, warmup=30, peak_lr=1e-2, log_every=10, evaluate_every=150)
    _, outcome = train_tiny(config)
    losses = [record["nll"] for record in outcome.history if "nll" in record]
    assert losses[-1] < 0.8 * losses[0]
    assert losses[0] < 1.5 * math.log(20)


def test_what_is_recorded():
    _, outcome = train_tiny(configuration("model.dropout=0.0"))
    reports = [record for record in outcome.history if "loss" in record]
    evaluations = [record for record in outcome.history if "valid_nll" in record]
    assert [record["step"] for record in reports] == [2, 4, 6, 8, 10, 12]
    assert [record["step"] for record in evaluations] == [4, 8, 12]
    assert set(reports[0]) == {"step", "loss", "nll", "lr", "tokens_per_s", "elapsed_s"}
    assert set(evaluations[0]) == {"step", "valid_nll", "valid_ppl", "accuracy", "elapsed_s"}
    assert reports[0]["lr"] == pytest.approx(3e-3 * 2 / 5)
    assert reports[0]["loss"] != reports[0]["nll"]  # smoothed and not
    assert evaluations[0]["valid_ppl"] == pytest.approx(math.exp(evaluations[0]["valid_nll"]))


def test_validation_is_a_mean_over_tokens_in_eval_mode():
    config = configuration(steps=4)
    model, outcome = train_tiny(config)
    model.eval()
    nll, right, n_tokens = 0.0, 0, 0
    for batch in valid():
        logits = model(batch.src, batch.tgt_in)
        real = batch.tgt_out != PAD
        log_probs = logits.log_softmax(-1).gather(-1, batch.tgt_out[..., None])[..., 0]
        nll -= log_probs[real].sum().item()
        right += (logits.argmax(-1) == batch.tgt_out)[real].sum().item()
        n_tokens += batch.n_tokens
    assert outcome.history[-1]["valid_nll"] == pytest.approx(nll / n_tokens, rel=1e-5)
    assert outcome.history[-1]["accuracy"] == pytest.approx(right / n_tokens)


def test_without_validation_it_trains_all_the_same(tmp_path):
    config = configuration()
    run = RunFolder.create(tmp_path / "run", config)
    outcome = train(tiny_model(config), stream(config), [], config.train, 16, run, World())
    assert (outcome.step, outcome.reason) == (12, "finished")
    assert len(checkpoint.checkpoints(run.checkpoint_folder)) == 2


def test_it_stops_early_and_stays_stopped(tmp_path):
    """A learning rate far too high soon makes validation worse."""
    config = configuration(steps=400, patience=2, peak_lr=3e-2, warmup=1, evaluate_every=4)
    run = RunFolder.create(tmp_path / "run", config)
    _, outcome = train_tiny(config, run)
    assert outcome.reason == "no better"
    values = [r["valid_nll"] for r in outcome.history if "valid_nll" in r]
    assert values.index(min(values)) == len(values) - 3  # two evaluations after the best
    assert all(value > min(values) for value in values[-2:])
    best_step = 4 * (values.index(min(values)) + 1)
    names = [path.name for path in checkpoint.checkpoints(run.checkpoint_folder)]
    assert names == [f"step-{s:08d}" for s in (best_step, best_step + 4, best_step + 8)]
    _, again = train_tiny(config, run)
    assert (again.step, again.reason) == (outcome.step, "no better")


@pytest.mark.parametrize(
    ("bad_step", "evaluate_every", "named"),
    [
        (3, 20, "at step 3 "),  # found in the report of steps 1 to 5
        (14, 9, "at step 14 "),  # after a checkpoint
        (7, 3, "at step 9 "),  # found by the validation before the report of step 10
    ],
)
def test_a_loss_that_is_not_finite_stops_training_and_is_not_saved(
    tmp_path, monkeypatch, bad_step, evaluate_every, named
):
    config = configuration(steps=20, log_every=5, evaluate_every=evaluate_every)
    run = RunFolder.create(tmp_path / "run", config)
    correct, updates = update.projected_nll, []

    def poisoned(*arguments):
        sums = correct(*arguments)
        updates.append(sums.nll)  # validation does not come through here
        return sums._replace(loss=sums.loss * math.nan) if len(updates) == bad_step else sums

    monkeypatch.setattr(update, "projected_nll", poisoned)
    with pytest.raises(FloatingPointError) as caught:
        train_tiny(config, run)
    line = str(caught.value)
    assert line.startswith("the loss is nan ")
    assert named in line
    assert "lower train.peak_lr" in line
    assert "\n" not in line
    saved = [checkpoint.step_of(p) for p in checkpoint.checkpoints(run.checkpoint_folder)]
    assert saved == [step for step in (3, 6, 9) if step % evaluate_every == 0 and step < bad_step]


def test_a_full_disk_stops_training_with_the_last_checkpoint_intact(tmp_path, monkeypatch):
    config = configuration()
    run = RunFolder.create(tmp_path / "run", config)
    correct = checkpoint.write_synced

    def full(path, data):
        if "00000008" in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        correct(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_synced", full)
        with pytest.raises(OSError, match="make room, then give the same command again"):
            train_tiny(config, run)
    assert [path.name for path in checkpoint.checkpoints(run.checkpoint_folder)] == [
        "step-00000004"
    ]
    whole, _ = train_tiny(config)
    resumed, _ = train_tiny(config, run)
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_clipping_bounds_the_gradient():
    model = tiny_model(configuration())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    batch = next(stream(configuration()))
    update.add_gradients(model, [batch], adder(model, configuration()), World())
    update.step(model, optimizer, lr=1.0, clip_norm=0.01)  # moves by the clipped gradient
    moved = sum(
        (old - new).square().sum()
        for old, new in zip(before, model.parameters(), strict=True)
    )  # fmt: skip
    assert moved.sqrt().item() == pytest.approx(0.01, rel=1e-3)


def test_bfloat16_keeps_the_weights_in_float32():
    config = configuration(precision="bfloat16")
    half, outcome = train_tiny(config)
    _, exact = train_tiny(configuration())
    assert {parameter.dtype for parameter in half.parameters()} == {torch.float32}
    assert outcome.history[0]["loss"] != exact.history[0]["loss"]
    assert outcome.history[0]["loss"] == pytest.approx(exact.history[0]["loss"], rel=0.02)


def test_a_device_that_is_not_there_is_refused():
    missing = "cuda" if not torch.cuda.is_available() else "xpu"
    with pytest.raises(ValueError, match=f"device '{missing}' cannot be used here") as caught:
        World.from_env(missing)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="device 'gpu' cannot be used here"):
        World.from_env("gpu")


def test_other_seeds_train_otherwise():
    one, two = (train_tiny(configuration(seed=seed))[1].history[0]["loss"] for seed in (1, 2))
    assert one != two


def test_evaluation_is_a_callback():
    seen = []

    def bleu(model, step):
        seen.append((step, model.training))
        return {"valid_bleu": step / 100}

    _, outcome = train_tiny(configuration(), on_evaluate=bleu)
    assert seen == [(4, False), (8, False), (12, False)]
    assert [r["valid_bleu"] for r in outcome.history if "valid_bleu" in r] == [0.04, 0.08, 0.12]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_progress_in_a_pipe_is_a_line_for_each_report():
    text = io.StringIO()
    train_tiny(configuration(), progress=Progress(12, stream=text))
    lines = text.getvalue().splitlines()
    assert lines[0].startswith("step 2/12  loss ")
    for word in ("lr 1.20e-03", "tokens/s", " left"):
        assert word in lines[0]
    assert sum("tokens/s" in line for line in lines) == 6
    assert sum("valid_nll" in line for line in lines) == 3
    assert lines[-1] == "finished after 12 steps"
    assert "\r" not in text.getvalue()


def test_progress_on_a_terminal_renews_its_line():
    text = Terminal()
    train_tiny(configuration(), progress=Progress(12, stream=text))
    assert text.getvalue().count("\r\x1b[2K") == 6
    assert text.getvalue().endswith("\nfinished after 12 steps\n")


def test_a_task_shows_how_far_it_is_on_a_terminal_only():
    groups = [["a"] * 4, ["b"] * 4, ["c"] * 2]
    for text, lines in ((Terminal(), 3), (io.StringIO(), 0)):
        assert list(track(groups, "valid", text)) == groups
        assert text.getvalue().count("\r\x1b[2K") == lines
        assert ("valid: 8/10, 0 s left" in text.getvalue()) is bool(lines)
        assert text.getvalue().endswith("\r\x1b[2K" if lines else "")  # nothing stays behind


def test_quiet_is_quiet_but_warns(tmp_path):
    config = configuration()
    run = RunFolder.create(tmp_path / "run", config)
    train_tiny(config, run)
    (run.checkpoint_folder / "step-00000012" / "state.json").write_bytes(b"{")
    text = io.StringIO()
    train_tiny(config, run, progress=Progress(12, quiet=True, stream=text))
    assert len(text.getvalue().splitlines()) == 1
    assert "trying the checkpoint before it" in text.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89.0, "89 s"),
        (91.0, "2 min"),
        (3600.0, "1 h 00 min"),
        (11_100.0, "3 h 05 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text

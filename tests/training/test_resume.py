"""Stop training in any way: it goes on as if nothing had happened, to the last bit."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_run import ENVIRONMENT, configuration, stream, tiny_model, train_tiny, valid

from transformer_lib.training import checkpoint
from transformer_lib.training.files import read_tensors
from transformer_lib.training.loop import train
from transformer_lib.training.run import RunFolder


class Nursery:
    """Starts trainings in processes of their own, from one that has imported everything."""

    def __enter__(self) -> "Nursery":
        script = Path(__file__).with_name("tiny_run.py")
        self.process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=ENVIRONMENT,
        )  # fmt: skip
        return self

    def __exit__(self, *error: object) -> None:
        self.process.communicate()

    def start(self, folder: Path, *settings: str) -> int:
        """Begin to train; return the process id."""
        print(folder, *settings, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def wait(self) -> int:
        """Return how the process ended, as `os.wait` has it."""
        return int(self.process.stdout.readline())


def final_files(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    """Return everything that training ended with."""
    last = checkpoint.checkpoints(folder / "checkpoints")[-1]
    files = ("model.safetensors", "optimizer.safetensors")
    return {
        **{name: read_tensors(last / name) for name in files},
        "average": read_tensors(folder / "model.safetensors"),
    }


def assert_bit_identical(a: Path, b: Path) -> None:
    """Compare weights, optimizer, average, standing and all recorded figures but the times."""
    ours, theirs = final_files(a), final_files(b)
    for file, tensors in ours.items():
        assert tensors.keys() == theirs[file].keys()
        for name, tensor in tensors.items():
            assert torch.equal(tensor, theirs[file][name]), f"{file}: {name}"
    assert timeless(a) == timeless(b)
    assert standing(a) == standing(b)


def standing(folder: Path) -> tuple[list[str], dict]:
    """Return which checkpoints are kept, and the last one's plain state but for the time."""
    paths = checkpoint.checkpoints(folder / "checkpoints")
    state = checkpoint.load(paths[-1]).state
    del state["standing"]["elapsed_s"]
    return [path.name for path in paths], state


def timeless(folder: Path) -> list[dict[str, float]]:
    """Return the recorded figures without those that measure time."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    times = ("elapsed_s", "tokens_per_s")
    return [{k: v for k, v in json.loads(line).items() if k not in times} for line in lines]


def test_twenty_kills_change_nothing(tmp_path):
    settings = ("train.steps=200", "train.evaluate_every=5", "train.log_every=5",
                "train.accumulate=2", "train.average=3")  # fmt: skip
    moments = random.Random(3)
    with Nursery() as nursery:
        nursery.start(tmp_path / "whole", *settings)
        began = time.perf_counter()
        assert nursery.wait() == 0
        whole_s = time.perf_counter() - began
        resumed_at = set()
        for _ in range(20):
            child = nursery.start(tmp_path / "killed", *settings)
            time.sleep(moments.uniform(0, whole_s / 12))
            os.kill(child, signal.SIGKILL)
            assert nursery.wait() == signal.SIGKILL
            found = checkpoint.checkpoints(tmp_path / "killed" / "checkpoints")
            resumed_at.add(found[-1].name if found else "the beginning")
        assert len(resumed_at) > 3  # the kills fell in different places
        nursery.start(tmp_path / "killed", *settings)
        assert nursery.wait() == 0
    assert_bit_identical(tmp_path / "whole", tmp_path / "killed")


def test_ctrl_c_saves_and_going_on_changes_nothing(tmp_path):
    settings = ("train.steps=200", "train.evaluate_every=90", "train.log_every=7")
    with Nursery() as nursery:
        nursery.start(tmp_path / "whole", *settings)
        assert nursery.wait() == 0
        for _ in range(3):
            child = nursery.start(tmp_path / "stopped", *settings)
            wait_for_metrics(tmp_path / "stopped")
            os.kill(child, signal.SIGINT)
            assert nursery.wait() == 0
        log = (tmp_path / "stopped" / "log.txt").read_text()
        assert "interrupted at step" in log
        assert "the same command again goes on" in log
        assert checkpoint.checkpoints(tmp_path / "stopped" / "checkpoints")
        nursery.start(tmp_path / "stopped", *settings)
        assert nursery.wait() == 0
    assert "going on from stop-" in (tmp_path / "stopped" / "log.txt").read_text()
    assert_bit_identical(tmp_path / "whole", tmp_path / "stopped")


def wait_for_metrics(folder: Path) -> None:
    """Wait until training has recorded something more."""
    file = folder / "metrics.jsonl"
    before = file.stat().st_size if file.exists() else 0
    for _ in range(2000):
        if file.exists() and file.stat().st_size > before:
            return
        time.sleep(0.005)
    raise AssertionError("training recorded nothing within ten seconds")


def test_longer_training_goes_on_from_a_finished_one(tmp_path):
    short, long = configuration(steps=8), configuration(steps=12)
    train_tiny(long, RunFolder.create(tmp_path / "at once", long))
    train_tiny(short, RunFolder.create(tmp_path / "in two", short))
    _, outcome = train_tiny(long, RunFolder.create(tmp_path / "in two", long))
    assert outcome.step == 12
    assert_bit_identical(tmp_path / "at once", tmp_path / "in two")


def test_early_stopping_remembers_from_one_start_to_the_next(tmp_path):
    settings = {"patience": 2, "peak_lr": 3e-2, "warmup": 1}
    _, whole = train_tiny(configuration(steps=400, **settings))
    assert whole.reason == "no better"
    for steps in range(4, whole.step + 4, 4):
        config = configuration(steps=steps, **settings)
        _, outcome = train_tiny(config, RunFolder.create(tmp_path / "run", config))
        assert (outcome.step, outcome.reason) == (steps, "finished")
    config = configuration(steps=400, **settings)
    _, outcome = train_tiny(config, RunFolder.create(tmp_path / "run", config))
    assert (outcome.step, outcome.reason) == (whole.step, "no better")


def test_a_finished_run_is_left_as_it_is(tmp_path):
    config = configuration()
    run = RunFolder.create(tmp_path / "run", config)
    train_tiny(config, run)
    before = final_files(run.path), run.metrics()
    _, outcome = train_tiny(config, run)
    assert (outcome.step, outcome.reason) == (12, "finished")
    assert run.metrics() == before[1] == outcome.history
    for file, tensors in final_files(run.path).items():
        assert all(torch.equal(tensor, before[0][file][name]) for name, tensor in tensors.items())


def test_dropout_does_not_depend_on_what_was_drawn_before():
    config = configuration(steps=4)

    def draw(model, step):
        torch.rand(1000)
        return {}

    quiet, noisy = train_tiny(config)[0], train_tiny(config, on_evaluate=draw)[0]
    for ours, theirs in zip(quiet.parameters(), noisy.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_run_of_another_data_order_is_refused(tmp_path):
    config = configuration()
    run = RunFolder.create(tmp_path / "run", config)
    train_tiny(config, run)
    other = configuration(seed=2)
    with pytest.raises(ValueError, match="saved data order"):
        train(tiny_model(other), stream(other), valid(), other.train, 16, run)

"""Two processes train as one does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_run import ENVIRONMENT, configuration, stream, train_tiny, valid

from transformer_lib.training import checkpoint
from transformer_lib.training.distributed import World, is_first_process, launcher
from transformer_lib.training.run import RunFolder

SETTINGS = ("model.dropout=0.0", "model.tie_embeddings=false", "train.accumulate=2",
            "train.steps=16")  # fmt: skip


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory) -> RunFolder:
    """Train once with two processes, started by torchrun; return the run."""
    folder = tmp_path_factory.mktemp("two") / "run"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = Path(__file__).with_name("tiny_run.py")
    subprocess.run(
        [*torchrun, str(script), str(folder), *SETTINGS],
        check=True, timeout=240, env=ENVIRONMENT,
    )  # fmt: skip
    return RunFolder.open(folder)


def test_a_process_holds_no_row_now_and_then():
    """Else the next test would not show that an empty share is harmless."""
    config = configuration(*SETTINGS)
    second = stream(config, rank=1, size=2)
    shares = [next(second) for _ in range(config.train.steps * config.train.accumulate)]
    assert 0 < sum(batch.n_tokens == 0 for batch in shares) < len(shares)
    assert len(valid(1, 2)) < len(valid(0, 1))


def test_two_processes_have_the_losses_of_one(two_processes):
    model, outcome = train_tiny(configuration(*SETTINGS))
    recorded = two_processes.metrics()
    assert [record["step"] for record in recorded] == [r["step"] for r in outcome.history]
    for ours, theirs in zip(recorded, outcome.history, strict=True):
        for name in ours.keys() - {"tokens_per_s", "elapsed_s"}:
            assert ours[name] == pytest.approx(theirs[name], abs=1e-6, rel=1e-6), (ours, name)
    last = checkpoint.load(checkpoint.checkpoints(two_processes.checkpoint_folder)[-1])
    for name, tensor in checkpoint.weights(model).items():
        torch.testing.assert_close(last.model[name], tensor, rtol=1e-3, atol=1e-5)


def test_one_process_goes_on_where_two_stopped(two_processes, tmp_path):
    import shutil

    shutil.copytree(two_processes.path, tmp_path / "run")
    longer = configuration(*SETTINGS, "train.steps=20")
    _, outcome = train_tiny(longer, RunFolder.create(tmp_path / "run", longer))
    _, whole = train_tiny(longer)
    assert outcome.history[-1]["valid_nll"] == pytest.approx(
        whole.history[-1]["valid_nll"], abs=1e-5
    )


def test_one_process_needs_no_group():
    world = World()
    values = torch.ones(3)
    assert world.sum(values) is values
    assert world.is_main
    world.barrier()
    world.close()


def test_processes_draw_different_dropout():
    draws = []
    for rank in (0, 1, 0):
        World(rank=rank, size=2).seed(1, 5)
        draws.append(torch.rand(4))
    assert torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[1])


def test_only_one_process_records(two_processes):
    lines = (two_processes.path / "metrics.jsonl").read_text().splitlines()
    steps = [json.loads(line)["step"] for line in lines if "loss" in json.loads(line)]
    assert steps == sorted(set(steps)) == list(range(2, 17, 2))


def test_the_record_says_how_many_processes_trained(two_processes):
    recorded = json.loads((two_processes.path / "environment.json").read_text(encoding="utf-8"))
    assert recorded["processes"] == "2"


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"RANK": "3"}, True),  # some scheduler's: we are alone
        ({"RANK": "0", "WORLD_SIZE": "1"}, True),
        ({"RANK": "0", "WORLD_SIZE": "2"}, True),
        ({"RANK": "1", "WORLD_SIZE": "2"}, False),
    ],
)
def test_one_process_of_many_speaks(monkeypatch, environment, first):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_first_process() == first


def test_the_launcher_follows_from_the_number_of_processes():
    assert launcher("1") == "python"
    assert launcher("2") == "torchrun --nproc-per-node=2"

"""The run folder: made once, opened by the same configuration, refused by another."""

import errno
import json

import pytest
import torch
from tiny_run import configuration, train_tiny

from transformer_lib.training import checkpoint
from transformer_lib.training import run as run_module
from transformer_lib.training.environment import environment
from transformer_lib.training.files import DamagedFile
from transformer_lib.training.run import RunFolder


def test_a_run_folder_tells_what_it_is(tmp_path):
    config = configuration("model.d_ff=64")
    RunFolder.create(tmp_path / "deep" / "run", config)
    assert RunFolder.open(tmp_path / "deep" / "run").config == config
    told = json.loads((tmp_path / "deep" / "run" / "environment.json").read_text())
    assert told == environment()
    assert told["torch"] == torch.__version__
    assert told["cpu"]


def test_the_environment_does_not_name_the_machine():
    import platform

    assert platform.node() not in json.dumps(environment()).split('"')


def test_the_same_configuration_opens_it_again(tmp_path):
    config = configuration()
    RunFolder.create(tmp_path / "run", config).record({"step": 1})
    assert RunFolder.create(tmp_path / "run", config).metrics() == [{"step": 1}]


def test_another_configuration_is_refused_by_name(tmp_path):
    RunFolder.create(tmp_path / "run", configuration())
    others = (
        "model.d_ff=64",
        "train.seed=2",
        "train.warmup=9",
        "data.n_pieces=7",
        "train.average=1",
    )
    with pytest.raises(
        ValueError, match=r"run was made with model\.d_ff=32 not 64, .* and 2 more;"
    ):
        RunFolder.create(tmp_path / "run", configuration(*others))


@pytest.mark.parametrize("change", ["train.steps=99", "train.patience=3", "decode.beam_size=7"])
def test_what_alters_no_update_may_change(tmp_path, change):
    RunFolder.create(tmp_path / "run", configuration())
    RunFolder.create(tmp_path / "run", configuration(change))
    assert RunFolder.open(tmp_path / "run").config == configuration(change)


def test_a_file_or_somebody_elses_folder_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"notes\.txt is a file"):
        RunFolder.create(tmp_path / "notes.txt", configuration())
    with pytest.raises(ValueError, match="holds other files and no run"):
        RunFolder.create(tmp_path, configuration())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_a_crash_left_half_made_is_completed(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "environment.json").write_text("{")
    (tmp_path / ".config.json.part").write_text("{")
    RunFolder.create(tmp_path, configuration())
    assert RunFolder.open(tmp_path).config == configuration()


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no run"):
        RunFolder.open(tmp_path)
    (tmp_path / "config.json").write_text('{"model": 3')
    with pytest.raises(ValueError, match=r"config\.json cannot be read") as caught:
        RunFolder.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_only_the_first_process_writes(tmp_path):
    RunFolder.create(tmp_path / "run", configuration(), write=False)
    assert not (tmp_path / "run").exists()


def test_rewinding_drops_later_steps_and_a_line_cut_short(tmp_path):
    run = RunFolder.create(tmp_path / "run", configuration())
    for step in (2, 4, 4, 6):
        run.record({"step": step})
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"step": 7, "lo')
    assert run.rewind(4) == [{"step": 2}, {"step": 4}, {"step": 4}] == run.metrics()


def test_two_trainings_in_one_folder_are_refused(tmp_path):
    config = configuration()
    run = RunFolder.create(tmp_path / "run", config)
    with run.locked(), pytest.raises(ValueError, match="another process is training"):
        train_tiny(config, RunFolder.open(run.path))
    train_tiny(config, run)  # the lock is free again


def test_a_full_disk_is_told_when_recording(tmp_path, monkeypatch):
    run = RunFolder.create(tmp_path / "run", configuration())

    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def write(self, text):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run_module, "open", lambda *args, **options: Full(), raising=False)
    with pytest.raises(OSError, match="make room, then give the same command again"):
        run.record({"step": 1})


def test_the_average_of_the_last_checkpoints_translates(tmp_path):
    config = configuration(steps=12, evaluate_every=4, average=2)
    run = RunFolder.create(tmp_path / "run", config)
    model, _ = train_tiny(config, run)
    from transformer_lib.training.checkpoint import load, weights

    eight, twelve = (load(run.checkpoint_folder / f"step-{s:08d}").model for s in (8, 12))
    mean = run.averaged_weights()
    for name, value in weights(model).items():
        assert torch.equal(twelve[name], value)
        torch.testing.assert_close(mean[name], (eight[name] + twelve[name]) / 2)


def test_a_run_can_be_passed_on_without_its_checkpoints(tmp_path):
    import shutil

    config = configuration()
    run = RunFolder.create(tmp_path / "run", config)
    train_tiny(config, run)
    before = run.averaged_weights()
    shutil.rmtree(run.checkpoint_folder)
    after = RunFolder.open(run.path).averaged_weights()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    run.weights_path.unlink()
    with pytest.raises(DamagedFile, match=r"model\.safetensors cannot be read"):
        run.averaged_weights()


def test_a_damaged_checkpoint_is_left_out_of_the_average(tmp_path):
    config = configuration(average=3)
    run = RunFolder.create(tmp_path / "run", config)
    train_tiny(config, run)
    (run.checkpoint_folder / "step-00000008" / "model.safetensors").write_bytes(b"")
    told: list[str] = []
    from transformer_lib.training.checkpoint import average

    kept = [run.checkpoint_folder / f"step-{step:08d}" for step in (4, 12)]
    mean = run.averaged_weights(told.append)
    assert len(told) == 1
    assert "left out of the average" in told[0]
    assert all(torch.equal(mean[name], value) for name, value in average(kept).items())


@pytest.mark.parametrize(
    ("patience", "steps", "finished"),
    [(2, 100, True), (3, 100, False), (0, 100, False), (3, 4, True)],
)
def test_a_run_is_finished_by_its_updates_or_its_patience(tmp_path, patience, steps, finished):
    run = RunFolder.create(tmp_path / "run", configuration(patience=patience, steps=steps))
    state = {"standing": {"step": 4, "waited": 2}}
    tensors = {"w": torch.ones(1)}
    checkpoint.save(
        checkpoint.checkpoint_path(run.checkpoint_folder, 4),
        checkpoint.Checkpoint(tensors, tensors, state),
    )
    assert not run.is_finished()  # no weights yet
    run.weights_path.touch()
    assert run.is_finished() is finished


def test_weights_that_were_passed_on_are_a_whole_run_and_never_trained_over(tmp_path):
    config = configuration()
    run = RunFolder.create(tmp_path / "run", config)
    train_tiny(config, run)
    passed_on = run.export(tmp_path / "passed on")
    assert passed_on.is_finished()
    before = passed_on.weights_path.read_bytes()
    assert before == run.weights_path.read_bytes()
    with pytest.raises(ValueError, match="trained weights without the checkpoints"):
        train_tiny(config, passed_on)
    assert passed_on.weights_path.read_bytes() == before


def test_a_run_is_exported_in_half_precision_and_counters_stay_whole(tmp_path):
    config = configuration("model.norm=batch")
    run = RunFolder.create(tmp_path / "run", config)
    train_tiny(config, run)
    half = run.export(tmp_path / "half", half=True).averaged_weights()
    for name, value in run.averaged_weights().items():
        assert half[name].dtype == (torch.float16 if value.is_floating_point() else value.dtype)
        torch.testing.assert_close(half[name].to(value.dtype), value, atol=1e-3, rtol=1e-3)
    assert RunFolder.open(tmp_path / "half").config == config
    with pytest.raises(ValueError, match="is the run itself"):
        run.export(tmp_path / "x" / ".." / "run")


@pytest.mark.parametrize("when", ["between listing and reading", "between reading and averaging"])
def test_a_run_is_loaded_while_its_training_prunes(tmp_path, monkeypatch, when):
    config = configuration(average=2)
    run = RunFolder.create(tmp_path / "run", config)
    train_tiny(config, run)
    eight, twelve = checkpoint.checkpoints(run.checkpoint_folder)
    real = checkpoint.checkpoints if when.endswith("reading") else checkpoint.average
    calls = []

    def prune(*arguments, **options):
        if when.endswith("reading"):
            found = real(*arguments, **options)
        if not calls:
            calls.append(checkpoint.discard(eight))
        return found if when.endswith("reading") else real(*arguments)

    monkeypatch.setattr(checkpoint, real.__name__, prune)
    weights = RunFolder.open(run.path).averaged_weights()
    assert calls
    newest = checkpoint.load(twelve).model
    assert all(torch.equal(weights[name], value) for name, value in newest.items())

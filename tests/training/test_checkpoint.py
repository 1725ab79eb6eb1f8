"""Checkpoints: whole or not there, refused when damaged, averaged, never unpickled."""

import errno
import os
import shutil

import pytest
import torch
from tiny_run import configuration, tiny_model, train_tiny
from torch import nn

from transformer_lib.config import ConvS2SConfig, RNNConfig
from transformer_lib.files import replace_file
from transformer_lib.models import build_model
from transformer_lib.training import checkpoint, files
from transformer_lib.training.checkpoint import Checkpoint, checkpoint_path
from transformer_lib.training.run import RunFolder


def content(value: float) -> Checkpoint:
    """Return a checkpoint whose weights are all `value`."""
    weights = {"w": torch.full((3, 2), value), "b": torch.full((), value, dtype=torch.float64)}
    return Checkpoint(weights, {"exp_avg/w": torch.ones(3, 2)}, {"standing": {"step": 1}})


def save_three(folder):
    """Save checkpoints of steps 1, 2 and 3; return their paths."""
    paths = [checkpoint_path(folder, step) for step in (1, 2, 3)]
    for step, path in enumerate(paths, start=1):
        checkpoint.save(path, content(float(step)))
    return paths


def newest(folder) -> tuple[str, list[str]]:
    """Return the name of the checkpoint that is loaded, and the warnings on the way."""
    warnings: list[str] = []
    path, _ = checkpoint.load_latest(folder, warnings.append)
    return path.name, warnings


def test_what_was_saved_comes_back(tmp_path):
    path = checkpoint_path(tmp_path, 7)
    saved = content(0.1)
    checkpoint.save(path, saved)
    loaded = checkpoint.load(path)
    assert loaded.state == saved.state
    for ours, theirs in zip(loaded[:2], saved[:2], strict=True):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_nothing_is_pickled(tmp_path):
    save_three(tmp_path)
    kinds = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert kinds == {".safetensors", ".json"}


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "missing", "empty"])
def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_used(tmp_path, name, damage):
    file = save_three(tmp_path)[-1] / name
    data = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(data[:-3])
    elif damage == "flipped":
        data[-9] ^= 0x10
        file.write_bytes(data)
    elif damage == "foreign":
        file.write_bytes(b"PK\x03\x04 an archive of something else")
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        file.unlink()
    chosen, warnings = newest(tmp_path)
    assert chosen == "step-00000002"
    assert len(warnings) == 1
    assert str(file) in warnings[0]
    assert "\n" not in warnings[0]


def test_every_flipped_bit_of_the_weights_is_noticed(tmp_path):
    file = save_three(tmp_path)[0] / "model.safetensors"
    data = file.read_bytes()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        file.write_bytes(changed)
        try:
            tensors = files.read_tensors(file)
        except files.DamagedFile:
            continue
        # A bit of the header's layout may differ without changing what is read.
        assert files.digest(tensors) == files.digest(content(1.0).model), f"byte {place}"


def test_a_changed_number_in_the_state_is_noticed(tmp_path):
    file = save_three(tmp_path)[-1] / "state.json"
    text = file.read_text()
    assert text.count('"step": 1') == 1
    file.write_text(text.replace('"step": 1', '"step": 2'))
    assert newest(tmp_path)[0] == "step-00000002"


def test_files_of_two_checkpoints_do_not_mix(tmp_path):
    one, two, _ = save_three(tmp_path)
    shutil.copy(one / "model.safetensors", two / "model.safetensors")
    with pytest.raises(files.DamagedFile, match="mixes files of several checkpoints"):
        checkpoint.load(two)


def test_when_all_are_damaged_it_does_not_silently_begin_again(tmp_path):
    for path in save_three(tmp_path):
        (path / "state.json").write_text("{}")
    with pytest.raises(ValueError, match="none of the 3 checkpoints"):
        newest(tmp_path)


def test_without_any_checkpoint_there_is_nothing_to_load(tmp_path):
    assert checkpoint.load_latest(tmp_path, print) is None


def test_a_crash_between_writing_and_renaming_leaves_the_one_before(tmp_path, monkeypatch):
    save_three(tmp_path)

    def crash(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "rename", crash)
        patch.setattr(checkpoint.shutil, "rmtree", lambda *args, **options: None)  # no clearing up
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(checkpoint_path(tmp_path, 4), content(4.0))
    assert (tmp_path / ".step-00000004").is_dir()
    assert newest(tmp_path) == ("step-00000003", [])
    checkpoint.forget_after(tmp_path, 3)
    assert not (tmp_path / ".step-00000004").exists()
    checkpoint.save(checkpoint_path(tmp_path, 4), content(4.0))
    assert newest(tmp_path) == ("step-00000004", [])


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, call):
    save_three(tmp_path)
    calls = []

    def full(path, data):
        calls.append(path)
        if len(calls) == call:
            path.write_bytes(data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_bytes(data)

    monkeypatch.setattr(checkpoint, "write_synced", full)
    with pytest.raises(OSError, match=r"no space left to write in .*make room") as caught:
        checkpoint.save(checkpoint_path(tmp_path, 4), content(4.0))
    assert caught.value.errno == errno.ENOSPC
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"step-0000000{step}" for step in (1, 2, 3)
    ]
    assert newest(tmp_path) == ("step-00000003", [])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["model", "optimizer"])
def test_a_state_that_is_not_finite_is_never_saved(tmp_path, part, value):
    bad = content(1.0)
    next(iter(getattr(bad, part).values()))[0, 0] = value
    with pytest.raises(FloatingPointError, match="not finite after step 4"):
        checkpoint.save(checkpoint_path(tmp_path, 4), bad)
    assert not list(tmp_path.iterdir())


def test_the_average_is_the_mean(tmp_path):
    mean = checkpoint.average(save_three(tmp_path))
    assert mean["w"].dtype == torch.float32
    torch.testing.assert_close(mean["w"], torch.full((3, 2), 2.0))
    torch.testing.assert_close(mean["b"], torch.tensor(2.0, dtype=torch.float64))


def test_nothing_has_no_average():
    with pytest.raises(ValueError, match="no checkpoint to average"):
        checkpoint.average([])


def test_different_models_have_no_average(tmp_path):
    paths = save_three(tmp_path)
    checkpoint.save(paths[1], Checkpoint({"w": torch.ones(2)}, {}, {}))
    with pytest.raises(ValueError, match="hold different models"):
        checkpoint.average(paths)


def test_pruning_keeps_the_last_the_best_and_the_newest(tmp_path):
    for step in range(1, 9):
        checkpoint.save(checkpoint_path(tmp_path, step), content(1.0))
    checkpoint.save(checkpoint_path(tmp_path, 9, interrupted=True), content(1.0))
    checkpoint.prune(tmp_path, keep=3, best_step=2)
    names = [path.name for path in checkpoint.checkpoints(tmp_path)]
    assert names == [f"step-0000000{step}" for step in (2, 6, 7, 8)] + ["stop-00000009"]
    checkpoint.save(checkpoint_path(tmp_path, 10), content(1.0))
    checkpoint.prune(tmp_path, keep=3, best_step=2)
    names = [path.name for path in checkpoint.checkpoints(tmp_path)]
    assert names == [f"step-000000{step}" for step in ("02", "07", "08", "10")]


@pytest.mark.parametrize(
    "config",
    [
        configuration().model,
        configuration("model.tie_embeddings=false", "model.norm=batch").model,
        RNNConfig(vocab_size=20, d_model=8),
        ConvS2SConfig(vocab_size=20, d_model=8, n_encoder_layers=1, n_decoder_layers=1),
    ],
)
def test_every_model_goes_through_a_file_and_stays_tied(tmp_path, config):
    original, copy = build_model(config), build_model(config)
    file = tmp_path / "model.safetensors"
    file.write_bytes(files.tensors_to_bytes(checkpoint.weights(original)))
    checkpoint.load_weights(copy, files.read_tensors(file))
    assert original.state_dict().keys() == copy.state_dict().keys()
    for name, tensor in original.state_dict().items():
        assert torch.equal(tensor, copy.state_dict()[name]), name
    assert len(list(copy.parameters())) == len(list(original.parameters()))


def test_weights_of_another_shape_are_refused_in_one_line():
    small = tiny_model(configuration())
    large = tiny_model(configuration("model.d_model=32"))
    with pytest.raises(
        ValueError, match=r"another model: .* is \[20, 32\] there and \[20, 16\] here"
    ):
        checkpoint.load_weights(small, checkpoint.weights(large), "runs/x")
    deep = tiny_model(configuration("model.n_encoder_layers=2"))
    with pytest.raises(ValueError, match="missing there") as caught:
        checkpoint.load_weights(deep, checkpoint.weights(small))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_another_shape_stops_training_at_once(tmp_path):
    config, other = configuration(), configuration("model.d_ff=64")
    train_tiny(config, RunFolder.create(tmp_path / "run", config))
    replace_file(tmp_path / "run" / "config.json", b"{}")
    with pytest.raises(ValueError, match="is of another model"):
        train_tiny(other, RunFolder(tmp_path / "run", other))


def test_a_tied_parameter_is_saved_once():
    model = nn.Module()
    model.a, model.b = nn.Linear(2, 3), nn.Linear(2, 3)
    model.b.weight = model.a.weight
    assert list(checkpoint.weights(model)) == ["a.weight", "a.bias", "b.bias"]

"""The programme for a GPU, rehearsed: its parts, what fails, what travels, what is counted."""

import json
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import luggage, programme, speed, trainings
from benchmarks.gpu.programme import FIRST, PLAN, Job, Programme
from benchmarks.gpu.sizes import FULL, TINY, WAYS, settings_of
from transformer_lib.models import build_model
from transformer_lib.recipe import train_run
from transformer_lib.training import checkpoint

ROOT = Path(__file__).resolve().parents[1]
GRAMMAR = TINY._replace(settings=(*TINY.settings, "data.corpus=grammar"))
PLAIN = WAYS[1]
NOT_THERE = ("beartype", "jupyter_book", "matplotlib", "pooch")  # on a machine for training
SOME_JOBS = """
import sys
from benchmarks.gpu import programme
programme.PLAN = [job for job in programme.PLAN if job.name in sys.argv[1].split()]
from benchmarks.gpu.__main__ import main
main(sys.argv[2:])
"""


class Machine:
    """A programme on a clock of ours: what a job takes, and which ways work, is given."""

    def __init__(self, tmp_path, monkeypatch, takes, broken=()):
        self.now, self.takes, self.broken, self.left = 0.0, takes, broken, {}
        self.out, self.begun = tmp_path / "out", []
        self.out.mkdir()
        monkeypatch.setattr(programme.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(Programme, "measure", self.measure)

    def measure(self, job, seconds, grace):
        way = json.loads((self.out / "way").read_text())
        self.begun.append(job.name)
        if (job.name, way) in self.broken or (job.kind, way) in self.broken:
            self.now += 10
            return {"error": "RuntimeError: no such kernel"}
        left = self.left.get(job.name, self.takes[job.kind])
        self.now += min(left, seconds)
        if left > seconds:
            self.left[job.name] = left - seconds
            return {"stopped_at": 7} if job.resumes else {"error": "stopped"}
        return {"translations": ["ein Hund"]} if job.resumes else {}

    def part(self, seconds=300.0):
        began = self.now
        there = Programme(self.out, self.out.with_name("work"), FULL)
        real = there.do

        def do(*arguments):
            (self.out / "way").write_text(str(there.result["way"]))
            return real(*arguments)

        there.do = do
        done = there.go_on(seconds)
        assert self.now - began <= seconds
        return there, done


AS_PLANNED = {job.kind: job.seconds for job in reversed(PLAN)}


def test_all_of_it_takes_three_parts_and_twelve_minutes(tmp_path, monkeypatch):
    """If the estimates hold; and what matters most is done in the first part."""
    machine = Machine(tmp_path, monkeypatch, AS_PLANNED)
    there, done = machine.part()
    assert not done
    assert {"ours", FIRST, "peers"} <= {*there.jobs}
    machine.part()
    there, done = machine.part()
    assert done
    assert machine.now <= 12 * 60
    assert there.result["seconds"] == pytest.approx(machine.now)
    assert len(there.translations) == 6


def test_without_graphs_the_translator_is_done_in_two_parts(tmp_path, monkeypatch):
    """Half an update's kernels launched a second: five minutes of training go on in the next."""
    machine = Machine(tmp_path, monkeypatch, AS_PLANNED | {"multi30k": 300.0}, {("ours", 0)})
    there, _ = machine.part()
    assert there.result["way"] == 1
    assert there.result["parts"][0]["errors"][0]["way"] == {"graphs": True, "precision": "auto"}
    assert there.result["unfinished"].keys() == {FIRST}
    there, _ = machine.part()
    assert FIRST in there.jobs
    assert there.jobs[FIRST]["job_s"] == pytest.approx(300.0, abs=0.2)  # of both parts
    assert machine.begun[:3] == ["ours", "ours", FIRST]


def test_a_job_that_fails_in_every_way_costs_the_others_nothing(tmp_path, monkeypatch):
    broken = {("ours", way) for way in range(3)} | {("peers", way) for way in range(3)}
    machine = Machine(tmp_path, monkeypatch, AS_PLANNED, broken)
    there, _ = machine.part()
    assert there.result["failed"].keys() == {"ours", "peers"}
    assert there.result["way"] == 2
    assert FIRST in there.jobs
    assert "multi30k:2" in there.jobs
    assert machine.begun.count("peers") == 1  # it is not ours that is computed there


def test_what_has_no_time_is_not_begun_unless_it_can_be_stopped(tmp_path):
    there = Programme(tmp_path, tmp_path, FULL)
    there.result["jobs"] = {name: {"job_s": 90.0} for name in ("ours", FIRST, "peers")}
    assert there.chosen(95).name == "multi30k:2"
    assert there.chosen(50).name == "decoding"
    assert there.chosen(30).name == "multi30k:2"  # stopped, and gone on with in the next part
    there.result["jobs"] |= {f"multi30k:{seed}": {"job_s": 60.0} for seed in (2, 3, 4, 5)}
    assert there.chosen(30).name == "published:1"


@pytest.mark.parametrize(
    ("script", "name", "expected"),
    [
        ("echo one; echo '{\"x\": 1}'", "ours", {"x": 1}),
        ("echo 'OSError: /home/me/a b/c.txt' >&2; exit 3", "ours", {"error": "OSError: a b/c.txt"}),
        ("exit 3", FIRST, {"error": "ended with 3"}),
        ("exec sleep 20", FIRST, {"stopped_at": None}),
        ("exec sleep 20", "ours", {"error": "stopped after 1 s; ended with -15"}),
        ("trap '' TERM; while true; do true; done", FIRST,
         {"error": "stopped after 1 s; ended with -9"}),
    ],
)  # fmt: skip
def test_what_becomes_of_a_process(script, name, expected, tmp_path, monkeypatch):
    """A hanging training is an error, so that the next one is computed in another way."""
    shell = tmp_path / "python"
    shell.write_text(f"#!/bin/sh\n{script}\n")
    shell.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(shell))
    there = Programme(tmp_path, tmp_path, FULL)
    assert there.measure(Job(name, 1, name == FIRST), 1.0, 0.5) == expected


def test_results_of_other_settings_are_refused(tmp_path):
    Programme(tmp_path, tmp_path / "work", FULL).write()
    Programme(tmp_path, tmp_path / "work", FULL)
    with pytest.raises(ValueError, match="made with other settings"):
        Programme(tmp_path, tmp_path, TINY)


def stopping(monkeypatch, at):
    """Have the machine's time be over when the training reaches update `at`."""
    real = trainings.scorer

    def scorer(*arguments):
        on_evaluate = real(*arguments)

        def watch(model, step):
            if step == at:
                os.kill(os.getpid(), signal.SIGTERM)
            return on_evaluate(model, step)

        return watch

    monkeypatch.setattr(trainings, "scorer", scorer)


def test_a_training_goes_on_from_its_luggage_as_if_it_had_not_stopped(tmp_path, monkeypatch):
    straight = trainings.train("multi30k", 1, PLAIN, GRAMMAR, tmp_path / "straight")
    stopping(monkeypatch, at=4)
    stopped = trainings.train("multi30k", 1, PLAIN, GRAMMAR, tmp_path / "one")
    assert stopped["stopped_at"] == 4
    monkeypatch.undo()
    (tmp_path / "out").mkdir()
    luggage.pack(tmp_path / "one", tmp_path / "out")
    luggage.unpack(tmp_path / "out", tmp_path / "two")
    resumed = trainings.train("multi30k", 1, PLAIN, GRAMMAR, tmp_path / "two")
    assert len(straight["curve"]) == 3
    for name in ("steps", "valid", "test", "translations", "checkpoints_averaged"):
        assert resumed[name] == straight[name]
    for mine, other in zip(resumed["curve"], straight["curve"], strict=True):
        assert mine | {"train_s": 0} == other | {"train_s": 0}
    assert resumed["curve"][0] == stopped["curve"][0]  # time goes on, too
    assert ["valid_bleu" in point for point in resumed["curve"]] == [False, True, True]
    assert [path.name for path in (tmp_path / "two").iterdir()] == [trainings.KEPT]


def test_the_mean_in_training_is_that_of_the_checkpoints_once_they_are_written(tmp_path):
    config = settings_of("multi30k", GRAMMAR, PLAIN)
    train_run(config.with_settings("train.average=3"), tmp_path, quiet=True)
    paths = checkpoint.checkpoints(tmp_path / "checkpoints")
    assert [checkpoint.step_of(path) for path in paths] == [2, 4, 6]
    model = build_model(config.model)
    checkpoint.load_weights(model, checkpoint.load(paths[-1]).model)
    found = trainings.averaged(model, config, tmp_path, config.train.steps)
    for name, weights in checkpoint.average(paths[-2:]).items():
        torch.testing.assert_close(found[name], weights)


def fill(work):
    """Write two runs, as large as the numbers say."""
    sizes = {
        "translator/model.safetensors": 5,
        "run/tokenizer.json": 1,
        "run/model.safetensors": 9,
        "run/.lock": 9,
        "run/checkpoints/step-00000002/model.safetensors": 10,
        "run/checkpoints/step-00000002/optimizer.safetensors": 20,
        "run/checkpoints/step-00000004/model.safetensors": 10,
        "run/checkpoints/step-00000006/model.safetensors": 10,
        "run/checkpoints/step-00000006/optimizer.safetensors": 20,
        "run/checkpoints/stop-00000007/model.safetensors": 10,
    }
    for name, size in sizes.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(os.urandom(size))


@pytest.mark.parametrize(
    ("room", "steps"), [(6, []), (35, []), (36, [6]), (45, [6]), (46, [6, 4]), (99, [6, 4, 2])]
)
def test_luggage_holds_whole_checkpoints_and_the_newest_first(room, steps, tmp_path):
    fill(tmp_path)
    taken = [path.relative_to(tmp_path) for path in luggage.contents(tmp_path, room)]
    assert {str(path) for path in taken[:2]} == {"translator/model.safetensors",
                                                 "run/tokenizer.json"}  # fmt: skip
    weights = [path for path in taken[2:] if path.name == "model.safetensors"]
    assert [checkpoint.step_of(path.parent) for path in weights] == steps
    assert len(taken) == 2 + len(steps) + bool(steps)  # one optimizer, that of the newest


def test_luggage_comes_in_small_pieces_that_replace_the_last(tmp_path, monkeypatch):
    monkeypatch.setattr(luggage, "PIECE", 200)
    out, work, again = (tmp_path / name for name in ("out", "work", "again"))
    out.mkdir()
    fill(work)
    luggage.pack(work, out)
    n_pieces = len(luggage.pieces(out))
    assert n_pieces > 2
    assert max(path.stat().st_size for path in luggage.pieces(out)) <= 200
    luggage.unpack(out, again)
    for path in luggage.contents(work):
        assert (again / path.relative_to(work)).read_bytes() == path.read_bytes()
    shutil.rmtree(work / "run")
    luggage.pack(work, out)
    assert len(luggage.pieces(out)) < n_pieces
    luggage.unpack(out, tmp_path / "third")
    assert [path.name for path in (tmp_path / "third").iterdir()] == ["translator"]


def test_a_folder_that_cannot_be_copied_back_is_refused(tmp_path):
    (tmp_path / "gpu.json").write_text("{}")
    luggage.require_small(tmp_path)
    for n in range(8):
        (tmp_path / f"{n}.json").write_text("{}")
    with pytest.raises(ValueError, match="9 files"):
        luggage.require_small(tmp_path)


def test_graphs_that_train_otherwise_are_refused():
    speed.require_close([9.0, 8.0], [9.1, 8.1])
    with pytest.raises(ArithmeticError, match=r"9.0000 with them and 8.0000 without"):
        speed.require_close([9.0, 8.0], [9.0, 9.0])
    with pytest.raises(ArithmeticError):
        speed.require_close([9.0, 8.0], [9.0, float("nan")])


def test_scoring_is_no_training_time():
    metrics = [
        {"step": 1, "elapsed_s": 10.0, "loss": 3.0, "tokens_per_s": 7.0},
        {"step": 2, "elapsed_s": 25.0, "valid_nll": 2.0, "valid_bleu": 40.0, "scoring_s": 5.0},
        {"step": 4, "elapsed_s": 40.0, "valid_nll": 1.5, "valid_bleu": 41.5, "scoring_s": 6.0},
        {"step": 6, "elapsed_s": 50.0, "valid_nll": 1.4951},
    ]
    found = trainings.told(metrics)
    assert [point["train_s"] for point in found["curve"]] == [20.0, 29.0, 39.0]
    assert (found["train_s"], found["seconds_to_goal"], found["steps"]) == (39.0, 29.0, 6)
    assert trainings.told(metrics[:2])["seconds_to_goal"] is None
    assert trainings.told([])["curve"] == []


@pytest.mark.usefixtures("unchecked_shapes")  # tutorials' batches are lists of NumPy's numbers
def test_speeds_are_measured_and_compared():
    found = speed.ours(WAYS[0], GRAMMAR)  # on a CPU nothing is recorded, so both are the same
    assert found["speeds"].keys() == {"launched", "graphs", "float32"}
    assert found["speeds"]["graphs"]["losses"] == found["speeds"]["launched"]["losses"]
    assert speed.ours(PLAIN, GRAMMAR)["speeds"].keys() == {"launched", "float32"}
    found = speed.peers(PLAIN, GRAMMAR)
    assert found["tutorial"]["tokens_per_s"] > 0
    assert found["matrix_flops_per_s"] > 0


@pytest.fixture
def machines(tmp_path):
    """Two fresh copies of the checkout, on which what is not needed is not there."""
    ignored = shutil.ignore_patterns(".*", "_build", "runs", "__pycache__", "*.egg-info")
    for name in ("one", "two"):
        shutil.copytree(ROOT, tmp_path / name, ignore=ignored)
    (tmp_path / "absent").mkdir()
    for name in NOT_THERE:
        (tmp_path / "absent" / f"{name}.py").write_text(f"raise ImportError('no {name} here')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "absent"), "OMP_NUM_THREADS": "1"}

    def call(name, jobs, *arguments):
        line = [sys.executable, "-c", SOME_JOBS, jobs, "--tiny", "grammar", *arguments]
        return subprocess.run(line, check=True, env=environment, cwd=tmp_path / name,
                              capture_output=True, text=True).stdout  # fmt: skip

    return call


def test_a_second_part_goes_on_in_a_fresh_copy_with_what_was_carried(machines, tmp_path):
    machines("one", FIRST, "--out", "results", "--commit", "abc1234")
    carried = tmp_path / "two" / "carried"
    shutil.copytree(tmp_path / "one" / "results", carried)
    before = json.loads((carried / "gpu.json").read_text())
    jobs = f"{FIRST} decoding"
    told = machines("two", jobs, "--out", "results", "--resume", "carried")
    assert told.endswith("all is done\n")
    assert "| two CPU cores |" in told
    text = (tmp_path / "two" / "results" / "gpu.json").read_text()
    after = json.loads(text)
    assert after["jobs"][FIRST] == before["jobs"][FIRST]
    assert after["jobs"]["decoding"]["searches"].keys() >= {"beam_1_batch_1", "beam_5_batch_4"}
    assert [part["jobs"] for part in after["parts"]] == [[FIRST], ["decoding"]]
    assert [*after][:7] == ["schema", "command", "commit", "settings", "versions", "hardware",
                            "seconds"]  # fmt: skip
    assert after["commit"] == "abc1234"
    assert str(tmp_path) not in text
    assert platform.node() not in text


def test_the_lines_of_the_readme_are_commands():
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "python -m benchmarks.gpu " in line]
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line.partition("benchmarks.gpu ")[2], comments=True)
        options = command.parse(words)
        assert options.seconds == 300
        assert (options.resume is None) == (line is lines[0])

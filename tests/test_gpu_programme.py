"""The programme for a GPU, rehearsed: two parts on two machines, and what its figures mean."""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import gpu, gpu_programme, gpu_runs, gpu_speed
from benchmarks.gpu_runs import TINY, Unfinished

ROOT = Path(__file__).resolve().parents[1]
NOT_THERE = ("beartype", "jupyter_book", "matplotlib", "pooch")  # on a machine for training
PART_TWO = f"""
import sys
sys.modules.update(dict.fromkeys({NOT_THERE}))  # importing one of them fails
from benchmarks.gpu import main
main(sys.argv[1:])
"""


def arguments(folder, work, *more):
    return ["--out", str(folder), "--work", str(work), "--presets", "grammar", "--seeds", "2",
            "--tiny", *more]  # fmt: skip


def first_part(tmp_path, monkeypatch):
    """Run the programme until the second seed has no time left; one job fails on the way."""
    one_run = gpu_runs.one_run

    def no_time_for_two(config, *rest):
        if config.train.seed == 2:
            raise Unfinished
        return one_run(config, *rest)

    def fail(sizes):
        raise RuntimeError("no such machine")

    monkeypatch.setattr(gpu_programme, "VARIANTS", ("graphs=true",))
    monkeypatch.setattr(gpu_speed, "run_tests", lambda seconds: {"passed": True})
    monkeypatch.setattr(gpu_speed, "measure_peak", fail)
    monkeypatch.setattr(gpu_runs, "one_run", no_time_for_two)
    gpu.main(arguments(tmp_path / "one", tmp_path / "work"))
    return json.loads((tmp_path / "one" / "gpu.json").read_text())


@pytest.mark.usefixtures("unchecked_shapes")
def test_a_second_part_on_another_machine_goes_on(tmp_path, monkeypatch, capfd):
    """What the first wrote is copied back; the second does the rest without what is not there."""
    before = first_part(tmp_path, monkeypatch)
    assert before["failed"] == {"peak": "RuntimeError: no such machine"}
    assert "left: peak, run:grammar:2, decoding;" in capfd.readouterr().out
    shutil.copytree(tmp_path / "one", tmp_path / "copied")
    code = PART_TWO.replace("main(sys", "from benchmarks import gpu_programme\n"
                            "gpu_programme.VARIANTS = ('graphs=true',)\nmain(sys")  # fmt: skip
    again = arguments(tmp_path / "two", tmp_path / "work 2", "--resume", str(tmp_path / "copied"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code, *again], check=True, env=environment, cwd=tmp_path)
    assert capfd.readouterr().out.endswith("all is done\n")
    text = (tmp_path / "two" / "gpu.json").read_text()
    after = json.loads(text)
    assert {**after["jobs"], **before["jobs"]} == after["jobs"]  # nothing was done twice
    assert after["failed"] == {}
    assert len(after["summary"]["quality"]["grammar"]["bleu"]) == len(after["parts"]) == 2
    assert after["jobs"]["run:grammar:1"]["curve"][-1]["step"] == 6
    assert str(tmp_path) not in text
    assert platform.node() not in text
    translations = json.loads((tmp_path / "two" / "translations.json").read_text())
    assert {name: len(lines) for name, lines in translations.items()} == {
        "run:grammar:1": 4, "run:grammar:2": 4
    }  # fmt: skip


def test_results_of_other_settings_are_refused(tmp_path):
    programme = gpu_programme.Programme(tmp_path, tmp_path, ["grammar"], 1, TINY)
    programme.write()
    gpu_programme.Programme(tmp_path, tmp_path, ["grammar"], 1, TINY)
    with pytest.raises(ValueError, match="made with other settings"):
        gpu_programme.Programme(tmp_path, tmp_path, ["grammar"], 2, TINY)
    with pytest.raises(ValueError, match="there is no preset 'gramar'; did you mean"):
        gpu_programme.Programme(tmp_path, tmp_path, ["gramar"], 2, TINY)


def test_a_part_ends_in_time_and_the_next_goes_on_in_the_same_folder(tmp_path):
    tiny = TINY._replace(settings=(*TINY.settings, "train.steps=60", "train.evaluate_every=30"))
    config = gpu_runs.settings_of("grammar", tiny, seed=2)
    with pytest.raises(Unfinished):
        gpu_runs.one_run(config, tmp_path / "run", TINY, seconds=0.0)
    stopped = list((tmp_path / "run" / "checkpoints").iterdir())
    assert stopped
    assert not any("60" in path.name for path in stopped)
    found = gpu_runs.one_run(config, tmp_path / "run", TINY, seconds=200.0)
    assert found["curve"][-1]["step"] == 60
    assert "going on from" in (tmp_path / "run" / "log.txt").read_text()


def test_graphs_that_failed_are_not_used(tmp_path):
    programme = gpu_programme.Programme(tmp_path, tmp_path, ["grammar"], 1, TINY)
    assert not programme.graphs_work()
    programme.jobs["speed:grammar:graphs=true"] = {"like": "speed"}
    programme.jobs["tests"] = {"like": "tests", "passed": True}
    assert programme.graphs_work()
    programme.jobs["tests"]["passed"] = False
    assert not programme.graphs_work()


def test_a_folder_that_cannot_be_copied_back_is_refused(tmp_path):
    (tmp_path / "gpu.json").write_text("{}")
    gpu.require_small(tmp_path)
    for n in range(8):
        (tmp_path / f"{n}.json").write_text("{}")
    with pytest.raises(ValueError, match="9 files"):
        gpu.require_small(tmp_path)


def test_scoring_on_the_test_split_is_no_training_time():
    metrics = [
        {"step": 1, "elapsed_s": 10.0, "loss": 3.0},
        {"step": 2, "elapsed_s": 25.0, "valid_nll": 2.0, "test_bleu": 40.0, "scoring_s": 5.0},
        {"step": 4, "elapsed_s": 40.0, "valid_nll": 1.5, "test_bleu": 41.5, "scoring_s": 6.0},
        {"step": 6, "elapsed_s": 50.0, "valid_nll": 1.4951},
    ]
    assert gpu_runs.training_seconds(metrics) == [10.0, 20.0, 29.0, 39.0]
    assert gpu_runs.milestones(metrics) == {
        "best_valid_nll": 1.4951, "seconds_to_within_0.01_nats": 29.0, "seconds_to_bleu_41": 29.0
    }  # fmt: skip

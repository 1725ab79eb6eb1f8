"""Experiments: what is recorded is skipped, a stop loses one job at most, nothing is mixed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from transformer_lib.exits import exit_with
from transformer_lib.workbench import results
from transformer_lib.workbench.experiment import Experiment, Job, grid
from transformer_lib.workbench.record import locked

DONE = []  # what `run` was called with


def run(settings, seed):
    DONE.append((settings["width"], seed))
    return {"sum": settings["width"] + settings["steps"] + seed}


VARIANTS = {"narrow": {"width": 100}, "wide": {"width": 200}}
TOY = Experiment(
    __file__,
    __doc__,
    run,
    jobs=grid(VARIANTS, seeds=(1, 2), minutes=3),
    settings={"steps": 10},
    fixed={"optimizer": "Adam"},
    quick={"steps": 0, "width": 7},
)


@pytest.fixture
def main(tmp_path):
    """The experiment in a folder of its own, in this process; returns what is recorded there."""

    def started(*options, experiment=TOY):
        DONE.clear()
        experiment.main(["--into", str(tmp_path), "--jobs", "1", *options])
        return results.read(tmp_path / f"{experiment.name}.json")

    return started


def test_all_jobs_are_run_and_recorded_once(main):
    result = main()
    assert DONE == [(100, 1), (200, 1), (100, 2), (200, 2)]
    assert result["settings"] == {"steps": 10, "optimizer": "Adam"}
    assert [*results.by_seed(result, "sum", "wide").values()] == [211, 212]
    assert all(job["seconds"] >= 0 and job["cpu_seconds"] >= 0 for job in result["jobs"])
    assert result["seconds"] == pytest.approx(sum(job["seconds"] for job in result["jobs"]))
    assert main() == result
    assert DONE == []


def test_an_error_loses_its_own_job_alone(main, tmp_path):
    def fails(settings, seed):
        if seed == 2:
            raise ValueError("diverged")
        return run(settings, seed)

    with pytest.raises(ValueError, match="diverged"):
        main(experiment=Experiment(__file__, "x", fails, TOY.jobs, TOY.settings, TOY.fixed))
    assert len(results.read(tmp_path / "test_experiment.json")["jobs"]) == 2
    main()
    assert DONE == [(100, 2), (200, 2)]


def test_a_rehearsal_is_short_and_leaves_the_result_alone(main, tmp_path):
    before = main()
    main("--quick")
    assert DONE == [(7, 1), (7, 1)]
    assert results.read(tmp_path / "test_experiment.json") == before
    quick = results.read(tmp_path / "test_experiment_quick.json")
    assert quick["settings"]["steps"] == 0
    assert quick["command"].endswith(" --quick")
    main("--quick")
    assert len(DONE) == 2  # a rehearsal begins anew


def test_some_variants_and_seeds_are_run_and_the_rest_is_kept(main):
    main("--only", "wide", "--seeds", "2,7")
    assert DONE == [(200, 2), (200, 7)]
    result = main()
    assert DONE == [(100, 1), (200, 1), (100, 2)]
    assert [*results.by_seed(result, "sum", "wide").values()] == [211, 212, 217]


def test_a_changed_setting_is_not_mixed_with_what_is_recorded(main):
    before = main()
    with pytest.raises(ValueError, match=r"4 jobs of other settings.*steps 10, now 11.*--redo"):
        main("--set", "steps=11")
    jobs = grid(VARIANTS | {"wide": {"width": 300}}, (1, 2))
    edited = Experiment(__file__, "x", run, jobs, TOY.settings, TOY.fixed)
    with pytest.raises(ValueError, match=r"2 jobs of other settings.*wide.*width 200, now 300"):
        main(experiment=edited)
    assert DONE == []
    assert main() == before
    after = main("--set", "steps=11", "--redo")
    assert [*results.by_seed(after, "sum", "narrow").values()] == [112, 113]
    assert after["settings"]["steps"] == 11
    assert after["command"].endswith("--set steps=11")


def test_todo_runs_nothing_and_estimates_by_what_was_recorded(main, capsys, tmp_path):
    TOY.main(["--into", str(tmp_path), "--todo", "--jobs", "2"])
    told = capsys.readouterr().out
    assert "4 jobs to run, 0 recorded; 0.2 hours of one core, 2 side by side" in told
    main("--only", "narrow")
    file = tmp_path / "test_experiment.json"
    result = json.loads(file.read_text(encoding="utf-8"))
    for job in result["jobs"]:
        job["seconds"] = 7200.0
    file.write_text(json.dumps(result), encoding="utf-8")
    DONE.clear()
    TOY.main(["--into", str(tmp_path), "--todo", "--seeds", "1,3"])
    told = capsys.readouterr().out.splitlines()
    assert {"narrow: seeds 3", "wide: seeds 1, 3"} < set(told)
    assert "3 jobs to run, 2 recorded; 2.1 hours" in told[-1]  # 2 hours and twice 3 minutes
    assert DONE == []


def test_a_job_made_with_other_code_says_so(main, monkeypatch):
    first = main("--only", "wide")
    made = {name: first[name] for name in ("commit", "versions", "hardware")}
    monkeypatch.setattr(results, "origin", lambda: made | {"commit": "abc1234"})
    result = main()
    assert result["commit"] == made["commit"]
    told = {job["variant"]: job.get("commit") for job in result["jobs"]}
    assert told == {"wide": None, "narrow": "abc1234"}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--only", "wid"], "no variant 'wid'.*wide"),
        (["--set", "step=3"], "no setting 'step'.*steps"),
        (["--set", "optimizer=SGD"], "no setting 'optimizer'"),
        (["--set", "steps=many"], "steps is 10 by default"),
        (["--set", "steps=true"], "steps is 10 by default"),
    ],
)
def test_a_wrong_option_is_said_in_a_line(main, options, line):
    with pytest.raises(ValueError, match=line):
        main(*options)


def test_an_unknown_option_ends_with_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        exit_with(lambda: TOY.main(["--quik"]))
    assert stop.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_second_run_at_once_is_refused(main, tmp_path):
    with locked(tmp_path / "test_experiment.json"), pytest.raises(ValueError, match="another"):
        main()


def test_two_jobs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="own name"):
        Experiment(__file__, "x", run, [Job("a", 1, {}), Job("a", 1, {"width": 2})])


SCRIPT = '''
"""Jobs that wait."""
import os, time
from pathlib import Path
from transformer_lib.exits import exit_with
from transformer_lib.workbench.experiment import Experiment, grid

FOLDER = Path(__file__).parent

def run(settings, seed):
    (FOLDER / f"began_{seed}").write_text(str(os.getpid()))
    while seed > 2 and (FOLDER / "wait").exists():
        time.sleep(0.05)
    return {"seed": seed}

EXPERIMENT = Experiment(__file__, __doc__, run, grid({"only": {}}, range(1, 6)))
if __name__ == "__main__":
    exit_with(EXPERIMENT.main)
'''


def until(holds, seconds=200):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_stop_loses_the_jobs_at_work_alone_and_ends_all_processes(tmp_path, stop):
    """Two jobs are recorded, two at work, one not begun; killed, then gone on with."""
    (tmp_path / "wait").touch()
    (tmp_path / "slow.py").write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, tmp_path / "slow.py", "--into", tmp_path, "--jobs", "2"]
    at_work = [tmp_path / "began_3", tmp_path / "began_4"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # A shell that runs the tests in the background lets its children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    until(lambda: all(file.exists() and file.read_text() for file in at_work))
    if stop == signal.SIGINT:
        os.killpg(process.pid, stop)  # as a terminal does: to every process
    else:
        process.kill()
    _, errors = process.communicate(timeout=100)
    if stop == signal.SIGINT:
        assert (process.returncode, errors) == (130, "error: interrupted\n")
    until(lambda: not any(is_alive(int(file.read_text())) for file in at_work))
    assert [*results.by_seed(results.read(tmp_path / "slow.json"), "seed").values()] == [1, 2]
    if stop == signal.SIGKILL:
        (tmp_path / "wait").unlink()
        for file in tmp_path.glob("began_*"):
            file.unlink()
        subprocess.run([*command[:-1], "1"], check=True)
        assert [*results.by_seed(results.read(tmp_path / "slow.json"), "seed").values()] == [
            1,
            2,
            3,
            4,
            5,
        ]
        assert not Path(tmp_path, "began_1").exists()


def test_an_error_in_another_process_comes_back(tmp_path):
    """Also that a process is told its job's own settings, and both work."""
    from transformer_lib.workbench.processes import side_by_side

    outcomes = side_by_side(divide, [({"by": 1}, 6), ({"by": 2}, 6), ({"by": 0}, 6)], 2)
    found = {}
    with pytest.raises(ZeroDivisionError):
        found.update((number, outcome.figures) for number, outcome in outcomes)
    assert found.items() <= {0: {"is": 6}, 1: {"is": 3}}.items()


def divide(settings, seed):
    return {"is": seed // settings["by"]}

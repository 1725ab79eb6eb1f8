"""Which results are missing, and which are older than the code that they depend on."""

import subprocess
from pathlib import Path

import pytest

from transformer_lib.workbench import commits, programme, results
from transformer_lib.workbench.closure import depends_on

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path):
    """A checkout with a script, what it imports, and what it does not."""
    files = {
        "chapters/experiments/made.py": "from transformer_lib import near\n"
        "from transformer_lib.rooms import thing\nfrom transformer_lib.exits import exit_with\n",
        "transformer_lib/near.py": '"""Near."""\nimport transformer_lib.far.deep\n\n\ndef f():\n'
        '    """Say."""\n    return 1\n',
        "transformer_lib/far/__init__.py": "",
        "transformer_lib/far/deep.py": "",
        "transformer_lib/far/words.txt": "a",
        "transformer_lib/rooms/__init__.py": "from transformer_lib.rooms.one import thing\n"
        "from transformer_lib.rooms.two import other\n",
        "transformer_lib/rooms/one.py": "thing = 1\n",
        "transformer_lib/rooms/two.py": "other = 2\n",
        "transformer_lib/exits.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    who = ["-c", "user.name=A", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def names(checkout):
    found = depends_on(checkout / "chapters" / "experiments" / "made.py", checkout)
    return {str(file.relative_to(checkout)) for file in found}


def test_a_script_depends_on_what_it_imports_and_on_the_data_beside(checkout):
    assert names(checkout) == {
        "chapters/experiments/made.py", "transformer_lib/near.py", "transformer_lib/far/deep.py",
        "transformer_lib/far/words.txt", "transformer_lib/rooms/one.py",
    }  # fmt: skip


def test_the_scripts_of_the_book_depend_on_their_models_and_not_on_the_plumbing():
    found = depends_on(ROOT / "chapters" / "experiments" / "copying.py")
    told = {str(file.relative_to(ROOT)) for file in found}
    assert {"transformer_lib/models/rnn.py", "transformer_lib/workbench/copying.py"} < told
    assert not {"transformer_lib/workbench/results.py", "transformer_lib/exits.py"} & told


def test_only_other_code_makes_a_result_older(checkout):
    near, then = checkout / "transformer_lib" / "near.py", commits.commit(checkout)
    files = [checkout / name for name in names(checkout)]
    assert commits.changed_since(then, files, checkout) == []
    near.write_text(near.read_text().replace("Say.", "Say it.") + "# why\n", encoding="utf-8")
    assert commits.changed_since(then, files, checkout) == []
    near.write_text(near.read_text().replace("return 1", "return 2"), encoding="utf-8")
    assert commits.changed_since(then, files, checkout) == ["transformer_lib/near.py"]
    assert commits.commit(checkout) == f"{then}-dirty"


def test_writing_a_result_does_not_change_the_code(checkout):
    then = commits.commit(checkout)
    (checkout / "chapters" / "results.json").write_text("{}", encoding="utf-8")
    assert commits.commit(checkout) == then


@pytest.mark.parametrize("then", [None, "0000000", "abc1234-dirty"])
def test_what_cannot_be_compared_is_unknown(checkout, then):
    with pytest.raises(LookupError):
        commits.changed_since(then, [checkout / "transformer_lib" / "near.py"], checkout)


def test_a_folder_inside_a_checkout_is_none_itself(checkout):
    assert commits.commit(checkout / "transformer_lib") is None
    assert commits.commit(checkout.parent) is None


def test_the_list_has_every_result_and_what_is_left(tmp_path):
    """Copies of one experiment and of one whole result; the rest is missing."""
    for name in ("copying", "multi30k"):
        result = results.recorded(name)
        if name == "copying":
            result["jobs"] = result["jobs"][1:]
        front = {"made_with": {n: result[n] for n in ("commit", "versions", "hardware")},
                 "seconds": result["seconds"]}  # fmt: skip
        found = {n: result[n] for n in ("figures", "jobs") if n in result}
        results.write(tmp_path / f"{name}.json", result["command"], result["settings"],
                      **found, **front)  # fmt: skip
    rows = {row.name: row for row in programme.rows(folder=tmp_path)}
    copying, multi30k, recall = (rows[name] for name in ("copying", "multi30k", "recall"))
    assert (copying.n_recorded, copying.n_jobs) == (9, 10)
    assert copying.hours_left == pytest.approx(1 / 60, abs=1e-4)
    assert (multi30k.n_recorded, multi30k.hours_left) == (1, 0)
    assert (recall.n_recorded, recall.n_jobs, recall.age) == (0, 56, "missing")
    assert "--nproc-per-node=2" in rows["published"].command
    assert programme.told([*rows.values()]).count("\n") == len(rows)


def test_only_what_is_missing_is_run(monkeypatch):
    ran = []

    def fake(command, cwd):
        ran.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(programme.subprocess, "run", fake)
    programme.run_missing([
        programme.Row("whole", 2, 2, 0.0, "", ("a",)),
        programme.Row("half", 1, 2, 0.1, "", ("b",)),
    ])  # fmt: skip
    assert ran == [("b",)]

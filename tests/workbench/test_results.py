"""A result is written whole or not at all, says how it was made, and is found from anywhere."""

import json
import platform
from pathlib import Path

import pytest

from transformer_lib.workbench import results
from transformer_lib.workbench.programme import script_of

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "chapters" / "results").glob("*.json"))
MADE = {"commit": "abc1234", "versions": {"python": "3", "torch": "2"}, "hardware": {"cpu": "x"}}


def write(path, command="python x.py", **changes):
    given = {"figures": {"loss": 0.1}, "seconds": 2.0, "made_with": MADE, **changes}
    return results.write(path, command, {"steps": 3}, **given)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_recorded_result_says_how_it_was_made(file):
    """Its script is here, or it says by hand, and by whom."""
    result = results.read(file)
    script = script_of(result["command"])
    assert result.get("by_hand") or (ROOT / script).is_file()
    told = {*(result["versions"] or {"python": None}), *(result["hardware"] or {"cpu": None})}
    assert {"python", "cpu"} <= told
    assert platform.node() not in json.dumps(result).split('"')


def test_what_is_written_is_read_again_with_its_front_first(tmp_path):
    result = write(tmp_path / "new" / "a.json", cpu_seconds=3.0, remark="odd")
    assert results.read(tmp_path / "new" / "a.json") == result
    assert [*result] == [*results.FRONT, "cpu_seconds", "remark", "figures"]
    assert result["commit"] == "abc1234"


def test_this_process_tells_its_versions_and_hardware(tmp_path):
    result = results.write(tmp_path / "a.json", "x", {}, figures={}, seconds=None)
    assert result["versions"]["python"] == platform.python_version()
    assert set(result["hardware"]) == {*results.HARDWARE}
    assert result["hardware"]["cores"] >= 1


def test_a_write_that_fails_leaves_the_old_result(tmp_path, monkeypatch):
    old = write(tmp_path / "a.json")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("stopped")))
    with pytest.raises(OSError, match="stopped"):
        write(tmp_path / "a.json", figures={"loss": 9})
    assert results.read(tmp_path / "a.json") == old
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"figures": {"file": "/home/someone/text.en"}}, "figures.file holds the path '/home"),
        ({"figures": {"a": [{"b": "see ~/runs"}]}}, r"figures.a\[0\].b holds the path"),
        ({"command": "python /tmp/x.py"}, "command holds the path"),
        ({"figures": {"C:\\runs": 1}}, "figures holds the path"),
        ({"figures": {"loss": float("nan")}}, "figures.loss is nan"),
        ({"figures": None}, "must hold"),
        ({"jobs": []}, "must hold"),
        ({"colour": "red"}, "must hold"),
        ({"command": None}, "say by_hand"),
    ],
)
def test_a_result_that_is_not_whole_or_names_a_place_is_refused(tmp_path, changes, line):
    with pytest.raises(ValueError, match=line):
        write(tmp_path / "a.json", **changes)
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize(
    "text", ["1/2", "tokens/s", "and/or", "https://github.com/a/b", "/ best peer", "runs/mine"]
)
def test_what_only_looks_like_a_path_is_written(tmp_path, text):
    assert write(tmp_path / "a.json", remark=text)["remark"] == text


def test_by_hand_needs_no_command(tmp_path):
    assert write(tmp_path / "a.json", command=None, by_hand="judged by one reader")


@pytest.mark.parametrize("text", ["", "{", '{"schema": 1}', "[1]"])
def test_a_file_that_is_no_result_is_refused_by_name(tmp_path, text):
    (tmp_path / "odd.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"odd\.json"):
        results.read(tmp_path / "odd.json")


def test_a_later_schema_is_refused(tmp_path):
    result = write(tmp_path / "a.json") | {"schema": 2}
    with pytest.raises(ValueError, match="schema 2"):
        results.check(result, "a.json")


def test_results_are_found_beside_the_notebook_then_in_the_source_then_installed(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    places = [tmp_path / "results", tmp_path / "source" / "chapters" / "results",
              tmp_path / "share" / "measured-transformer" / "results"]  # fmt: skip
    monkeypatch.setattr(results, "CHECKOUT", tmp_path / "source")
    monkeypatch.setattr(results.sysconfig, "get_path", lambda *_: str(tmp_path))
    for number, place in enumerate(places):
        write(place / "a.json", figures={"place": number})
    for number, place in enumerate(places):
        assert results.recorded("a")["figures"] == {"place": number}
        (place / "a.json").unlink()
    write(places[2] / "recall.json")
    with pytest.raises(FileNotFoundError, match=r"no result recal\.json: .*recall") as error:
        results.recorded("recal")
    assert "\n" not in str(error.value)


def test_the_package_installs_every_result():
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (patterns,) = settings["tool"]["setuptools"]["data-files"].values()
    assert {file for pattern in patterns for file in ROOT.glob(pattern)} == {*FILES}


def jobs(*rows):
    return {
        "settings": {"steps": 5},
        "jobs": [
            {"variant": v, "seed": s, "settings": {"wide": w}, "figures": {"loss": f}}
            for v, s, w, f in rows
        ],
    }


def test_figures_come_in_the_order_of_seeds():
    result = jobs(("a", 10, 1, 0.1), ("b", 2, 2, 0.2), ("a", 2, 1, 0.3))
    assert [*results.by_seed(result, "loss", "a").values()] == [0.3, 0.1]
    assert [*results.by_seed(result, "loss", wide=2, steps=5).values()] == [0.2]
    with pytest.raises(ValueError, match="the variants are a, b"):
        results.by_seed(result, "loss", "c")
    with pytest.raises(ValueError, match="seed 2"):
        results.by_seed(result, "loss")


def test_what_was_not_recorded_is_said_and_not_made_up(tmp_path):
    made = {"commit": None, "versions": {"python": "3.11"}, "hardware": None}
    told = results.provenance(write(tmp_path / "a.json", made_with=made, seconds=None))
    assert told.splitlines() == [
        "python x.py",
        "commit not recorded, Python 3.11, torch not recorded",
        "not recorded, accelerator not recorded",
        "time not recorded",
    ]

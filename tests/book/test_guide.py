"""The guide's commands run, in their order, on two small files; its settings exist."""

import re
import shlex
import shutil

import pytest
from tiny_translator import SETTINGS, write_text

from book.checks import ROOT
from transformer_lib import cli
from transformer_lib.presets import PRESETS

GUIDE = (ROOT / "guides/your_own_translator.md").read_text(encoding="utf8")
PROGRAM = "python -m transformer_lib "
# Written small, and before the guide's own options, which come last and win.
TINY = [*SETTINGS, "train.steps=8", "train.log_every=4", "train.evaluate_every=4"]


def blocks(language):
    """Return the code blocks of the guide in a language."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", GUIDE)


def commands():
    """Return what stands behind the program's name, one list of arguments for each command."""
    lines = "".join(blocks("sh")).replace("\\\n", " ").splitlines()
    assert all(line.startswith(PROGRAM) for line in lines)
    return [shlex.split(line.removeprefix(PROGRAM)) for line in lines]


def files(folder):
    """Write every pair of files that the guide speaks of."""
    (folder / "text").mkdir()
    pair = write_text(folder / "text")
    for name in ("mine", "check", "test", "train", "newstest2013"):
        for path in pair:
            shutil.copy(path, folder / f"{name}{path.suffix}")


def run(arguments):
    """Run one command in this process; prepare and train with tiny settings."""
    if arguments[0] in ("prepare", "train"):
        tiny = [word for setting in TINY for word in ("--set", setting)]
        arguments = [arguments[0], *tiny, *arguments[1:]]
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert not stop.value.code, shlex.join(arguments)


def test_the_commands_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    files(tmp_path)
    monkeypatch.chdir(tmp_path)
    every = commands()
    assert {arguments[0] for arguments in every} >= {"prepare", "train", "translate", "score"}
    for arguments in every:
        run(arguments)
    assert (tmp_path / "test.out").read_text("utf8").count("\n") == 20
    assert (tmp_path / "look.html").exists()
    capsys.readouterr()
    (script,) = blocks("python")
    exec(script, {})  # what the guide says to run from Python
    assert capsys.readouterr().out.startswith("['")


@pytest.mark.parametrize("setting", sorted(set(re.findall(r"--set ([\w.]+=[\w./]+)", GUIDE))))
def test_a_setting_that_the_guide_names_exists(setting):
    group, key = setting.partition("=")[0].split(".")
    changed = PRESETS["small"].with_settings(setting).to_dict()[group][key]
    assert str(changed) == setting.partition("=")[2]


def test_what_the_guide_says_of_the_presets_is_so():
    assert PRESETS["small"].data.n_pieces == 4_000
    assert "does not support 4,000 pieces" in GUIDE
    assert PRESETS["base"].data.n_pieces == 37_000
    assert "37,000 pieces" in GUIDE


@pytest.mark.parametrize("option", ["--other", "--out", "--json", "--split"])
def test_an_option_that_the_guide_names_exists(option, capsys):
    assert f"`{option}`" in GUIDE
    with pytest.raises(SystemExit):
        cli.main(["score", "--help"])
    assert option in capsys.readouterr().out

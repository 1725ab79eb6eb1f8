"""Every command that a page, a docstring or the README prints is one that works as printed.

The library's own commands are run, with tiny settings and text. Of a script that trains for minutes
the file is run with --help, and each option that is printed must be told there; rehearsals of the
scripts are in test_experiments and test_benchmarks. What installs or builds is not run: the files,
extras, modules and targets that it names must be there.
"""

import ast
import contextlib
import importlib.util
import io
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tiny_translator import SETTINGS, tiny_run, write_text

from transformer_lib import cli

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", "index.md", "benchmarks/README.md", "guides/*.md",
         "backmatter/*.md"]  # fmt: skip
CODE = ["transformer_lib/**/*.py", "benchmarks/**/*.py", "chapters/experiments/*.py", "tools/*.py"]
COMMAND = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?"
    r"(?:python -m |python (?=[\w/]+\.py)|torchrun |make (?=[a-z-]+\b)|jupyter-book |pytest (?=-))"
    r"[^`]*"
)
NO_COMMAND = re.compile(r"make (?!book|test|bench|notebooks|results|lint|clean|help|unit|check-)")
NOT_RUN = ("pip", "pytest", "jupyter_book", "venv")  # they install, build, or run all of the tests


def lines_of(text):
    """Lines, with what a backslash continues put together."""
    return re.sub(r"\\\n\s*", "", text).split("\n")


def docstrings(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            yield ast.get_docstring(node) or ""


def printed(text):
    """Yield the commands that stand on lines of their own or between backticks, without remarks."""
    for line in lines_of(text):
        alone = re.sub(r"^On several GPUs: ", "", line.strip())
        for part in [alone, *re.findall(r"`([^`]+)`", line)]:
            part = re.sub(r"\s+(#|\(mind).*", "", part).strip()
            if COMMAND.fullmatch(part) and not NO_COMMAND.match(part):
                yield part.removesuffix(":").rstrip(".") if part.endswith("train ....") else part


def every_command():
    found = {}
    for pattern in PAGES:
        for file in sorted(ROOT.glob(pattern)):
            for command in printed(file.read_text(encoding="utf-8")):
                found.setdefault(command, f"{file.relative_to(ROOT)}")
    for pattern in CODE:
        for file in sorted(ROOT.glob(pattern)):
            for docstring in docstrings(file):
                for command in printed(docstring):
                    found.setdefault(command, f"{file.relative_to(ROOT)}")
    return found


COMMANDS = every_command()


def words_of(command):
    """The words after environment variables and the folder of the environment."""
    words = shlex.split(re.sub(r"\[[^]]*\]", "", command) if "pip" not in command else command)
    while re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return [words[0].removeprefix(".venv/bin/"), *words[1:]]


def kind_of(command):
    words = words_of(command)
    if words[0] == "make":
        return "make"
    if words[0] == "torchrun":
        return "torchrun"
    target = words[2] if words[:2] == ["python", "-m"] else words[0 if words[0] != "python" else 1]
    if target in NOT_RUN or words[0] in ("jupyter-book", "pytest"):
        return "environment"
    return "library" if target == "transformer_lib" else "script"


def of_kind(kind):
    return [command for command in COMMANDS if kind_of(command) == kind]


def test_commands_are_found():
    """So that nothing below passes on an empty list; a new kind of page is to be entered above."""
    text = "so:\n  python -m a b \\\n    --c  # d\n`make book`, `make sense`, `X=1 pytest -q`"
    assert [*printed(text)] == ["python -m a b --c", "make book", "X=1 pytest -q"]
    assert len(of_kind("library")) >= 10
    assert len(of_kind("script")) >= 15
    assert len(of_kind("torchrun")) >= 2
    assert {"README.md", "guides/your_own_translator.md"} <= {*COMMANDS.values()}


@pytest.fixture(scope="module")
def translator_folder(tmp_path_factory):
    """A folder with every file that the library's commands name, and a trained run."""
    folder = tmp_path_factory.mktemp("commands")
    src, tgt = write_text(folder)
    for name in ("mine", "train", "check", "test", "newstest2013"):
        shutil.copy(src, folder / f"{name}.en")
        shutil.copy(tgt, folder / f"{name}.de")
    shutil.copy(tgt, folder / "test.out")
    shutil.copytree(tiny_run(), folder / "runs" / "mine")
    return folder


@pytest.mark.parametrize("command", of_kind("library"))
def test_a_command_of_the_library_runs(command, translator_folder, tmp_path, monkeypatch, capsys):
    arguments = words_of(command)[3:]
    if arguments and arguments[0] in ("prepare", "train"):
        tiny = [word for setting in [*SETTINGS, "train.steps=2"] for word in ("--set", setting)]
        shutil.copytree(translator_folder, tmp_path / "here", ignore=shutil.ignore_patterns("runs"))
        monkeypatch.chdir(tmp_path / "here")
        if "--src" not in arguments:  # the built-in grammar
            tiny += ["--set", "data.n_pairs=200"]
        arguments += tiny
    else:
        monkeypatch.chdir(translator_folder)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"The dog sleeps.\n")))
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    said = capsys.readouterr()
    assert stop.value.code == 0 or (not arguments and "Usage" in said.out + said.err), said.err


def help_of(words):
    """What a module or a script says of itself, run in this process."""
    said = io.StringIO()
    run = runpy.run_module if words[1] == "-m" else runpy.run_path
    target = words[2] if words[1] == "-m" else str(ROOT / words[1])
    argv, sys.argv = sys.argv, [target, "--help"]
    sys.path.insert(0, str((ROOT / words[1]).parent))
    try:
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            run(target, run_name="__main__")
    finally:
        sys.argv = argv
        sys.path.pop(0)
    return said.getvalue()


def source_of(words):
    """The file that a command runs."""
    if words[1] != "-m":
        return ROOT / words[1]
    folder = ROOT / words[2].replace(".", "/")
    return folder / "__main__.py" if folder.is_dir() else folder.with_suffix(".py")


PARSED = re.compile(r"argparse|Parser|lab_experiment|EXPERIMENT|workbench\.options")


@pytest.mark.parametrize("command", of_kind("script"))
def test_a_script_is_there_and_knows_its_options(command):
    words = words_of(command)
    file = source_of(words)
    assert file.is_file(), f"{COMMANDS[command]} names {file.relative_to(ROOT)}"
    source = file.read_text(encoding="utf-8")
    if PARSED.search(source):
        told = help_of(words)
        assert "usage" in told.lower()
    else:  # it would begin to measure; its rehearsal is a test of its own
        beside = [file, *file.parent.glob("program.py")]
        told = "".join(one.read_text(encoding="utf-8") for one in beside)
    options = re.findall(r"(?<!\S)--[a-z][\w-]*", command)
    assert not [option for option in options if option not in told]


@pytest.mark.parametrize("command", of_kind("torchrun"))
def test_torchrun_hands_the_options_on(command, tmp_path):
    """With one process and --help: it is torchrun's own options that were in the way."""
    words = re.sub(r"(nproc[-_]per[-_]node[= ])\d+", r"\g<1>1", command).split()
    words = [sys.executable, "-m", "torch.distributed.run", *words[1:]]
    words = [word for word in words if word != "..."] + ["--run", "x", "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "--run" in done.stdout
    without = [word for word in words if word != "--"]
    assert without != words, "the -- keeps torchrun from taking --run for an option of its own"


@pytest.mark.parametrize("command", of_kind("make"))
def test_what_make_is_to_make_is_a_target(command):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {*re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)}
    asked = [
        word for word in words_of(command)[1:] if "=" not in word and word not in ("make", "&&")
    ]
    assert asked
    assert {*asked} <= targets


@pytest.mark.parametrize("command", of_kind("environment"))
def test_what_installs_and_builds_names_what_is_there(command):
    words = words_of(command)
    module = words[2] if words[:2] == ["python", "-m"] else words[0].replace("-", "_")
    assert importlib.util.find_spec(module)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for named in re.findall(r"\.\[([\w,]+)\]", command):
        assert {*named.split(",")} <= {*extras["optional-dependencies"]}
    for word in words[1:]:
        if re.search(r"\.(txt|py|ipynb)$", word) or word in ("tests", "chapters"):
            assert (ROOT / word).exists(), word

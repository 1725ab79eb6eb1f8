"""What people get wrong: one clear line each, a non-zero exit code, and nothing half-written."""

# ruff: noqa: E501 (a row of the table is a line)

import errno
import io
import shutil
import sys
from pathlib import Path

import pytest
from tiny_translator import SETTINGS, tiny_run, write_text

from transformer_lib import cli, files
from transformer_lib.translator import SHIPPED

TRAIN = ("train", "--src", "text.en", "--tgt", "text.de", "--run", "new",
         *[word for setting in SETTINGS for word in ("--set", setting)])  # fmt: skip
TRANSLATE = ("translate", "--run", "run", "--output", "out.txt")
GRAMMAR = ("train", "--run", "new", "--set")

# What is typed in a folder that holds text.en, text.de and a trained run; the exit code; and what
# the line on standard error says, in parts.
WRONG = {
    # The text
    "files of different length": (("train", "--src", "text.en", "--tgt", "short"), 1, ["20 lines", "has 1;"]),
    "empty files": (("train", "--src", "empty", "--tgt", "empty2"), 1, ["empty", "they are empty"]),
    "blank lines only": (("train", "--src", "blank", "--tgt", "blank2"), 1, ["no pair in", "text on both sides"]),
    "not UTF-8": (("train", "--src", "latin", "--tgt", "short"), 1, ["latin, line 1 is not UTF-8", "0xE4"]),
    "a NUL byte": (("train", "--src", "nul", "--tgt", "short"), 1, ["nul, line 1 holds a NUL byte"]),
    "the same file twice": (("train", "--src", "text.en", "--tgt", "./text.en"), 1, ["both source and target"]),
    "a folder for a file": (("train", "--src", "run", "--tgt", "text.de"), 1, ["run", "directory"]),
    "a missing file": (("train", "--src", "gone", "--tgt", "text.de"), 1, ["gone", "No such file"]),
    "one side only": (("train", "--src", "text.en"), 1, ["data.tgt is missing"]),
    "three columns": (("train", "--src", "three.tsv"), 1, ["line 1 has 3 columns"]),
    "a damaged gzip file": (("train", "--src", "cut.gz", "--tgt", "short"), 1, ["damaged compressed file"]),
    "a damaged bz2 file": (("train", "--src", "cut.bz2", "--tgt", "short"), 1, ["cut.bz2 is a damaged compressed file"]),
    "a damaged xz file": (("train", "--src", "cut.xz", "--tgt", "short"), 1, ["cut.xz is a damaged compressed file"]),
    "a single pair": (("train", "--src", "short", "--tgt", "short2"), 1, ["1 pair only"]),
    "files with another corpus": (("train", "--corpus", "grammar", "--src", "text.en", "--tgt", "text.de"), 1, ["data.corpus=files"]),
    # The settings
    "a misspelt corpus": (("train", "--corpus", "multi30"), 1, ["no corpus 'multi30'", "'multi30k'"]),
    "a misspelt preset": (("train", "--preset", "gramar"), 1, ["no preset 'gramar'", "'grammar'"]),
    "a misspelt setting": ((*GRAMMAR, "train.stepz=3"), 1, ["no setting 'stepz'", "'steps'"]),
    "a misspelt section": ((*GRAMMAR, "trian.steps=3"), 1, ["no section 'trian'", "'train'"]),
    "a misspelt value": ((*GRAMMAR, "model.norm_order=prae"), 1, ["'prae'", "'pre'"]),
    "no value": ((*GRAMMAR, "train.steps"), 1, ["write section.key=value"]),
    "not a number": ((*GRAMMAR, "train.steps=many"), 1, ["train.steps=many is not a whole number"]),
    "no steps": ((*GRAMMAR, "train.steps=0"), 1, ["steps is 0"]),
    "a negative size": ((*GRAMMAR, "model.d_model=-8"), 1, ["d_model is -8"]),
    "dropout of 1": ((*GRAMMAR, "model.dropout=1"), 1, ["dropout is 1.0"]),
    "heads that do not divide": ((*TRAIN, "--set", "model.n_heads=5"), 1, ["d_model = 32", "n_heads = 5"]),
    "an odd width": ((*TRAIN, "--set", "model.d_model=33", "--set", "model.n_heads=3"), 1, ["33"]),
    "a vocabulary that follows": ((*GRAMMAR, "model.vocab_size=9"), 1, ["model.vocab_size follows", "set data.n_pieces"]),
    "a vocabulary too large": ((*TRAIN, "--set", "data.n_pieces=9999"), 1, ["n_pieces is 9999", "supports only"]),
    "a vocabulary too small": ((*TRAIN, "--set", "data.n_pieces=9"), 1, ["n_pieces is 9", "259"]),
    "all pairs too long": ((*TRAIN, "--set", "data.max_tokens=2"), 1, ["max_tokens=2", "raise max_tokens"]),
    "a budget too small": ((*TRAIN, "--set", "data.batch_tokens=3"), 1, ["batch_tokens=3"]),
    "a device that is not": ((*TRAIN, "--set", "train.device=tpu"), 1, ["device 'tpu'"]),
    "a loss that is not finite": ((*TRAIN, "--set", "train.peak_lr=1e30"), 1, ["at step", "lower train.peak_lr"]),
    # The folders
    "a file for a run folder": ((*TRAIN, "--run", "text.en"), 1, ["text.en is a file"]),
    "a folder of something else": ((*TRAIN, "--run", "other"), 1, ["holds other files"]),
    "a run of another configuration": ((*TRAIN, "--run", "run", "--set", "model.d_model=64"), 1, ["d_model=32 not 64"]),
    "no run": (("translate", "--run", "other", "a"), 1, ["other holds no run"]),
    "no such run": (("info", "gone"), 1, ["gone holds no run"]),
    "a configuration that is no JSON": (("info", "garbled"), 1, ["garbled/config.json cannot be read"]),
    "a checkpoint of another shape": (("translate", "--run", "wider", "a"), 1, ["of another model"]),
    "a truncated checkpoint": (("translate", "--run", "cut", "a"), 1, ["cut/model.safetensors cannot be read"]),
    "a flipped bit": (("translate", "--run", "flipped", "a"), 1, ["sha256 does not match"]),
    "no tokenizer": (("translate", "--run", "mute", "a"), 1, ["mute/tokenizer.json", "No such file"]),
    # Translating and scoring
    "a missing input": ((*TRANSLATE, "--input", "gone"), 1, ["gone", "No such file"]),
    "a folder as input": ((*TRANSLATE, "--input", "run"), 1, ["run", "directory"]),
    "input that is not UTF-8": ((*TRANSLATE, "--input", "latin"), 1, ["line 1 is not UTF-8"]),
    "input with a NUL byte": ((*TRANSLATE, "--input", "nul"), 1, ["line 1 holds a NUL byte"]),
    "a line of a megabyte": ((*TRANSLATE, "--input", "megabyte"), 1, ["tokens, more than the 1,000", "split it"]),
    "input that is the output": (("translate", "--run", "run", "--input", "text.en", "--output", "text.en"), 1, ["is the input"]),
    "a folder as output": (("translate", "--run", "run", "--output", "run", "a"), 1, ["run is a folder"]),
    "output into no folder": (("translate", "--run", "run", "--output", "gone/out", "a"), 1, ["no folder gone"]),
    "a page into no folder": (("translate", "--run", "run", "--html", "gone/out", "a"), 1, ["no folder gone"]),
    "two results under one name": ((*TRANSLATE, "--html", "./out.txt", "a"), 1, ["out.txt is the input, or another output", "the page"]),
    "figures over translations": (("score", "--run", "run", "--out", "out", "--json", "out"), 1, ["out is the input, or another output"]),
    "a sentence that looks like an option": (("translate", "- I say"), 2, ["put -- before"]),
    "text and a file": ((*TRANSLATE, "--input", "text.en", "a"), 2, ["not both"]),
    "more results than beams": ((*TRANSLATE, "--n-best", "9", "a"), 1, ["n_best is 9 and beam_size 4"]),
    "no results": ((*TRANSLATE, "--n-best", "0", "a"), 2, ["--n-best"]),
    "no beam": ((*TRANSLATE, "--set", "decode.beam_size=0", "a"), 1, ["beam_size is 0"]),
    "a setting of training": ((*TRANSLATE, "--set", "train.steps=5", "a"), 1, ["cannot be changed after training"]),
    "scores of different lengths": (("score", "text.en", "short"), 1, ["20 lines", "has 1;"]),
    "scores of nothing": (("score", "empty", "empty2"), 1, ["0 translations and 0 references"]),
    "a run without weights": (("score", "--run", "bare"), 1, ["bare has no weights yet; train it first", "train --run bare"]),
    "translating without weights": (("translate", "--run", "bare", "a"), 1, ["bare has no weights yet"]),
    "no run to score": (("score", "--run", "other"), 1, ["other holds no run"]),
    "a misspelt split": (("score", "--run", SHIPPED, "--split", "odinary"), 1, ["no split 'odinary'", "'ordinary'", "known: valid, ordinary,"]),
    "a test split of the user's own files": (("score", "--run", "run", "--split", "test"), 1, ["files has no split 'test'", "known: valid"]),
    "several splits for one file": (("score", "--run", SHIPPED, "--out", "out.txt"), 1, ["out.txt can hold one split", "--split", "longer"]),
    "figures into no folder": (("score", "--run", "run", "--json", "gone/out"), 1, ["no folder gone"]),
    "a run and two files": (("score", "--run", "run", "text.en", "text.de"), 2, ["not both"]),
    "a split of no run": (("score", "--split", "valid"), 2, ["--run"]),
    "nothing to score": (("score",), 2, ["HYP and REF", "--run"]),
    "half of what to score": (("score", "text.en"), 2, ["HYP and REF"]),
    "training settings in scoring": (("score", "--run", "run", "--set", "train.steps=5"), 1, ["cannot be changed after training"]),
    "a missing reference": (("score", "text.en", "gone"), 1, ["gone", "No such file"]),
    # The call itself
    "a misspelt command": (("trian",), 2, ["No such command 'trian'"]),
    "a misspelt option": (("train", "--prset", "x"), 2, ["--prset"]),
    "a missing argument": (("info",), 2, ["DIR"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Fill a folder with what the table needs."""
    folder = tmp_path_factory.mktemp("bad")
    write_text(folder)
    contents = {
        "empty": b"", "empty2": b"", "blank": b"\n \n", "blank2": b"\n\t\n", "short": b"a\n",
        "short2": b"b\n", "latin": "Bär\n".encode("latin-1"), "nul": b"a\0b\n",
        "three.tsv": b"a\tb\tc\n", "cut.gz": b"\x1f\x8b\x08\0broken", "cut.bz2": b"BZh91AY&SYbroken", "cut.xz": b"\xfd7zXZ\0broken", "megabyte": b"dog " * 2**18,
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    shutil.copytree(tiny_run(), folder / "run")
    (folder / "other").mkdir()
    (folder / "other" / "letter.txt").write_text("mine")
    skip = shutil.ignore_patterns("checkpoints", "model.safetensors")
    shutil.copytree(tiny_run(), folder / "bare", ignore=skip)
    (folder / "garbled").mkdir()
    (folder / "garbled" / "config.json").write_text("{")
    spoil(folder)
    return folder


def spoil(folder: Path) -> None:
    """Copy what translates, and damage each copy in its own way."""
    for name in ("wider", "cut", "flipped", "mute"):
        (folder / name).mkdir()
        for file in ("config.json", "tokenizer.json", "model.safetensors"):
            shutil.copy(folder / "run" / file, folder / name)
    config = folder / "wider" / "config.json"
    config.write_text(config.read_text().replace('"d_model": 32', '"d_model": 64'))
    weights = folder / "cut" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    weights = folder / "flipped" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (folder / "mute" / "tokenizer.json").unlink()


@pytest.fixture
def call(prepared, capsys, monkeypatch):
    """Run a command in that folder; return its exit code and the lines on standard error."""
    monkeypatch.chdir(prepared)

    def run_main(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as stop:
            cli.main([*map(str, arguments)])
        return stop.value.code, capsys.readouterr().err.splitlines()

    return run_main


def contents(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob("*"))}


@pytest.mark.usefixtures("unchecked_shapes")  # as users have it
@pytest.mark.parametrize("name", WRONG)
def test_it_is_refused_in_one_line_and_nothing_is_written(name, call, prepared):
    arguments, expected_code, parts = WRONG[name]
    before = contents(prepared)
    if arguments[0] == "train" and "--run" not in arguments:
        arguments = (*arguments, "--run", "new")
    code, lines = call(*arguments)
    told = [line for line in lines if line.startswith("error: ")]
    assert code == expected_code
    assert len(told) == 1, lines
    assert told[0] == lines[-1]
    assert not any("Traceback" in line for line in lines)
    for part in parts:
        assert part in told[0]
    if name == "a loss that is not finite":  # found while training, so the run is there
        assert not list(Path("new").rglob("step-*"))
        shutil.rmtree("new")
    after = contents(prepared)
    shutil.rmtree("new", ignore_errors=True)  # so that one failure is not many
    assert after == before


@pytest.mark.parametrize("text", [b"caf\xe9\n", b"a\0b\n"])
def test_standard_input_that_is_no_text_is_refused_after_the_good_lines(call, capsys, text):
    code, lines = call("translate", "--run", "run", stdin=b"The dog sleeps.\n" + text)
    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith("error: standard input, line 2 ")


def test_blank_lines_marks_and_windows_line_ends_are_no_error(call, prepared, tmp_path):
    src, tgt = (prepared / name for name in ("text.en", "text.de"))
    for path in (src, tgt):
        content = path.read_bytes().replace(b"\n", b"\r\n")
        (tmp_path / path.name).write_bytes(b"\xef\xbb\xbf" + content + b"\r\n")
    files = ("--src", tmp_path / "text.en", "--tgt", tmp_path / "text.de")
    code, lines = call(*TRAIN, *files, "--run", tmp_path / "new", "--set", "train.steps=1")
    assert code == 0
    assert any("19 pairs to train on" in line for line in lines)


def test_a_long_line_is_left_out_of_training(call, prepared, tmp_path):
    for name, text in (("text.en", "dog " * 2**18), ("text.de", "x" * 2**20)):
        (tmp_path / name).write_text(text + "\n" + (prepared / name).read_text(encoding="utf-8"))
    files = ("--src", tmp_path / "text.en", "--tgt", tmp_path / "text.de")
    code, lines = call(*TRAIN, *files, "--run", tmp_path / "new", "--set", "train.steps=1")
    assert code == 0
    assert any("left out 1 pairs of more than 100 tokens" in line for line in lines)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that cannot be read")
def test_an_unreadable_file(call):
    code, lines = call(*TRANSLATE, "--input", "/proc/self/mem")
    assert (code, len(lines)) == (1, 1)
    assert "cannot read /proc/self/mem" in lines[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_without_space(call):
    code, lines = call("translate", "--run", "run", "--output", "/dev/full", "The dog sleeps.")
    assert (code, len(lines)) == (1, 1)
    assert "No space left" in lines[0]


def test_training_without_space_keeps_what_was_there(call, prepared, tmp_path, monkeypatch):
    real = files.write_synced

    def full(path, data):
        if "step-" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, data)

    monkeypatch.setattr("transformer_lib.training.checkpoint.write_synced", full)
    code, lines = call(*TRAIN, "--run", tmp_path / "new", "--set", "train.steps=1")
    assert code == 1
    assert lines[-1].startswith("error: no space left to write in ")
    assert not list((tmp_path / "new" / "checkpoints").iterdir())


def test_offline_with_an_empty_cache(call, tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr("pooch.retrieve", offline)
    monkeypatch.setenv("TRANSFORMER_LIB_CACHE", str(tmp_path / "cache"))
    code, lines = call("prepare", "--corpus", "multi30k", "--run", tmp_path / "new")
    assert code == 1
    assert "Network is unreachable" in lines[-1]
    assert "set TRANSFORMER_LIB_CACHE to a folder" in lines[-1]
    assert not (tmp_path / "new").exists()


def test_a_download_that_was_tampered_with(call, tmp_path, monkeypatch):
    from transformer_lib.data.multi30k import name_of

    file = tmp_path / "cache" / name_of("train", "en", True)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not the file\n")
    monkeypatch.setenv("TRANSFORMER_LIB_CACHE", str(tmp_path / "cache"))
    code, lines = call("train", "--corpus", "multi30k", "--run", tmp_path / "new")
    assert (code, len(lines)) == (1, 1)
    assert "was changed or is not whole; delete it" in lines[0]
    assert not (tmp_path / "new").exists()

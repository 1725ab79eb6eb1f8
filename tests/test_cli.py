import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tiny_translator import SETTINGS, tiny_run, write_text

from transformer_lib import cli, exits

COMMANDS = ("prepare", "train", "translate", "score", "info")


@pytest.fixture(scope="module")
def run():
    return str(tiny_run())


@pytest.fixture
def call(capsys, monkeypatch):
    """Run a command in this process; return its exit code, output and errors."""

    def run_main(*arguments, stdin: bytes = b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        return stop.value.code, *capsys.readouterr()

    return run_main


def shell(*arguments, **options) -> subprocess.Popen:
    """Start a command in a process of its own."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | options
    command = [sys.executable, "-m", "transformer_lib", *map(str, arguments)]
    # A shell that runs the tests in the background lets its children ignore Ctrl-C.
    return subprocess.Popen(
        command, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **pipes
    )


def test_help_names_every_command_and_exits_with_0(call):
    code, out, err = call("--help")
    assert (code, err) == (0, "")
    assert all(command in out for command in COMMANDS)
    for command in COMMANDS:
        code, out, _ = call(command, "--help")
        assert code == 0
        assert "Usage" in out


def test_without_arguments_there_is_help(call):
    code, out, err = call()
    assert code == 2
    assert "translate" in out + err
    assert "error" not in err


def test_arguments_are_translated_in_order(call, run):
    code, out, err = call("translate", "--run", run, "The dog sleeps.", "", "The man waits.")
    assert (code, err) == (0, "")
    assert out == "Der Hund schläft.\n\nDer Mann wartet.\n"


@pytest.mark.parametrize(
    ("text", "n_lines"),
    [
        (b"", 0),
        (b"\n", 1),
        (b"The dog sleeps.\n\n  \nThe man waits.\n", 4),
        (b"The dog sleeps.\r\nThe man waits.", 2),
        (b"\xef\xbb\xbfThe dog sleeps.\n", 1),
        ("The dog sleeps.\u2028The man waits.\n".encode(), 1),
    ],
)
def test_as_many_lines_come_out_of_standard_input_as_went_in(call, run, text, n_lines):
    code, out, _ = call("translate", "--run", run, stdin=text)
    assert code == 0
    assert out.count("\n") == n_lines
    if text.startswith((b"The dog sleeps.\n", b"The dog sleeps.\r", b"\xef")):
        assert out.startswith("Der Hund schläft.\n")


def test_files_go_in_and_out(call, run, tmp_path):
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_bytes(b"\xef\xbb\xbfThe dog sleeps.\r\n\r\nThe man waits.\r\n")
    target.write_text("old")
    code, out, _ = call("translate", "--run", run, "--input", source, "--output", target)
    assert (code, out) == (0, "")
    assert target.read_text(encoding="utf-8") == "Der Hund schläft.\n\nDer Mann wartet.\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.txt"]


def test_a_device_is_written_to_and_not_replaced(call, run):
    assert call("translate", "--run", run, "--output", os.devnull, "The dog sleeps.")[0] == 0
    assert not Path(os.devnull).is_file()


def test_a_dash_is_standard_input(call, run):
    code, out, _ = call("translate", "--run", run, "--input", "-", stdin=b"The dog sleeps.\n")
    assert (code, out) == (0, "Der Hund schläft.\n")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried ..."),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_memory_that_runs_out_is_one_line(capsys, error):
    def fail():
        raise error

    with pytest.raises(SystemExit) as stop:
        exits.exit_with(fail)
    assert stop.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: out of memory; lower decode.batch_size")


def test_a_fault_of_ours_is_not_hidden():
    def fail():
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        exits.exit_with(fail)


def test_n_best_prints_ranks_and_scores(call, run):
    code, out, _ = call("translate", "--run", run, "--n-best", 3, "The dog sleeps.")
    assert code == 0
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert rows[0][2] == "Der Hund schläft."
    scores = [float(row[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)


def test_n_best_prints_as_many_lines_for_a_blank_line(call, run, tmp_path):
    (tmp_path / "in").write_text("The dog sleeps.\n\nThe man waits.\n", encoding="utf-8")
    code, out, _ = call("translate", "--run", run, "--n-best", 3, "--input", tmp_path / "in")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == ["1", "2", "3"] * 3
    assert [line.split("\t")[2] for line in out.splitlines()[3:6]] == [""] * 3


def test_a_file_is_checked_to_its_end_before_its_first_line_is_translated(
    call, run, tmp_path, monkeypatch
):
    from transformer_lib.translator import Translator

    monkeypatch.setattr(Translator, "n_best", lambda *_: pytest.fail("translated"))
    for bad in ("dog " * 2000, "a\rb"):
        (tmp_path / "in").write_bytes(b"The dog sleeps.\n" * 1800 + bad.encode() + b"\nThe end.\n")
        code, out, err = call("translate", "--run", run, "--input", tmp_path / "in")
        assert (code, out) == (1, "")
        assert f"error: {tmp_path / 'in'}, line 1,801" in err


def test_search_settings_can_be_changed(call, run):
    short = ("--set", "decode.extra_length=0", "--set", "decode.beam_size=1")
    code, out, err = call("translate", "--run", run, *short, "The")
    assert code == 0
    assert len(out.split()) <= 1
    assert "was cut at the length limit" in err


def test_the_page_shows_the_sentence_and_escapes_it(call, run, tmp_path):
    page = tmp_path / "page.html"
    text = 'The <script>alert("&")</script> dog sleeps.'
    code, *_ = call("translate", "--run", run, "--html", page, "", text)
    assert code == 0
    content = page.read_text(encoding="utf-8")
    assert "<script" not in content
    assert "&lt;script&gt;alert(&quot;&amp;&quot;)&lt;/script&gt; dog sleeps." in content
    assert not re.search(r"(?:src|href)=|url\(|@import", content)
    assert "prefers-color-scheme: dark" in content


def test_score_prints_what_sacrebleu_counts(call, tmp_path):
    hyp, ref, other = (tmp_path / name for name in ("hyp", "ref", "other"))
    ref.write_text("the old man sees the dog .\na cat sleeps in the red house .\n" * 4)
    hyp.write_text("the old man sees a dog .\na cat sleeps in the red house .\n" * 4)
    other.write_text("the man sees dog .\na cat in a red house .\n" * 4)
    code, out, _ = call("score", hyp, ref, "--tokenised", "--other", other)
    assert code == 0
    assert "tok:none" in out
    assert "exact match 50.00%" in out
    assert "p = " in out
    code, out, _ = call("score", hyp, ref, "--other", hyp)
    assert (code, "p = 1.0" in out) == (0, True)
    code, out, _ = call("score", ref, ref)
    assert "BLEU 100.00" in out
    assert "tok:13a" in out


def test_score_translates_and_scores_a_run(call, run, tmp_path):
    out, figures = tmp_path / "out.txt", tmp_path / "figures.json"
    code, told, err = call("score", "--run", run, "--out", out, "--json", figures)
    assert (code, err) == (0, "")
    assert "your validation text, by which settings were chosen" in told
    assert "valid: 1 sentences" in told
    assert "exact match 100.00%" in told
    assert "beam 4, length penalty 0.6 (gnmt)" in told
    assert out.read_text(encoding="utf-8") == "Der Vogel gewinnt.\n"
    written = json.loads(figures.read_text(encoding="utf-8"))
    assert written["splits"]["valid"]["exact_match"] == 100
    assert written["decode"]["beam_size"] == 4
    code, told, _ = call("score", "--run", run, "--split", "valid", "--set", "decode.beam_size=1")
    assert "beam 1" in told


def test_info_tells_what_a_run_is_and_how_it_went(call, run):
    code, out, _ = call("info", run)
    assert code == 0
    for told in ("1+2 layers", "300 pieces", "step 80 of 80", "finished", "perplexity", "torch"):
        assert told in out


def test_info_of_a_run_that_has_not_begun(call, tmp_path):
    src, tgt = write_text(tmp_path)
    folder = tmp_path / "run"
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    code, out, _ = call("prepare", "--src", src, "--tgt", tgt, "--run", folder, *sets)
    assert code == 0
    assert "19 pairs to train on" in out
    assert "of each batch is padding" in out
    assert (folder / "tokenizer.json").exists()
    code, out, _ = call("info", folder)
    assert "no step recorded" in out


def test_train_goes_on_with_the_same_command_and_with_the_folder_alone(call, tmp_path):
    src, tgt = write_text(tmp_path)
    folder = tmp_path / "my run"
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    options = ("--src", src, "--tgt", tgt, "--run", folder, *sets)
    code, out, err = call("train", *options, "--set", "train.steps=2")
    assert code == 0
    assert "finished after 2 steps" in err
    assert f"translate --run '{folder}'" in out
    code, _, err = call("train", *options, "--set", "train.steps=4")
    assert "going on from step-00000002" in err
    code, out, err = call("train", "--run", folder, "--set", "train.steps=6", "--quiet")
    assert (code, out, err) == (0, "", "")
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").open()]
    assert steps == [2, 4, 6]
    assert (folder / "curve.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("options", "folder", "corpus", "lowercase"),
    [
        ({}, "runs/grammar", "grammar", False),
        ({"corpus": "multi30k"}, "runs/multi30k", "multi30k", True),
        ({"src": "a.en", "tgt": "a.de"}, "runs/small", "files", False),
        ({"src": "a", "tgt": "b", "preset": "base"}, "runs/base", "files", False),
        ({"preset": "multi30k"}, "runs/multi30k", "multi30k", True),
    ],
)
def test_options_choose_settings_and_folder(options, folder, corpus, lowercase):
    given = dict.fromkeys(("corpus", "src", "tgt", "preset", "run")) | options
    config, path = cli.choose(**given, assignments=["train.seed=7"])
    assert str(path) == folder
    assert (config.data.corpus, config.data.lowercase) == (corpus, lowercase)
    assert config.train.seed == 7
    assert config.data.src == options.get("src")


def test_a_model_of_the_grammar_warns_of_unknown_words(call, run, monkeypatch):
    from transformer_lib.translator import Translator

    monkeypatch.setattr(Translator, "unknown_words", lambda self, sentence: ["hello", "world"])
    code, out, err = call("translate", "--run", run, "hello world")
    assert code == 0
    assert err.startswith("warning: this model does not know 'hello', 'world'")
    assert out.count("\n") == 1


def test_piped_lines_are_translated_as_they_come(run):
    process = shell("translate", "--run", run)
    for line, expected in [(b"The dog sleeps.\n", "Hund"), (b"The man waits.\n", "Mann")]:
        process.stdin.write(line)
        process.stdin.flush()
        assert expected in process.stdout.readline().decode()
    out, err = process.communicate()
    assert (process.returncode, out, err) == (0, b"", b"")


def test_a_reader_that_has_enough_is_no_error_to_report(run):
    process = shell("translate", "--run", run)
    process.stdout.close()
    process.stdin.write(b"The dog sleeps.\n" * 200)
    process.stdin.close()
    assert process.wait(60) != 0
    assert process.stderr.read() == b""


def test_ctrl_c_in_training_saves_and_says_how_to_go_on(tmp_path):
    src, tgt = write_text(tmp_path)
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    arguments = ("train", "--src", src, "--tgt", tgt, "--run", tmp_path / "run", *sets)
    process = shell(*arguments, "--set", "train.steps=100000")
    for line in process.stderr:
        if line.startswith(b"step "):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130
    assert b"the same command again goes on from here" in err.splitlines()[-1]
    assert list((tmp_path / "run" / "checkpoints").iterdir())


def test_ctrl_c_is_one_line_and_130(run):
    process = shell("translate", "--run", run)
    process.stdin.write(b"The dog sleeps.\n")
    process.stdin.flush()
    process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == b"error: interrupted\n"

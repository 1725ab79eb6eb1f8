# ruff: noqa: E501 (a name is a line)
"""The faults that people's bug reports led to, by number, each with its test.

A fault whose kind is tested where its idea is tested stands in `ELSEWHERE`, which must name tests
that are there. The others are tried here as they were found, by the command that showed them.
"""

import ast
import io
import sys
from pathlib import Path

import pytest
from tiny_translator import SETTINGS, tiny_run, write_text

from transformer_lib import cli
from transformer_lib.data.corpus import corpus_of
from transformer_lib.presets import PRESETS
from transformer_lib.recipe import prepare
from transformer_lib.translator import SHIPPED, Translator

TESTS = Path(__file__).parents[1]
ELSEWHERE = {
    1: ["test_files.py::test_a_system_that_opens_no_folder_goes_on",
        "test_files.py::test_windows_has_its_own_lock"],
    2: ["test_recipe.py::test_weights_that_were_passed_on_are_not_trained_over",
        "training/test_run.py::test_weights_that_were_passed_on_are_a_whole_run_and_never_trained_over"],
    3: ["test_cli.py::test_memory_that_runs_out_is_one_line"],
    4: ["test_recipe.py::test_a_line_that_nothing_can_read_is_left_out_of_validation_and_told",
        "test_scoring.py::test_what_is_too_long_to_read_is_left_out_before_any_is_translated_and_counted"],
    5: ["test_recipe.py::test_too_few_positions_are_refused_before_anything_is_written"],
    7: ["test_same_text.py::test_every_path_gives_the_same_pieces_or_refusal",
        "data/test_text.py::test_what_looks_the_same_is_the_same"],
    9: ["test_recipe.py::test_text_that_changes_before_training_is_told_and_learned_anew"],
    10: ["test_recipe.py::test_a_corpus_that_was_moved_goes_on",
         "test_recipe.py::test_another_text_of_the_same_name_is_not_scored"],
    11: ["test_cli.py::test_n_best_prints_as_many_lines_for_a_blank_line"],
    12: ["test_files.py::test_text_is_utf8_whatever_the_system_says"],
    13: ["evaluation/test_bleu.py::test_paired_bootstrap_tells_a_real_difference_from_none"],
    14: ["test_files.py::test_one_name_is_one_file",
         "test_bad_input.py::test_it_is_refused_in_one_line_and_nothing_is_written"],
    15: ["test_cli.py::test_a_file_is_checked_to_its_end_before_its_first_line_is_translated"],
    16: ["test_translator.py::test_a_loaded_model_is_an_ordinary_one"],
    17: ["layers/test_attention.py::test_a_query_that_may_attend_to_nothing_gets_zeros_and_gives_no_gradient",
         "layers/test_multihead.py::test_a_sentence_of_padding_alone_gets_zeros_and_gives_no_gradient"],
    18: ["faults/test_notebooks_elsewhere.py::test_a_downloaded_notebook_finds_all_that_it_needs"],
    20: ["test_cli.py::test_a_dash_is_standard_input",
         "test_config.py::test_a_wrong_setting_is_refused_in_one_line",
         "data/test_parallel_text.py::test_two_files_give_pairs",
         "test_files.py::test_a_program_that_is_told_to_end_leaves_no_hidden_file",
         "test_files.py::test_a_file_keeps_its_mode_and_a_new_one_has_that_of_the_process",
         "figures/test_page.py::test_parts_of_a_letter_are_not_shown_as_spaces"],
    21: ["training/test_run.py::test_a_run_is_loaded_while_its_training_prunes"],
    22: ["training/test_random_streams.py::test_each_update_draws_its_dropout_anew"],
    23: ["training/test_every_model_trains.py::test_it_trains",
         "training/test_every_model_trains.py::test_it_trains_with_the_options_of_training"],
    24: ["training/test_schedule.py::test_a_constant_rate_is_one_number_without_a_warm_up"],
    25: ["faults/test_every_command.py::test_a_command_of_the_library_runs",
         "faults/test_every_command.py::test_torchrun_hands_the_options_on"],
}  # fmt: skip
HERE = {6, 7, 8, 11, 15, 19, 20}


@pytest.mark.parametrize("fault", range(1, 26))
def test_every_fault_has_its_test(fault):
    assert fault in HERE or ELSEWHERE.get(fault)
    for named in ELSEWHERE.get(fault, ()):
        file, _, test = named.partition("::")
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if fault in HERE:
        assert any(name.startswith(f"test_fault_{fault}_") for name in globals())


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command; return its exit code, its output and the lines on standard error."""

    def run_main(*arguments, stdin=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as stop:
            cli.main([*map(str, arguments)])
        found = capsys.readouterr()
        return stop.value.code, found.out, found.err.splitlines()

    return run_main


def corpus(folder, end="\n", name="text", before=""):
    """Two files of 20 pairs whose lines end as given; return their paths."""
    paths = write_text(folder)
    for path in paths:
        text = before + path.read_text(encoding="utf-8").replace("\n", end)
        path.write_bytes(text.encode())
    return tuple(map(str, paths))


def config_of(src, tgt=None):
    files = ["data.corpus=files", f"data.src={src}", *([f"data.tgt={tgt}"] if tgt else [])]
    return PRESETS["tiny"].with_settings(*files, *SETTINGS)


def test_fault_6_lines_that_end_in_a_return_alone_are_told(call, tmp_path):
    src, tgt = corpus(tmp_path, "\r")
    code, _, told = call("train", "--src", src, "--tgt", tgt, "--run", tmp_path / "new")
    assert (code, len(told)) == (1, 1)
    assert "text.en, line 1 holds a carriage return" in told[0]
    assert not (tmp_path / "new").exists()
    two = b"The dog sleeps.\rThe man waits.\r"
    (tmp_path / "in").write_bytes(two)
    for arguments in (["--input", tmp_path / "in"], ["--input", "-"], []):
        code, out, told = call("translate", "--run", tiny_run(), *arguments, stdin=two)
        assert (code, out) == (1, "")
        assert "line 1 holds a carriage return" in told[0]


OTHER_FORMS = {
    "a no-break space": "The\N{NO-BREAK SPACE} old man sees the dog.",
    "a zero width space": "The old man\N{ZERO WIDTH SPACE} sees the dog.",
    "a byte order mark": "\N{ZERO WIDTH NO-BREAK SPACE}The old man sees the dog.",
    "a tab": "The old\tman sees the dog.",
}


@pytest.mark.skipif(not SHIPPED.exists(), reason="needs the model that ships")
@pytest.mark.parametrize("sentence", OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_fault_7_what_looks_the_same_is_translated_the_same(call, sentence, tmp_path):
    (tmp_path / "in").write_text(f"\N{ZERO WIDTH SPACE}\n{sentence}\n", encoding="utf-8")
    code, out, told = call("translate", "--input", tmp_path / "in")
    assert (code, out, told) == (0, "\nDer alte Mann sieht den Hund.\n", [])


@pytest.mark.skipif(not SHIPPED.exists(), reason="needs the model that ships")
@pytest.mark.parametrize(
    ("sentence", "warning"),
    [
        ("The old man sees the dog", "have one . or ?, at the end"),
        ("The old man sees the dog\N{COMBINING CIRCUMFLEX ACCENT}.", "does not know"),
        ("The old \N{DOG FACE} sees the dog.", "does not know"),
    ],
)
def test_fault_7_what_the_model_cannot_know_is_warned_of(call, sentence, warning):
    code, _, told = call("translate", sentence)
    assert code == 0
    assert told[0].startswith("warning: ")
    assert warning in told[0]


@pytest.mark.parametrize("end", [" \n", "\N{NO-BREAK SPACE}\n", "\r\r\n", "\t\r\n"], ids=ascii)
def test_fault_8_ends_of_lines_are_no_text(end, tmp_path):
    clean, other = tmp_path / "clean", tmp_path / "other"
    for folder in (clean, other):
        folder.mkdir()
    expected = prepare(config_of(*corpus(clean)), clean / "run", lambda line: None)
    found = prepare(config_of(*corpus(other, end)), other / "run", lambda line: None)
    assert found.corpus == expected.corpus
    assert found.tokenizer == expected.tokenizer
    assert found.train.digest == expected.train.digest


def test_fault_11_every_line_has_as_many_translations(call, tmp_path):
    (tmp_path / "in").write_text("The dog sleeps.\n\nThe man waits.\n", encoding="utf-8")
    code, out, _ = call("translate", "--run", tiny_run(), "--n-best", 2, "--input", tmp_path / "in")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == ["1", "2"] * 3


def test_fault_15_one_long_line_is_named_before_anything_is_translated(call, tmp_path):
    lines = ["The dog sleeps."] * 2000
    lines[1799] = "dog " * 1500
    (tmp_path / "in").write_text("\n".join(lines), encoding="utf-8")
    code, out, told = call("translate", "--run", tiny_run(), "--input", tmp_path / "in")
    assert (code, out, len(told)) == (1, "", 1)
    assert f"error: {tmp_path / 'in'}, line 1,800, which begins 'dog dog" in told[0]


def test_fault_19_formats_that_are_no_plain_text_are_refused(call, tmp_path):
    src, tgt = corpus(tmp_path, before='<srcset setid="mine" srclang="any">\n')
    code, _, told = call("prepare", "--src", src, "--tgt", tgt, "--run", tmp_path / "new")
    assert (code, len(told)) == (1, 1)
    assert "is markup, not plain text" in told[0]
    for rows, words in [
        ("English\tGerman\nThe dog.\tDer Hund.\n", "is a heading ('English', 'German')"),
        ('"The dog."\t"Der Hund."\n"A ""cat""."\t"Ein Kater."\n', "columns in quotes"),
    ]:
        (tmp_path / "table.tsv").write_text(rows, encoding="utf-8")
        code, _, told = call("prepare", "--src", tmp_path / "table.tsv", "--run", tmp_path / "new")
        assert (code, len(told)) == (1, 1)
        assert words in told[0]
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("unchecked_shapes")
def test_fault_20_what_is_no_sentence_is_told_in_a_line(call):
    translator = Translator.load(tiny_run(), device="cpu")
    with pytest.raises(ValueError, match=r"^sentence 2 is None; give text"):
        translator.translate(["The dog.", None])
    code, _, told = call("translate", "--run", tiny_run(), "- text")
    assert (code, len(told)) == (2, 1)
    assert "put -- before a sentence that begins with -" in told[0]


def test_fault_20_what_to_do_next_can_be_typed_with_a_space_in_a_name(tmp_path, call):
    src, tgt = corpus(tmp_path)
    run = tmp_path / "my run"
    tiny = [word for setting in [*SETTINGS, "train.steps=1"] for word in ("--set", setting)]
    prepare(config_of(src, tgt), run, lambda line: None)
    code, _, told = call("translate", "--run", run, "a")
    assert (code, told[0].endswith(f"train --run '{run}'")) == (1, True)
    code, out, _ = call("train", "--src", src, "--tgt", tgt, "--run", tmp_path / "a b", *tiny)
    assert code == 0
    assert f"--run '{tmp_path / 'a b'}'" in out


def test_the_text_that_scores_are_published_on_is_left_as_it_is(monkeypatch, tmp_path):
    from transformer_lib.data.multi30k import Multi30k
    from transformer_lib.data.parallel_text import ParallelText

    text = ParallelText(["a man  . &apos; "], ["ein mann ."])
    monkeypatch.setattr(Multi30k, "read", lambda self, split: text)
    data = PRESETS["multi30k"].data
    assert corpus_of(data).load("train") == text
    assert corpus_of(data.updated(lowercase=False)).load("train").src == ["a man . &apos;"]

"""A run knows its text by its content, and is refused before anything is written."""

import json
import shutil

import pytest
from tiny_translator import tiny_config, tiny_run, write_text

from transformer_lib import scoring
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.recipe import prepare, train_run, trained
from transformer_lib.training.run import RunFolder
from transformer_lib.translator import Translator


@pytest.fixture
def text(tmp_path):
    """Text in a folder of its own."""
    (tmp_path / "text").mkdir()
    return write_text(tmp_path / "text")


@pytest.fixture
def config(text):
    """Return settings for a training of two updates."""
    return tiny_config(*text).with_settings("train.steps=2", "train.evaluate_every=2")


def cleaned(path):
    """Change a text as one who cleans it does."""
    path.write_text(path.read_text(encoding="utf-8").replace(".", " !"), encoding="utf-8")


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_text_that_changes_before_training_is_told_and_learned_anew(text, config, tmp_path):
    said = []
    first = prepare(config, tmp_path / "run", said.append).tokenizer
    assert prepare(config, tmp_path / "run", said.append).tokenizer == first
    assert not any("changed" in line for line in said)
    for path in text:
        cleaned(path)
    second = prepare(config, tmp_path / "run", said.append)
    assert sum("the text has changed since it was prepared" in line for line in said) == 1
    assert second.tokenizer != first
    lines = [*second.corpus.train.src, *second.corpus.train.tgt]
    assert second.tokenizer == Tokenizer.train(lines, 300)
    assert Tokenizer.load(tmp_path / "run" / "tokenizer.json") == second.tokenizer
    assert second.tokenizer.learned_from == second.corpus.train.digest


@pytest.mark.parametrize("side", ["train", "valid"])
def test_text_that_changes_after_training_is_refused(text, config, tmp_path, side):
    train_run(config, tmp_path / "run", quiet=True)
    before = contents(tmp_path / "run")
    lines = text[0].read_text(encoding="utf-8").splitlines()
    place = 0 if side == "train" else -1
    lines[place] = lines[place].replace(".", "!")
    text[0].write_text("\n".join(lines) + "\n", encoding="utf-8")
    more = config.with_settings("train.steps=4")
    with pytest.raises(ValueError, match=f"the {side} text is not the one that .*run was made"):
        train_run(more, tmp_path / "run", quiet=True)
    assert contents(tmp_path / "run") == before


def test_a_corpus_that_was_moved_goes_on(text, config, tmp_path, monkeypatch):
    train_run(config, tmp_path / "run", quiet=True)
    shutil.move(text[0].parent, tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    moved = config.with_settings("data.src=text.en", "data.tgt=text.de", "train.steps=4")
    assert train_run(moved, tmp_path / "run", quiet=True).step == 4
    assert RunFolder.open(tmp_path / "run").config.data.src == "text.en"


def test_a_run_of_before_has_no_digests_and_goes_on(config, tmp_path):
    train_run(config, tmp_path / "run", quiet=True)
    (tmp_path / "run" / "data.json").unlink()
    file = tmp_path / "run" / "tokenizer.json"
    stored = json.loads(file.read_text(encoding="utf-8"))
    del stored["learned_from"]
    file.write_text(json.dumps(stored), encoding="utf-8")
    assert train_run(config.with_settings("train.steps=4"), tmp_path / "run", quiet=True).step == 4
    assert RunFolder.open(tmp_path / "run").known_text().keys() == {"train", "valid"}


def test_another_text_of_the_same_name_is_not_scored(text, tmp_path, monkeypatch):
    translator = Translator.load(tiny_run(), device="cpu")
    data = translator.config.data.updated(src="text.en", tgt="text.de")
    object.__setattr__(translator.config, "data", data)
    monkeypatch.chdir(text[0].parent)
    assert scoring.score_split(translator, "valid").scores.exact_match == 100
    cleaned(text[1])
    with pytest.raises(ValueError, match=r"the valid text here is not .*; name that one with"):
        scoring.score_split(translator, "valid")


def test_weights_that_were_passed_on_are_not_trained_over(config, tmp_path):
    train_run(config, tmp_path / "run", quiet=True)
    passed_on = RunFolder.open(tmp_path / "run").export(tmp_path / "passed on").path
    before = contents(passed_on)
    with pytest.raises(ValueError, match="passed on holds trained weights without"):
        train_run(config.with_settings("train.steps=4"), passed_on, quiet=True)
    assert trained(config, passed_on, quiet=True).path == passed_on
    assert contents(passed_on) == before
    assert Translator.load(passed_on, device="cpu").known_text.keys() == {"train", "valid"}


@pytest.mark.parametrize("max_length", [5, 20, 58])
def test_too_few_positions_are_refused_before_anything_is_written(config, tmp_path, max_length):
    few = config.with_settings("model.positions=learned", f"model.max_length={max_length}")
    with pytest.raises(ValueError, match=r"max_length=(\d+) or more") as caught:
        train_run(few, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
    needed = int(str(caught.value).rpartition("=")[2].split()[0])
    enough = few.with_settings(f"model.max_length={needed}")
    train_run(enough, tmp_path / "run", quiet=True)
    translator = Translator.load(tmp_path / "run", device="cpu")
    assert len(scoring.score_split(translator, "valid").translations) == 1


def test_a_line_that_nothing_can_read_is_left_out_of_validation_and_told(text, config, tmp_path):
    for path in text:
        with open(path, "a", encoding="utf-8") as file:
            file.write("A dog.\n" * 20 + "dog " * 3000 + "\n")
    said = []
    prepared = prepare(config, tmp_path / "run", said.append)
    assert (len(prepared.corpus.valid.src), len(prepared.valid)) == (2, 1)
    assert any("left out 1 validation pairs of more than 1,000 tokens" in line for line in said)

"""The cache gives back what was cut, notices what changed, and survives damage."""

import numpy as np
import pytest

from transformer_lib.config import DataConfig
from transformer_lib.data.corpus import load_split
from transformer_lib.data.pairs import encode_pairs
from transformer_lib.workbench import cut_corpus as module
from transformer_lib.workbench.cut_corpus import address, cut_corpus, sample, source_digest

DATA = DataConfig(n_pairs=300, n_pieces=400, max_tokens=25)
SPLITS = ("valid", "deeper")


@pytest.fixture(autouse=True)
def _few_sentences(monkeypatch):
    monkeypatch.setattr("transformer_lib.data.corpus.HELD_OUT", 20)


def same(one, other):
    assert one.digest == other.digest
    assert one.n_left_out == other.n_left_out
    np.testing.assert_array_equal(one.lengths, other.lengths)


def test_what_is_read_back_is_what_was_cut(tmp_path, monkeypatch):
    cut = cut_corpus(DATA, SPLITS, tmp_path)
    monkeypatch.setattr(module, "cut_anew", None)  # the second time nothing is made
    again = cut_corpus(DATA, SPLITS, tmp_path)
    assert again.tokenizer == cut.tokenizer
    same(again.train, cut.train)
    assert cut.train.n_left_out > 0
    assert list(again.splits) == list(SPLITS)
    for name in SPLITS:
        assert again.splits[name].text == load_split(DATA, name)
        same(again.splits[name].pairs, encode_pairs(cut.tokenizer, load_split(DATA, name)))


def test_only_what_alters_the_pairs_makes_a_new_corpus():
    there = address(DATA, SPLITS)
    assert address(DATA.updated(batch_tokens=99), SPLITS) == there
    others = [
        DATA.updated(n_pairs=301), DATA.updated(n_pieces=401), DATA.updated(seed=2),
        DATA.updated(max_tokens=26), DATA.updated(lowercase=True),
    ]  # fmt: skip
    found = {there, address(DATA, ("valid",)), *(address(data, SPLITS) for data in others)}
    assert len(found) == 7


@pytest.mark.parametrize("name", ["lexicon.txt", "rules.py", "deep/er.py"])
def test_a_changed_word_list_or_rule_makes_a_new_corpus(tmp_path, monkeypatch, name):
    (tmp_path / "deep").mkdir()
    (tmp_path / name).write_text("dog\tHund")
    monkeypatch.setattr(module.data_package, "__file__", str(tmp_path / "__init__.py"))
    before = address(DATA, SPLITS)
    (tmp_path / name).write_text("dog\tHunde")
    assert address(DATA, SPLITS) != before


def test_the_digest_knows_names_and_passes_over_what_python_writes(tmp_path):
    (tmp_path / "one.py").write_text("x")
    before = source_digest(tmp_path)
    (tmp_path / "one.cpython-311.pyc").write_text("y")
    assert source_digest(tmp_path) == before
    (tmp_path / "one.py").rename(tmp_path / "two.py")
    assert source_digest(tmp_path) != before


def test_a_damaged_file_is_made_anew_and_nothing_else_is_left_behind(tmp_path):
    cut_corpus(DATA, SPLITS, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    cut_corpus(DATA, SPLITS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert file.read_bytes() == whole


def test_a_smaller_sample_is_part_of_a_larger_one_and_pairs_stay_together():
    text = load_split(DATA, "train")
    few, more = sample(text, 20, 1), sample(text, 50, 1)
    assert few.src == more.src[:20]
    assert len(set(more.src)) == 50
    german = dict(zip(*text, strict=True))
    assert more.tgt == [german[src] for src in more.src]
    assert sample(text, 20, 2).src != few.src
    assert sample(text, 300, 1) is text


def test_files_of_ones_own_are_refused():
    with pytest.raises(ValueError, match="would not notice"):
        cut_corpus(DATA.updated(corpus="files", src="a.en", tgt="a.de"), SPLITS)

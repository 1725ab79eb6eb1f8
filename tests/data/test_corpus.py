"""The corpora: which pairs are for training, which for validation, which for a test."""

import pytest

from transformer_lib.config import DataConfig
from transformer_lib.data import corpus as corpus_module
from transformer_lib.data import multi30k
from transformer_lib.data.base_corpus import BaseCorpus
from transformer_lib.data.corpus import (
    CORPORA,
    ParallelText,
    corpus_of,
    load_corpus,
    load_split,
    splits_of,
)
from transformer_lib.presets import PRESETS

needs_multi30k = pytest.mark.skipif(
    not (multi30k.cache_folder() / "data/task1/tok/train.lc.norm.tok.en").exists(),
    reason="needs Multi30k: set TRANSFORMER_LIB_CACHE to a filled cache",
)


def write(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def numbered(tmp_path, n, name="text"):
    src = write(tmp_path / f"{name}.en", [f"Line {i}" for i in range(n)])
    return src, write(tmp_path / f"{name}.de", [f"Zeile {i}" for i in range(n)])


def test_the_grammar_gives_disjoint_splits_and_a_test_that_no_seed_changes(monkeypatch):
    monkeypatch.setattr("transformer_lib.data.corpus.HELD_OUT", 40)  # 1000 take long to generate
    one, two = (load_corpus(DataConfig(n_pairs=60, seed=seed)) for seed in (1, 2))
    assert one.train != two.train
    assert one.valid == two.valid
    names = splits_of(DataConfig())
    assert names == ("ordinary", "new_combinations", "deeper", "longer")
    tests = [load_split(DataConfig(n_pairs=60, seed=1), name) for name in names]
    assert tests == [load_split(DataConfig(n_pairs=60, seed=2), name) for name in names]
    assert len(one.train.src) == len(one.train.tgt) == 60
    sets = [set(text.src) for text in (one.train, one.valid, *tests)]
    assert [len(s) for s in sets[1:]] == [40] * 5
    assert len(set.union(*sets)) == sum(map(len, sets))


def test_no_test_sentence_is_generated_before_it_is_asked_for(monkeypatch):
    drawn = []
    generate = corpus_module.grammar.generate
    monkeypatch.setattr(
        "transformer_lib.data.corpus.grammar.generate",
        lambda n, seed, split="train": drawn.append(split) or generate(min(n, 2), seed, split),
    )
    load_corpus(DataConfig(n_pairs=60))
    assert drawn == ["train", "valid"]
    load_split(DataConfig(n_pairs=60), "deeper")
    assert drawn[2:] == ["deeper"]


def test_one_split_alone_is_what_the_whole_corpus_holds(tmp_path):
    src, tgt = numbered(tmp_path, 40)
    data = DataConfig(corpus="files", src=src, tgt=tgt)
    assert load_corpus(data) == (load_split(data, "train"), load_split(data, "valid"))
    assert splits_of(data) == ()


def test_a_split_that_is_not_there_is_refused_with_the_ones_that_are():
    with pytest.raises(ValueError, match="grammar has no split 'odinary'; did you mean 'ordinary'"):
        load_split(DataConfig(), "odinary")
    with pytest.raises(ValueError, match="no split 'x'; known: test_2016, train, valid"):
        load_split(DataConfig(corpus="multi30k"), "x")


@pytest.mark.parametrize(("n", "held_out"), [(2, 1), (40, 2), (400, 20), (30_000, 1000)])
def test_the_last_pairs_are_held_out(tmp_path, n, held_out):
    src, tgt = numbered(tmp_path, n)
    corpus = load_corpus(DataConfig(corpus="files", src=src, tgt=tgt))
    assert corpus.valid.tgt == [f"Zeile {i}" for i in range(n - held_out, n)]
    assert corpus.train.src == [f"Line {i}" for i in range(n - held_out)]


def test_validation_files_are_used_and_nothing_is_held_out(tmp_path):
    src, tgt = numbered(tmp_path, 40)
    valid_src, valid_tgt = numbered(tmp_path, 3, "valid")
    data = DataConfig(corpus="files", src=src, tgt=tgt, valid_src=valid_src, valid_tgt=valid_tgt)
    corpus = load_corpus(data)
    assert len(corpus.train.src) == 40
    assert corpus.valid == ParallelText(
        ["Line 0", "Line 1", "Line 2"], ["Zeile 0", "Zeile 1", "Zeile 2"]
    )


def test_tables_are_read_and_lowercased_on_demand(tmp_path):
    src = write(tmp_path / "a.tsv", ["The Dog\tDer Hund", "A Cat\tEine Ölkatze"])
    data = DataConfig(corpus="files", src=src, valid_src=src, lowercase=True)
    expected = ParallelText(["the dog", "a cat"], ["der hund", "eine ölkatze"])
    corpus = load_corpus(data)
    assert corpus.train == corpus.valid == expected
    assert load_corpus(data.updated(lowercase=False)).train.tgt == ["Der Hund", "Eine Ölkatze"]


def test_a_table_of_one_pair_cannot_be_split(tmp_path):
    src = write(tmp_path / "a.tsv", ["one\teins"])
    with pytest.raises(ValueError, match="there is 1 pair only"):
        load_corpus(DataConfig(corpus="files", src=src))


CONTRADICTIONS = [
    ({"corpus": "multi3k"}, "no corpus 'multi3k'; did you mean 'multi30k'"),
    ({"corpus": "files"}, "data.src is missing"),
    ({"corpus": "files", "src": "a.en"}, "data.tgt is missing; give data.src and data.tgt"),
    ({"corpus": "files", "tgt": "a.de"}, "data.src is missing"),
    (
        {"corpus": "grammar", "src": "a.en", "tgt": "a.de"},
        "a.en is given, but the corpus is 'grammar'",
    ),
    ({"corpus": "multi30k", "valid_tgt": "v.de"}, "v.de is given, but the corpus is 'multi30k'"),
]


@pytest.mark.parametrize(("settings", "message"), CONTRADICTIONS)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        load_corpus(DataConfig(**settings))


@pytest.mark.parametrize("given", ["valid_src", "valid_tgt"])
def test_half_of_the_validation_text_is_refused(tmp_path, given):
    src, tgt = numbered(tmp_path, 40)
    missing = {"valid_src": "valid_tgt", "valid_tgt": "valid_src"}[given]
    with pytest.raises(ValueError, match=f"data.{missing} is missing"):
        load_corpus(DataConfig(corpus="files", src=src, tgt=tgt, **{given: src}))


@pytest.mark.parametrize("preset", ["base", "big"])
def test_the_presets_of_the_paper_take_the_users_files(preset, tmp_path):
    src, tgt = numbered(tmp_path, 40)
    assert len(load_corpus(PRESETS[preset].data.updated(src=src, tgt=tgt)).train.src) == 38


@needs_multi30k
def test_multi30k_has_the_published_sizes_and_no_test_source_in_training():
    for lowercase in (False, True):
        corpus = load_corpus(DataConfig(corpus="multi30k", lowercase=lowercase))
        test = load_split(DataConfig(corpus="multi30k", lowercase=lowercase), "test_2016")
        texts = [corpus.train, corpus.valid, test]
        assert [len(side) for text in texts for side in text] == [29_000] * 2 + [1014] * 2 + [
            1000
        ] * 2
        assert not set(corpus.train.src) & set(test.src)
    assert sum(len(line.split()) for line in test.tgt) == 12_103
    assert corpus.train.src[2] == "a little girl climbing into a wooden playhouse ."


class Counting(BaseCorpus):
    """A corpus as a chapter might bring one: numbers, and the numbers after them."""

    name, preset, tests = "counting", "tiny", ("far",)

    def read(self, split):
        first = {"train": 0, "valid": 30, "far": 1000}[split]
        numbers = range(first, first + 20)
        return ParallelText([f"N {n}" for n in numbers], [f"N {n + 1}" for n in numbers])

    def note(self, splits):
        return "text: numbers"


def test_a_new_corpus_is_one_class_and_one_line(tmp_path, monkeypatch, capsys):
    """It is trained, scored on its tests, and known to the command line, without another change."""
    from transformer_lib import cli, scoring
    from transformer_lib.recipe import train_run
    from transformer_lib.translator import Translator

    monkeypatch.setitem(CORPORA, "counting", Counting)
    config, folder = cli.choose("counting", None, None, None, None, ["data.n_pieces=262"])
    assert (config.data.corpus, str(folder)) == ("counting", "runs/counting")
    small = ("model.d_model=8", "train.steps=1", "train.device=cpu", "data.lowercase=true")
    train_run(config.with_settings(*small), tmp_path / "run", quiet=True)
    translator = Translator.load(tmp_path / "run")
    assert translator.unknown_words("what") == []
    assert scoring.splits_to_score(config.data) == ["far"]
    found = scoring.score_split(translator, "far", scoring.best_layer(translator))
    assert (found.text.src[0], found.text.tgt[0], found.alignment) == ("n 1000", "n 1001", None)
    assert corpus_of(config.data).note(["far"]) == "text: numbers"
    with pytest.raises(ValueError, match="counting has no split 'fair'; did you mean 'far'"):
        load_split(config.data, "fair")
    with pytest.raises(ValueError, match="a is given, but the corpus is 'counting'"):
        corpus_of(config.data.updated(src="a"))

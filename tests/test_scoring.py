"""Scoring a run on the splits of its corpus."""

import dataclasses

import pytest
import torch
from tiny_translator import tiny_run

from transformer_lib import scoring
from transformer_lib.config import DataConfig, DecodeConfig
from transformer_lib.data import grammar
from transformer_lib.data.corpus import Files, Grammar, ParallelText, corpus_of, load_split
from transformer_lib.data.multi30k import Multi30k
from transformer_lib.evaluation.alignment import words_of_pieces
from transformer_lib.models.seq2seq import Seq2SeqOutput
from transformer_lib.translator import Translator

PAIRS = grammar.generate(5, 0, "ordinary")


@pytest.fixture
def translator():
    return Translator.load(tiny_run(), device="cpu")


class KnowsTheAlignment(torch.nn.Module):
    """A model of two layers; the second looks where the gold alignment says, the first at EOS.

    For each target word it takes the first of its source words, or the first of all where the word
    has none.
    """

    def __init__(self, tokenizer):
        super().__init__()
        self.vocab_size = tokenizer.vocab_size
        self.tokenizer, self.place = tokenizer, torch.nn.Parameter(torch.zeros(1))
        self.seen = 0

    def forward(self, src, tgt, returns):
        assert returns == "all"
        layers = [torch.zeros(len(src), 2, tgt.size(1), src.size(1)) for _ in range(2)]
        for row in range(len(src)):
            pair = PAIRS[self.seen]
            self.seen += 1
            src_words, tgt_words = (
                words_of_pieces(self.tokenizer.pieces(text), words)
                for text, words in ((pair.src, pair.src_words), (pair.tgt, pair.tgt_words))
            )
            layers[0][row, :, :, len(src_words)] = 1
            for t, word in enumerate(tgt_words):
                wanted = min((s for s, w in pair.alignment if w == word), default=0)
                layers[1][row, :, t, src_words.index(wanted)] = 1
        return Seq2SeqOutput(torch.zeros(()), torch.zeros(()), cross_weights=tuple(layers))


@pytest.mark.usefixtures("unchecked_shapes")
@pytest.mark.parametrize("batch_size", [2, 5])
def test_a_layer_that_looks_at_the_right_words_has_the_rate_of_its_formula(translator, batch_size):
    translator.model = KnowsTheAlignment(translator.tokenizer)
    decode = translator.config.decode.updated(batch_size=batch_size)
    translator.config = dataclasses.replace(translator.config, decode=decode)
    astray, right = scoring.error_rate_by_layer(translator, PAIRS)
    n_right = sum(len({tgt for _, tgt in pair.alignment}) for pair in PAIRS)
    n_found = sum(len(pair.tgt_words) for pair in PAIRS)
    n_gold = sum(len(pair.alignment) for pair in PAIRS)
    assert right == pytest.approx(1 - 2 * n_right / (n_found + n_gold))
    assert right < 0.2 < 0.8 < astray


def test_the_layer_is_chosen_on_validation_and_by_its_error(translator, monkeypatch):
    data = DataConfig(corpus="grammar")
    translator.config = dataclasses.replace(translator.config, data=data)
    asked = []
    monkeypatch.setattr(Grammar, "gold", lambda self, split: asked.append(split) or PAIRS)
    monkeypatch.setattr(scoring, "error_rate_by_layer", lambda *_: [0.5, 0.1, 0.3])
    assert scoring.best_layer(translator) == 1
    assert asked == ["valid"]
    monkeypatch.setattr(scoring, "error_rate_by_layer", lambda *_: [])
    assert scoring.best_layer(translator) is None


def test_only_the_grammar_has_gold_alignments(translator):
    assert scoring.best_layer(translator) is None


def test_the_shipped_model_translates_and_aligns_its_own_test_split(monkeypatch):
    monkeypatch.setattr("transformer_lib.data.corpus.HELD_OUT", 40)
    translator, groups = Translator.load(device="cpu"), []
    decode = DecodeConfig(beam_size=1, batch_size=8)
    translator.config = dataclasses.replace(translator.config, decode=decode)

    def track(given):
        for group in given:
            groups.append(len(group))
            yield group

    layer = scoring.best_layer(translator)
    found = scoring.score_split(translator, "ordinary", layer, track)
    assert found.text == load_split(DataConfig(), "ordinary")
    assert groups == [16, 16, 8]
    assert found.translations == translator.translate(load_split(DataConfig(), "ordinary").src)
    assert found.scores.exact_match > 80
    assert found.alignment.error_rate < 0.3
    assert f"layer {found.alignment.layer} of 2, the best on validation" in str(found)


@pytest.mark.parametrize(
    ("corpus", "named", "expected"),
    [
        ("grammar", None, ["ordinary", "new_combinations", "deeper", "longer"]),
        ("grammar", "valid", ["valid"]),
        ("multi30k", None, ["test_2016"]),
        ("files", None, ["valid"]),
    ],
)
def test_test_splits_are_scored_and_validation_where_there_are_none(corpus, named, expected):
    assert scoring.splits_to_score(DataConfig(corpus=corpus), named) == expected


@pytest.mark.parametrize(
    ("lowercase", "signature", "said"),
    [(True, "tok:none", "no cased score"), (False, "tok:13a", "cased and not tokenised")],
)
def test_multi30k_is_counted_as_published_scores_are(
    translator, monkeypatch, lowercase, signature, said
):
    data = DataConfig(corpus="multi30k", lowercase=lowercase)
    translator.config = dataclasses.replace(translator.config, data=data)
    text = ParallelText(["The dog sleeps."] * 3, ["der hund , schläft ."] * 3)
    monkeypatch.setattr(Multi30k, "read", lambda self, split: text)
    found = scoring.score_split(translator, "test_2016")
    assert signature in found.scores.bleu_signature
    assert found.scores.reference_length == 3 * 5
    assert said in corpus_of(data).note(["test_2016"])


def test_a_split_can_be_scored_with_another_search(translator):
    greedy = translator.config.decode.updated(beam_size=1, extra_length=0)
    found = scoring.score_split(translator, "valid", decode=greedy)
    assert found.translations == translator.translate(found.text.src, greedy)
    assert found.translations != scoring.score_split(translator, "valid").translations


def test_what_is_too_long_to_read_is_left_out_before_any_is_translated_and_counted(
    translator, monkeypatch, caplog
):
    text = ParallelText(["The dog sleeps.", "dog " * 1500, "The man waits."], ["a"] * 3)
    translator.known_text = {}
    monkeypatch.setattr(Files, "load", lambda self, split: text)
    seen = []
    monkeypatch.setattr(translator, "translate", lambda group, decode: seen.extend(group) or group)
    found = scoring.score_split(translator, "valid")
    assert seen == found.text.src == ["The dog sleeps.", "The man waits."]
    assert str(found).startswith("valid: 2 sentences, 1 left out\n")
    assert found.figures()["n_left_out"] == 1
    assert "left out 1 of the 3 sentences of the valid text have" in caplog.text
    assert "pair 2" in caplog.text
    monkeypatch.setattr(Files, "load", lambda self, split: ParallelText([text.src[1]], ["a"]))
    with pytest.raises(ValueError, match="pair 1; split them"):
        scoring.score_split(translator, "valid")

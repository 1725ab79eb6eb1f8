"""Loss and word accuracy against counts of another kind."""

import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from transformer_lib.config import EOS, DataConfig, DecodeConfig, ModelConfig, RunConfig
from transformer_lib.data.pairs import encode_pairs
from transformer_lib.data.parallel_text import ParallelText
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.models import build_model
from transformer_lib.workbench.cut_corpus import Split
from transformer_lib.workbench.split_scores import read_split, translate_split, words_of

TEXT = ParallelText(
    ["A.", "The dog sees the old man.", "She says: two @-@ day trips!"],
    ["Ä.", "Der Hund sieht den alten Mann.", "Sie sagt: zwei @-@ tägige Reisen!"],
)
TOKENIZER = Tokenizer.train([*TEXT.src, *TEXT.tgt], 262)
SPLIT = Split(TEXT, encode_pairs(TOKENIZER, TEXT))
SIZE = TOKENIZER.vocab_size


class Knowing(nn.Module):
    """Gives the right token probability p and the others the rest; never the right one for some."""

    def __init__(self, split, p, missed=()):
        super().__init__()
        self.vocab_size, self.p, self.missed = SIZE, p, missed
        rows = range(len(split.pairs))
        self.answers = {
            tuple(split.pairs.src(r).tolist()): split.pairs.tgt(r).tolist() for r in rows
        }

    def forward(self, src, tgt):
        probabilities = torch.full((*tgt.shape, SIZE), (1 - self.p) / (SIZE - 1))
        for row, ids in enumerate(src.tolist()):
            for place, token in enumerate(self.answers[tuple(ids[: ids.index(EOS) + 1])]):
                right = (token + 1) % SIZE if token in self.missed else token
                probabilities[row, place, right] = self.p
        return probabilities.log()


def test_the_loss_is_per_token_with_eos_and_per_character():
    reading = read_split(Knowing(SPLIT, 0.25), TOKENIZER, SPLIT)
    assert reading.loss == pytest.approx(-math.log(0.25))
    n_tokens = sum(len(TOKENIZER.encode(line)) for line in TEXT.tgt)
    per_character = -math.log(0.25) * n_tokens / len("".join(TEXT.tgt))
    assert reading.loss_per_character == pytest.approx(per_character)
    assert reading.word_accuracy == 1


def words_hit(text, missed):
    """Words without a missed piece: by their spans of bytes, a space before the word included."""
    for word in re.finditer(r"\s*(\w+|[^\w\s]+)", text):
        place, touched = 0, False
        span = [len(text[:end].encode()) for end in word.span()]
        for token in TOKENIZER.encode(text)[:-1]:
            n_bytes = len(TOKENIZER._bytes[token])
            # (the tokenizer puts one space before the text)
            inside = span[0] < place + n_bytes - 1 + (place == 0) and place - 1 < span[1]
            touched |= inside and max(place - 1, 0) >= span[0] and token in missed
            place += n_bytes
        yield not touched


@given(st.sets(st.integers(EOS, SIZE - 1), max_size=12))
def test_a_word_is_right_if_all_its_pieces_are(missed):
    hits = [hit for line in TEXT.tgt for hit in words_hit(line, missed)]
    reading = read_split(Knowing(SPLIT, 0.9, missed), TOKENIZER, SPLIT)
    assert reading.word_accuracy == pytest.approx(sum(hits) / len(hits))


def test_eos_is_no_word():
    assert read_split(Knowing(SPLIT, 0.9, {EOS}), TOKENIZER, SPLIT).word_accuracy == 1


def test_a_space_and_the_first_byte_of_a_letter_belong_to_the_word_they_begin():
    bytes_alone = Tokenizer([])
    ids = bytes_alone.encode("Ü x")[:-1]
    assert words_of(bytes_alone, ids) == [0] * (len(ids) - 2) + [1, 1]


def test_a_transformer_is_read_as_one_sentence_at_a_time():
    model = build_model(
        ModelConfig(
            vocab_size=SIZE, d_model=16, n_heads=2, n_encoder_layers=1, n_decoder_layers=1, d_ff=16,
            dropout=0.5,
        )
    ).train()  # fmt: skip
    reading = read_split(model, TOKENIZER, SPLIT)
    nll = 0.0
    for row in range(len(SPLIT.pairs)):
        src, tgt = torch.tensor([TOKENIZER.encode(TEXT.src[row])]), TOKENIZER.encode(TEXT.tgt[row])
        logits = model.eval()(src, torch.tensor([[1, *tgt[:-1]]]))[0].double()
        nll += nn.functional.cross_entropy(logits, torch.tensor(tgt), reduction="sum").item()
    assert reading.loss == pytest.approx(nll / SPLIT.pairs.lengths[:, 1].sum(), rel=1e-6)


def test_only_the_first_sentences_are_translated(monkeypatch):
    seen = []

    def translate(self, sentences):
        seen.append((sentences, self.config.decode.beam_size))
        return [TEXT.tgt[0], "falsch"][: len(sentences)]

    monkeypatch.setattr("transformer_lib.translator.Translator.translate", translate)
    config = RunConfig(data=DataConfig(), decode=DecodeConfig(beam_size=1))
    model = nn.Linear(1, 1)
    model.vocab_size = SIZE
    found = translate_split(model, TOKENIZER, config, SPLIT, 2)
    assert seen == [(TEXT.src[:2], 1)]
    assert found.exact_match == 50
    assert 0 <= found.bleu < 100

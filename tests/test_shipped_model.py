"""The model that ships with the package: small, and as good as its recorded result says."""

import pytest

from transformer_lib.config import DataConfig, DecodeConfig
from transformer_lib.data.corpus import load_split
from transformer_lib.evaluation.bleu import exact_match
from transformer_lib.translator import SHIPPED, Translator
from transformer_lib.workbench.results import recorded as result


@pytest.fixture(scope="module")
def recorded():
    return result("grammar_translator")["figures"]


def test_it_is_small(recorded):
    size = (SHIPPED / "model.safetensors").stat().st_size
    assert size == recorded["bytes"] <= 2_000_000


def test_its_score_on_the_ordinary_split_is_the_recorded_one(recorded):
    """The first 100 of the 1,000 sentences, greedily: within sampling error of the whole."""
    text = load_split(DataConfig(), "ordinary")
    translator = Translator.load(device="cpu")
    found = translator.translate(text.src[:100], DecodeConfig(beam_size=1))
    assert abs(exact_match(found, text.tgt[:100]) - recorded["exact_match"]["ordinary"]) < 8


def test_it_knows_everyday_words():
    (translation,) = Translator.load(device="cpu").translate(["The old man sees the dog."])
    assert translation == "Der alte Mann sieht den Hund."

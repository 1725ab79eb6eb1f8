import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tiny_translator import tiny_run

from transformer_lib import translator as module
from transformer_lib.config import DecodeConfig
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.translator import Translator, batches_by_length

ROOT = Path(__file__).parents[1]
SENTENCES = ["The dog sleeps.", "", "The man waits.", "   ", "The bird falls.", "The dog"]


@pytest.fixture(scope="module")
def run():
    return tiny_run()


@pytest.fixture
def translator(run):
    return Translator.load(run, device="cpu")


def test_it_learned_to_translate(translator):
    found = translator.translate(["The dog sleeps.", "The man waits."])
    assert found == ["Der Hund schläft.", "Der Mann wartet."]


def test_order_and_blank_lines_are_kept(translator):
    together = translator.translate(SENTENCES)
    assert together[1] == together[3] == ""
    for sentence, translation in zip(SENTENCES, together, strict=True):
        assert translator.translate([sentence]) == [translation]


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_the_batch_size_changes_nothing(translator, batch_size):
    decode = DecodeConfig(batch_size=batch_size)
    assert translator.translate(SENTENCES, decode) == translator.translate(SENTENCES)


def test_no_sentences_give_no_translations(translator):
    assert translator.translate([]) == []


def test_batches_hold_every_row_once_long_ones_first_and_few():
    encoded = [[5] * n for n in (3, 0, 500, 7, 7, 1)]
    batches = list(batches_by_length(encoded, batch_size=4))
    assert batches == [[2], [3, 4, 0, 5]]
    assert list(batches_by_length([[], []], 4)) == []


def test_n_best_is_ranked_and_its_first_is_the_translation(translator):
    found = translator.n_best(SENTENCES, n_best=3)
    assert [best.text for best, *_ in found] == translator.translate(SENTENCES)
    assert len(found[0]) == 3
    scores = [translation.score for translation in found[0]]
    assert scores == sorted(scores, reverse=True)


def test_a_beam_of_one_is_scored_like_any_beam(translator):
    decode = DecodeConfig(beam_size=1, length_penalty=1.0, penalty="length")
    ((best,),) = translator.n_best(SENTENCES[:1], 1, decode)
    n_tokens = len(translator.tokenizer.encode(best.text))
    assert best.score == pytest.approx(best.log_prob / n_tokens)


def test_attention_fits_its_pieces_and_is_the_models_own(translator):
    translation, src_pieces, tgt_pieces, weights = translator.attention(SENTENCES[0])
    assert "".join(src_pieces) == SENTENCES[0] + "</s>"
    assert "".join(tgt_pieces) == translation.text + "</s>"
    assert weights.shape[2:] == (len(tgt_pieces), len(src_pieces))
    assert weights.shape[0] == translator.config.model.n_decoder_layers
    torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:3]))


def test_lowercased_runs_read_lowercase(translator):
    data = translator.config.data.updated(lowercase=True)
    translator.config = module.RunConfig(translator.config.model, data)
    assert translator.encode(["The DOG"]) == [translator.tokenizer.encode("the dog")]


def test_only_a_model_of_the_grammar_knows_what_it_does_not_know(translator):
    assert translator.unknown_words("hello world") == []
    data = translator.config.data.updated(corpus="grammar", src=None, tgt=None)
    translator.config = module.RunConfig(translator.config.model, data)
    assert translator.unknown_words("hello old man") == ["hello"]


def test_a_letter_of_which_no_piece_was_learned_is_unknown(translator):
    assert translator.unknown_words("Der Bär schläft \N{DOG FACE} 漢.") == ["\N{DOG FACE}", "漢"]
    assert translator.unknown_words("scha\N{COMBINING DIAERESIS}ft") == []


def test_only_sentences_of_the_grammar_have_a_usual_form(translator):
    assert translator.is_usual("no capital, no stop")
    data = translator.config.data.updated(corpus="grammar", src=None, tgt=None)
    translator.config = module.RunConfig(translator.config.model, data)
    assert translator.is_usual("The dog sleeps.\N{NO-BREAK SPACE}")
    assert translator.is_usual("\N{ZERO WIDTH SPACE}")
    assert not translator.is_usual("The dog sleeps")


def test_there_are_n_best_translations_of_a_blank_sentence_too(translator):
    found = translator.n_best(["The dog sleeps.", "\N{ZERO WIDTH SPACE}"], 3)
    assert [len(best) for best in found] == [3, 3]
    assert {best.text for best in found[1]} == {""}


def test_a_refused_sentence_is_named_by_its_number(translator):
    for sentence, message in [
        ("a\rb", "carriage return"),
        ("\0", "NUL"),
        ("dog " * 2000, "tokens"),
    ]:
        with pytest.raises(ValueError, match=f"^sentence 2.* {message}"):
            translator.translate(["The dog.", sentence])


def test_a_line_break_in_the_output_does_not_make_two_lines(translator, monkeypatch):
    monkeypatch.setattr(Tokenizer, "decode", lambda self, ids: "eins\nzwei\0drei\tvier")
    assert translator.translate(["The dog"]) == ["eins zwei drei vier"]


def test_what_makes_no_sense_is_refused(translator):
    with pytest.raises(ValueError, match=r"begins 'dog dog .* split it"):
        translator.translate(["fine", "dog " * 2000])
    with pytest.raises(ValueError, match="blank"):
        translator.attention("  ")
    with pytest.raises(ValueError, match="surrogate"):
        translator.translate(["\ud800"])
    with pytest.raises(ValueError, match="n_best is 9 and beam_size 4"):
        translator.n_best(["The dog"], 9)


def test_a_single_string_is_refused(translator, unchecked_shapes):
    with pytest.raises(ValueError, match=r"translate\(\[sentence\]\)"):
        translator.translate("The dog")


def test_a_loaded_model_is_an_ordinary_one(translator, tmp_path):
    """It can be saved, flattened and trained, before a search and after it."""
    translator.translate(["The dog sleeps.", "The man waits."])
    model = translator.model
    assert all(parameter.is_contiguous() for parameter in model.parameters())
    safetensors.torch.save_model(model, tmp_path / "model.safetensors")
    flat = torch.nn.utils.parameters_to_vector(model.parameters())
    assert len(flat) == sum(parameter.numel() for parameter in model.parameters())
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=1)
    src, tgt = torch.tensor([[5, 2]]), torch.tensor([[1, 6]])
    model(src, tgt).square().mean().backward()
    optimizer.step(lambda: model(src, tgt).square().mean())


def test_learned_positions_leave_room_for_the_output(translator):
    config = translator.config.model.updated(positions="learned", max_length=80)
    translator.config = dataclasses.replace(translator.config, model=config)
    assert translator.most_tokens == 30  # 80 places less the 50 that an output may be longer


def test_a_tokenizer_of_another_run_is_refused(run, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    Tokenizer.train(["ab ab"], 260).save(other / "tokenizer.json")
    with pytest.raises(ValueError, match="300 pieces and the tokenizer 260"):
        Translator.load(other)


def test_half_precision_weights_translate_the_same(run, tmp_path, translator):
    from transformer_lib.training.files import read_tensors, tensors_to_bytes

    small = tmp_path / "small"
    small.mkdir()
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(run / name, small)
    halves = {name: t.half() for name, t in read_tensors(run / "model.safetensors").items()}
    (small / "model.safetensors").write_bytes(tensors_to_bytes(halves))
    assert Translator.load(small).translate(SENTENCES[:1]) == translator.translate(SENTENCES[:1])


def test_without_a_shipped_model_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "SHIPPED", tmp_path)
    with pytest.raises(ValueError, match=r"no model ships.*--run runs/grammar"):
        Translator.load()


def test_loading_needs_no_plots_scores_or_downloads(run):
    code = (
        "import sys; from transformer_lib.translator import Translator; "
        f"Translator.load({str(run)!r}).translate(['The dog']); "
        "print(sorted({'matplotlib', 'sacrebleu', 'pooch', 'typer'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_installed_wheel_translates(run, tmp_path):
    """Built and installed as a user would, not editable, and run far from the source tree."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "transformer_lib", source / "transformer_lib", ignore=skip)
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run([*build, str(source)], check=True, capture_output=True, timeout=200)
    (wheel,) = tmp_path.glob("*.whl")
    place = tmp_path / "site"
    install = [*pip, "install", "--no-deps", "--target", str(place), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=200)

    def python(*arguments: str) -> str:
        env = {**os.environ, "PYTHONPATH": str(place)}
        call = [sys.executable, *arguments]
        done = subprocess.run(call, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert python("-c", "import transformer_lib; print(transformer_lib.__file__)").startswith(
        str(place)
    )
    command = ["-m", "transformer_lib", "translate"]
    assert python(*command, "--run", str(run), SENTENCES[0]) == "Der Hund schläft."
    # The words of the grammar are data of the package.
    count = "from transformer_lib.data.grammar import n_lemmas; print(n_lemmas())"
    assert int(python("-c", count)) > 200
    if module.SHIPPED.exists():
        assert python(*command, "The old man sees the dog.") == "Der alte Mann sieht den Hund."

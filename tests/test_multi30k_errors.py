"""The script that counts what the translator of captions gets wrong."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from tiny_translator import tiny_run

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
sys.path.insert(0, str(CHAPTERS))
from experiments import multi30k_errors as script  # noqa: E402

from transformer_lib.data.corpus import ParallelText  # noqa: E402
from transformer_lib.evaluation import bleu  # noqa: E402
from transformer_lib.presets import PRESETS  # noqa: E402
from transformer_lib.training.checkpoint import MODEL, checkpoints  # noqa: E402
from transformer_lib.training.files import read_tensors  # noqa: E402
from transformer_lib.training.run import RunFolder  # noqa: E402
from transformer_lib.translator import Translator  # noqa: E402
from transformer_lib.workbench import results  # noqa: E402

REFERENCE = "der alte mann sieht den hund"
CHANGED = "der alte mann sieht der hund"


def test_the_counts_of_a_sentence_are_those_made_by_hand():
    assert script.sentence_counts([CHANGED], [REFERENCE]) == ["5 3 2 1 6 5 4 3 6 6"]
    assert script.sentence_counts(["der hund"], [REFERENCE]) == ["2 0 0 0 2 1 0 0 2 6"]


def test_the_counts_add_up_to_the_score():
    ours, references = [CHANGED, REFERENCE, "der hund"], [REFERENCE] * 3
    rows = [list(map(int, row.split())) for row in script.sentence_counts(ours, references)]
    sums = torch.tensor(rows, dtype=torch.float64).sum(dim=0)
    mean = (sums[:4] / sums[4:8]).log().mean().exp()
    penalty = min(1.0, float((1 - sums[9] / sums[8]).exp()))
    expected = bleu.score(ours, references, tokenised=True).bleu
    assert abs(100 * float(mean) * penalty - expected) < 1e-9


def test_words_are_sorted_by_frequency_and_found_as_often_as_both_sides_have_them():
    training = ["der hund"] * 10 + ["mann"]
    bands = script.found_by_frequency(
        ["der der der mann katze"], ["der der mann katze maus"], training
    )
    found = {band["at_least"]: (band["words"], band["found"]) for band in bands}
    assert found == {0: (2, 1), 1: (1, 1), 10: (2, 2), 100: (0, 0), 1000: (0, 0)}


def test_what_is_found_by_chance_is_in_the_next_translation():
    """Four times "der", of which the other translation has two and one."""
    translations, references = ["der der mann", "der hund"], ["der der hund", "der der mann"]
    (band,) = [b for b in script.found_by_frequency(translations, references, []) if b["words"]]
    assert (band["words"], band["found"], band["found_by_chance"]) == (6, 3, 5)


def test_the_worst_come_first(monkeypatch):
    monkeypatch.setattr(script, "N_WORST", 2)
    text = ParallelText(["a", "b", "c"], [REFERENCE] * 3)
    found = script.worst(text, [REFERENCE, "xyz", CHANGED])
    assert [example["line"] for example in found] == [2, 3]
    assert found[0]["chrf"] < found[1]["chrf"] < 100


def test_the_command_writes_counts_and_few_captions(tmp_path, monkeypatch):
    """Everything but the model is real."""
    text = ParallelText([f"one two three four five six seven {n}" for n in range(30)],
                        [f"{REFERENCE} {n}" for n in range(30)])  # fmt: skip

    class Fake:
        def translate(self, lines, decode):
            assert decode.length_penalty == 1.5
            return [f"{CHANGED if decode.beam_size == 1 else REFERENCE} {n}" for n in range(30)]

        def attention(self, sentence, decode):
            best = SimpleNamespace(text="x")
            return SimpleNamespace(
                translation=best, src_pieces=["a", "b"], tgt_pieces=["c"],
                weights=torch.tensor([0.25, 0.75]).expand(2, 4, 1, 2),
            )  # fmt: skip

    run = SimpleNamespace(config=PRESETS["multi30k"], path=None)
    decode = PRESETS["multi30k"].decode.updated(length_penalty=1.5).to_dict()
    scored = {"chosen_on_validation": decode, "source_of_examples": "us"}
    results.write(tmp_path / "mine.json", "train", {}, figures=scored, seconds=None)
    monkeypatch.setattr(script.RunFolder, "open", lambda path: run)
    monkeypatch.setattr(script.Translator, "load", lambda path: Fake())
    monkeypatch.setattr(script, "last_checkpoint", lambda run, translator: translator)
    monkeypatch.setattr(script, "load_split", lambda data, split: text)
    script.main(["--run", str(tmp_path / "mine"), "--into", str(tmp_path)])
    written = (tmp_path / "mine_errors.json").read_text(encoding="utf-8")
    result = json.loads(written)
    assert result["settings"] == {"of": "train"}
    assert result["command"] == "python chapters/experiments/multi30k_errors.py --run mine"
    result = result["figures"]
    assert len(result["test_2016"]["counts"]) == len(text.src)
    assert result["test_2016"]["source_words"].split() == ["8"] * 30
    assert result["valid"]["greedy"] != result["valid"]["chosen"]
    assert result["valid"]["last checkpoint alone"] == result["valid"]["chosen"]
    assert result["maps"][0]["layers"] == [["0.250 0.750"]] * 2
    assert len(result["maps"]) == 2
    quoted = sum(f"seven {n}" in written for n in range(30))
    assert 1 <= quoted <= script.N_WORST + script.N_MAPS
    assert str(tmp_path) not in written


def test_the_last_checkpoint_is_not_averaged():
    run = RunFolder.open(tiny_run())
    averaged = Translator.load(run.path)
    alone = script.last_checkpoint(run, averaged)
    path = checkpoints(run.checkpoint_folder)[-1]
    expected = read_tensors(path / MODEL)
    found = dict(alone.model.named_parameters())
    assert all(torch.equal(found[name], expected[name]) for name in expected if name in found)
    before = dict(averaged.model.named_parameters())
    assert any(not torch.equal(found[name], before[name]) for name in found)

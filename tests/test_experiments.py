"""The scripts that make the book's long runs, with settings that take seconds; and one in full."""

import hashlib
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from tiny_translator import NOUNS, SETTINGS, VERBS

from transformer_lib.data import multi30k as files
from transformer_lib.workbench import options, results

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"
sys.path.insert(0, str(CHAPTERS))
from experiments import grammar_translator, multi30k  # noqa: E402

TINY = [word for setting in SETTINGS for word in ("--set", setting)]


@pytest.fixture
def captions(monkeypatch, tmp_path):
    """A Multi30k of 20 sentences in each split."""
    monkeypatch.setenv("TRANSFORMER_LIB_CACHE", str(tmp_path / "cache"))
    hashes = {}
    for split in ("train", "val", "test_2016_flickr"):
        for language in ("en", "de"):
            lines = [
                f"the {noun} {verb} ." if language == "en" else f"der {NOUNS[noun]} {VERBS[verb]} ."
                for noun in NOUNS
                for verb in VERBS
            ]
            name = files.name_of(split, language, True)
            content = "".join(f"{line.lower()}\n" for line in lines).encode()
            path = tmp_path / "cache" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            hashes[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(files, "SHA256", hashes)


SCRIPTS = sorted(file.stem for file in (CHAPTERS / "experiments").glob("*.py"))
BEFORE = {"multi30k_errors": ["multi30k"]}  # what reads another's result


@pytest.mark.usefixtures("captions")
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_experiment_rehearses(name, tmp_path):
    for script in [*BEFORE.get(name, []), name]:
        import_module(f"experiments.{script}").main(["--quick", "--into", str(tmp_path)])
    result = results.read(tmp_path / f"{name}_quick.json")
    assert result["command"] == f"python chapters/experiments/{name}.py --quick"
    assert result["seconds"] > 0
    assert all(job["figures"] for job in result["jobs"]) if "jobs" in result else result["figures"]


@pytest.mark.usefixtures("captions")
def test_captions_are_trained_chosen_on_val_and_scored_by_the_protocol(tmp_path, monkeypatch):
    run = tmp_path / "mine"
    command = ["--run", str(run), "--into", str(tmp_path)]
    multi30k.main([*command, *TINY, "--set", "train.average=1"])
    result = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))
    assert result["command"].startswith("python chapters/experiments/multi30k.py --run mine --set ")
    assert str(tmp_path) not in json.dumps(result)
    result = result["figures"]
    assert result["steps"] == 80
    assert [record["step"] for record in result["curve"]] == [20, 40, 40, 60, 80, 80]
    assert len(result["validation"]) == len(multi30k.PENALTIES)
    best = max(scores["bleu"] for scores in result["validation"])
    chosen = result["chosen_on_validation"]
    (first, *_) = [scores for scores in result["validation"] if scores["bleu"] == best]
    assert all(chosen[name] == first[name] for name in ("penalty", "length_penalty"))
    test = result["test_2016"]
    assert test["reference_length"] == 80
    assert "tok:none" in test["bleu_signature"]
    assert test["bleu"] > 50
    assert test["exact_match"] > 50
    assert 0 < result["padding_share"] < 0.5
    assert len(result["examples"]) == 10
    example = result["examples"][0]
    assert example["source"].startswith("the ")
    assert example["reference"].startswith("der ")
    # A finished run is scored again, and not trained.
    monkeypatch.setattr("transformer_lib.recipe.train_run", None)
    multi30k.main(command)
    again = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))["figures"]
    assert (again["test_2016"], again["curve"]) == (test, result["curve"])


@pytest.mark.usefixtures("captions")
def test_a_published_recipe_is_decoded_as_it_was_published(tmp_path, monkeypatch):
    monkeypatch.setattr(options, "RUNS", tmp_path / "runs")
    multi30k.main(["--preset", "published", "--into", str(tmp_path), *TINY])
    result = json.loads((tmp_path / "published.json").read_text(encoding="utf-8"))
    assert " chapters/experiments/multi30k.py --preset published --set " in result["command"]
    assert result["settings"]["model"]["norm_order"] == "post"
    result = result["figures"]
    assert [(v["penalty"], v["length_penalty"]) for v in result["validation"]] == [("length", 1.0)]
    assert result["chosen_on_validation"]["penalty"] == "length"
    assert (tmp_path / "runs" / "published" / "config.json").exists()


def test_the_length_penalty_is_chosen_on_val_alone(monkeypatch):
    """A test score that would choose another one makes no difference."""
    asked = []

    class Fake:
        config = multi30k.PRESETS["multi30k"]
        model = type("Model", (), {"parameters": lambda self: []})()

        def translate(self, lines, decode):
            asked.append((lines[0], decode.penalty, decode.length_penalty))
            good = "a b c d e" if (decode.penalty, decode.length_penalty) == ("gnmt", 1.5) else "a"
            return [good for _ in lines]

    monkeypatch.setattr(multi30k.Translator, "load", lambda path: Fake())
    texts = {
        split: multi30k.ParallelText([split], ["a b c d e"]) for split in ("valid", "test_2016")
    }
    monkeypatch.setattr(multi30k, "load_split", lambda data, split: texts[split])
    run = type("Run", (), {"path": None})()
    found = multi30k.scored(run)
    assert [line for line, *_ in asked] == [*["valid"] * len(multi30k.PENALTIES), "test_2016"]
    assert asked[-1][1:] == ("gnmt", 1.5)
    assert found["chosen_on_validation"]["length_penalty"] == 1.5


def test_a_run_of_another_corpus_is_refused():
    with pytest.raises(ValueError, match=r"data\.corpus is of grammar, not of multi30k"):
        multi30k.settings(multi30k.parse(["--set", "data.corpus=grammar"]))


@pytest.mark.usefixtures("captions")
def test_a_new_run_may_be_of_a_preset(tmp_path):
    command = ["--preset", "published", "--run", str(tmp_path / "new")]
    found = multi30k.settings(multi30k.parse(command))
    assert found.model.norm_order == "post"
    assert multi30k.command(multi30k.parse(command), 2) == (
        "torchrun --nproc-per-node=2 -- chapters/experiments/multi30k.py --preset published "
        "--run new"
    )


def grammar(folder, *assignments):
    """Run the grammar's command in a folder; return its result."""
    sets = [word for assignment in assignments for word in ("--set", assignment)]
    grammar_translator.main(["--into", str(folder), *sets])
    return json.loads((folder / "grammar_translator.json").read_text(encoding="utf-8"))["figures"]


def test_the_grammars_command_works_with_tiny_settings(tmp_path, monkeypatch):
    monkeypatch.setattr("transformer_lib.data.corpus.HELD_OUT", 20)
    small = [s for s in SETTINGS if not s.startswith(("train.steps", "train.eval"))]
    tiny = ["data.n_pairs=200", "train.steps=4", "train.evaluate_every=2", *small]
    tiny += ["decode.beam_size=1", "decode.extra_length=5"]
    result = grammar(tmp_path, *tiny)
    assert (tmp_path / "pretrained" / "model.safetensors").stat().st_size == result["bytes"]
    assert list(result["exact_match"]) == ["ordinary", "new_combinations", "deeper", "longer"]
    assert [record["step"] for record in result["history"]] == [2, 4]
    seconds = result["seconds"]
    parts = seconds["prepare"] + seconds["train"] + seconds["score"]
    assert seconds["total"] == pytest.approx(parts, abs=0.2)
    assert min(seconds.values()) > 0
    # A finished run is scored again, and not trained.
    monkeypatch.setattr("transformer_lib.recipe.train_run", None)
    again = grammar(tmp_path, *tiny)
    assert again["exact_match"] == result["exact_match"]
    assert again["history"] == result["history"]


def test_three_minutes_are_counted_from_the_start_of_the_command():
    history = [
        {"step": n, "wall_s": 60 * n + 50, "elapsed_s": 60 * n, "exact_match": n,
         "valid_nll": 0, "accuracy": 0}
        for n in (1, 2, 3)
    ]  # fmt: skip
    seconds = grammar_translator.times(history, 5)
    assert seconds == {"prepare": 50, "train": 180, "score": 5, "total": 235}
    found = grammar_translator.nearest_to(180, history, seconds["prepare"])
    assert (found["step"], found["total_s"]) == (2, 170)


@pytest.mark.slow
def test_under_torchrun_one_process_scores_what_two_trained(tmp_path):
    script = CHAPTERS / "experiments" / "grammar_translator.py"
    settings = ["data.n_pairs=200", "train.steps=4", "train.evaluate_every=2", "decode.beam_size=1"]
    sets = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
               script, "--into", tmp_path, *sets]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.count('"ordinary"') == 1  # shown by one, and so written by one
    result = json.loads((tmp_path / "grammar_translator.json").read_text(encoding="utf-8"))
    command = "torchrun --nproc-per-node=2 -- chapters/experiments/grammar_translator.py"
    assert result["command"].startswith(command)
    assert result["hardware"]["processes"] == 2
    assert result["figures"]["steps"] == 4


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_whole_command_makes_a_model_as_good_as_the_one_that_ships(tmp_path):
    """About 14 minutes on two cores."""
    assert grammar(tmp_path)["exact_match"]["ordinary"] >= 97

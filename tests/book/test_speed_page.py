"""The page on speed says what the recorded results say, and shows a GPU's record unasked."""

import json
import shutil

import pytest
from measured import MAKERS, PLACEHOLDER, speed

from book.checks import ROOT
from transformer_lib.config import RunConfig
from transformer_lib.workbench import results
from transformer_lib.workbench.intervals import of_mean

PAGE = ROOT / "backmatter" / "speed.md"
RATES = {"tutorial": 10, "marian": 40, "marian+allocator": 50, "ours_float32": 60, "ours_greedy": 7}


@pytest.fixture
def root(tmp_path):
    """A copy of the recorded results, free to be changed."""
    shutil.copytree(ROOT / "chapters" / "results", tmp_path / "chapters" / "results")
    return tmp_path


def change(root, name, figures):
    file = root / "chapters" / "results" / f"{name}.json"
    file.write_text(json.dumps(json.loads(file.read_text("utf8")) | {"figures": figures}))


def test_every_table_of_speed_is_on_the_page():
    asked = PLACEHOLDER.findall(PAGE.read_text("utf8"))
    assert sorted(asked) == sorted(name for name in MAKERS if name.startswith("speed"))


def test_ours_stands_beside_the_fastest_peer_as_it_comes_and_helped(root):
    cases = {name: {"tokens_per_s": {"median": rate, "spread": 1}} for name, rate in RATES.items()}
    change(root, "benchmarks", {"training": cases})
    lines = speed.speeds(root, "training").splitlines()
    assert lines[-1] == "| `ours_float32` | 60 | 1 | 1.50 | 1.20 |"


def test_a_gpus_record_appears_without_a_change_of_code(root):
    assert speed.on_a_gpu(root).startswith("on a GPU: not yet run")
    run = {"train_s": 50.4, "seconds_to_goal": 33.0, "curve": [{"valid_bleu": 42.0}],
           "valid": {"bleu": 42.0}, "test": {"bleu": 40.5}}  # fmt: skip
    record = {"hardware": {"gpu": "GPU of a test"}, "versions": {"torch": "0.0"},
              "jobs": {"multi30k:1": run}, "unfinished": {}}  # fmt: skip
    (root / "chapters" / "results" / "gpu.json").write_text(json.dumps(record))
    text = speed.on_a_gpu(root)
    assert text.startswith("on GPU of a test")
    assert "| multi30k:1 | 50 | 33 | 42 | 40.5 |" in text.splitlines()


# ----------------------------------------------------------------------
# What the page says in words


def medians(kind):
    cases = speed.figures_of(ROOT, "benchmarks")[kind]
    return {name: found["tokens_per_s"]["median"] for name, found in cases.items()}


def test_recorded_ours_trains_fastest_in_float32_with_and_without_the_allocator():
    rates = medians("training")
    ours = rates.pop("ours_float32")
    del rates["ours_bfloat16"]
    assert ours > 1.1 * max(rates.values())


def test_recorded_ctranslate2_decodes_fastest_and_all_outputs_are_identical():
    rates = medians("decoding")
    fastest = rates.pop("ctranslate2")
    assert fastest > 1.5 * max(rates.values())
    decoding = speed.figures_of(ROOT, "benchmarks")["decoding"].values()
    assert {found["identical"]["median"] for found in decoding} == {1.0}


def test_recorded_no_cost_of_bfloat16_is_seen():
    assert of_mean(speed.figures_of(ROOT, "precision")["bfloat16_minus_float32"]).covers(0)


def test_recorded_bfloat16_makes_products_faster_and_leaves_the_rest():
    parts = [
        speed.figures_of(ROOT, "breakdown")["us_per_token"][kind]["parts"]
        for kind in ("float32", "bfloat16")
    ]
    products, rest = zip(*((p["matrix products"], sum(p.values())) for p in parts), strict=True)
    assert products[1] < 0.5 * products[0]
    assert rest[1] - products[1] == pytest.approx(rest[0] - products[0], rel=0.1)


def test_recorded_four_times_the_length_costs_little_at_first_and_the_width_much():
    points = speed.figures_of(ROOT, "growth")["points"]
    time = {name: point["us_per_token"]["median"] for name, point in points.items()}
    assert time["length=32"] < 1.1 * time["length=8"]
    assert time["length=512"] > 1.3 * time["length=128"]
    assert time["width=512"] > 10 * time["width=64"]


def test_recorded_doubled_batches_use_the_second_core_better():
    cases = speed.figures_of(ROOT, "processes")["cases"]
    split, doubled = (cases[name]["efficiency"]["median"] for name in ("split", "doubled"))
    assert split < doubled < 1


def test_recorded_benchmarks_are_of_the_translators_model_with_fewer_pieces():
    """Depth, widths and heads are those of the run in chapter 12; the page names the pieces."""
    folder = ROOT / "chapters" / "results"
    ours = RunConfig.from_dict(results.read(folder / "multi30k.json")["settings"]).model
    for name in ("benchmarks", "breakdown"):
        config = results.read(folder / f"{name}.json")["settings"]["config"]
        assert RunConfig.from_dict(config).model == ours.updated(vocab_size=4_000)

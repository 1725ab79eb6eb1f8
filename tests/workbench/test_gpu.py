"""The tables of a GPU, from a record made up here: what is computed, and what is not there yet."""

import json

import pytest

from benchmarks import table
from transformer_lib.workbench import gpu

CPU = {
    "seconds": 4350.5, "validation": [{"bleu": 41.2}, {"bleu": 42.143}],
    "test_2016": {"bleu": 40.87},
}  # fmt: skip


def training(seconds, valid, test, to_goal=None, scored=False):
    point = {"step": 500, "train_s": seconds} | ({"valid_bleu": valid} if scored else {})
    return {
        "train_s": seconds, "seconds_to_goal": to_goal, "curve": [point],
        "valid": {"bleu": valid}, "test": {"bleu": test},
    }  # fmt: skip


@pytest.fixture
def record():
    """Numbers that no machine measured, chosen so that ratios are easy."""
    return {
        "hardware": {"gpu": "GPU of a test"},
        "versions": {"torch": "0.0"},
        "jobs": {
            "ours": {
                "flops_per_token": 2e6,
                "speeds": {"launched": {"tokens_per_s": 3e5}, "graphs": {"tokens_per_s": 6e5}},
            },
            "multi30k:1": training(50.4, 42.0, 41.0, 33.0, scored=True),
            "peers": {"tutorial": {"tokens_per_s": 1e5}, "matrix_flops_per_s": 1e14},
            "multi30k:2": training(60.0, 40.0, 39.0),
            "published:1": training(70.0, 41.0, 40.0),
            "decoding": {
                "searches": {"beam_5_batch_64": {"tokens_per_s": 1234.5, "sentences_per_s": 77.77}}
            },
        },
        "unfinished": {"multi30k:3": training(20.0, 0.0, 0.0) | {"stopped_at": 2_250}},
    }


def test_what_was_not_run_says_so(tmp_path):
    assert gpu.read_gpu(tmp_path) is None
    assert gpu.title(None) == "on a GPU: not yet run"
    for rows in (gpu.training_rows(None), gpu.speed_rows(None), gpu.decoding_rows(None)):
        assert [next(iter(row.values())) for row in rows] == ["a GPU: not yet run"]
    beside, missing = gpu.training_rows(None, [gpu.training_row("two cores", CPU)])
    assert beside["training"] == "two cores"
    assert beside.keys() == missing.keys()  # so that one table holds both
    assert {*missing.values()} == {"a GPU: not yet run", ""}


def test_a_record_shows_without_a_change_of_code(tmp_path, record):
    (tmp_path / "gpu.json").write_text(json.dumps(record))
    assert gpu.read_gpu(tmp_path) == record
    assert gpu.title(record) == "on GPU of a test, PyTorch 0.0"


def test_trainings_stand_beside_that_of_the_cpu(record):
    rows = gpu.training_rows(record, [gpu.training_row("two cores", CPU)])
    assert all(row.keys() == rows[0].keys() for row in rows)
    assert [list(row.values()) for row in rows] == [
        ["two cores", 4350, None, 42.14, 40.87],
        ["multi30k:1", 50, 33.0, 42.0, 41.0],
        ["multi30k:2", 60, None, 40.0, 39.0],
        ["published:1", 70, None, 41.0, 40.0],
        ["multi30k, mean of 2 (test ±1.41)", 55, None, 41.0, 40.0],
        ["multi30k:3, at update 2,250", 20, None, None, None],
    ]
    record["jobs"]["multi30k:1"]["seconds_to_goal"] = None
    assert gpu.training_rows(record)[0]["to goal"] == "not reached"


def test_a_result_may_keep_its_figures_apart(record):
    figures = {name: CPU[name] for name in ("validation", "test_2016")}
    apart = {"seconds": CPU["seconds"], "figures": figures}
    assert gpu.training_row("x", apart) == gpu.training_row("x", CPU)


def test_the_seconds_are_those_of_training_also_where_the_whole_was_not_timed():
    figures = {**CPU, "train_seconds": 4000.4}
    assert gpu.training_row("x", {"seconds": None, "figures": figures})["seconds"] == 4000


def test_speeds_are_over_the_tutorials_loop_and_of_the_peak(record):
    names = ["ours", "ours, CUDA graphs", gpu.TUTORIAL]
    assert [list(row.values()) for row in gpu.speed_rows(record)] == [
        [names[0], 300_000, 3.0, 0.6],
        [names[1], 600_000, 6.0, 1.2],
        [names[2], 100_000, 1.0, 0.2],
    ]
    del record["jobs"]["peers"]
    assert gpu.speed_rows(record)[0] == {
        "training": "ours", "tokens/s": 300_000, "× tutorial": None, "% of peak": None
    }  # fmt: skip


def test_the_speed_page_has_them_in_markdown(record):
    text = gpu.gpu_tables(record, [gpu.training_row("two cores", CPU)])
    lines = text.splitlines()
    assert lines[0] == "on GPU of a test, PyTorch 0.0"
    assert "| two cores | 4,350 | not recorded | 42.14 | 40.87 |" in lines
    assert "| multi30k:1 | 50 | 33 | 42 | 41 |" in lines
    assert "| beam 5 batch 64 | 1,234 | 77.8 |" in lines
    assert "not yet run" in gpu.gpu_tables(None, table.on_the_cpu())

"""The benchmark compares like with like: the same function, the same counting, fair summaries."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import breakdown, growth, processes, program, run, table, training
from benchmarks.operations import training_bytes
from benchmarks.peers import torch_nn
from transformer_lib.config import ModelConfig
from transformer_lib.data import multi30k
from transformer_lib.models.transformer import Transformer
from transformer_lib.training.fast.loss import rows_at_once

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-bench" / "bin" / "python"
TINY = ModelConfig(
    vocab_size=300, d_model=8, n_heads=2, n_encoder_layers=1, n_decoder_layers=2, d_ff=12,
    dropout=0.3,
)  # fmt: skip


@pytest.fixture
def ours():
    """A small model with random norms and biases, so that none of them can hide."""
    model = Transformer(TINY).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("gain", "bias")):
                parameter.uniform_(-1, 1)
    return model


@pytest.fixture
def tokens():
    src, tgt = torch.randint(3, 300, (3, 6)), torch.randint(3, 300, (3, 5))
    src[1, 4:] = 0
    return src, tgt


def marian_logits(weights, src, tgt):
    pytest.importorskip("transformers", reason="the peers are in .venv-bench; see benchmarks/")
    from benchmarks.peers import marian

    peer = marian.with_our_weights(TINY, weights)
    output = peer(input_ids=src, attention_mask=src.ne(0).long(), decoder_input_ids=tgt)
    return output.logits


def joey_logits(weights, src, tgt):
    pytest.importorskip("joeynmt", reason="the peers are in .venv-bench; see benchmarks/")
    from benchmarks.peers import joey

    peer, order = joey.with_our_weights(TINY, weights), joey.our_ids(TINY.vocab_size)
    theirs = torch.tensor(order).argsort()
    mask = src.ne(0)[:, None]
    memory, _, _, _ = peer(
        return_type="encode", src=theirs[src], src_mask=mask, src_length=mask.sum(dim=-1)[:, 0]
    )
    logits, _, _, _ = peer(
        return_type="decode", trg_input=theirs[tgt], encoder_output=memory, encoder_hidden=None,
        src_mask=mask, unroll_steps=None, decoder_hidden=None, trg_mask=tgt.ne(0)[:, None],
    )  # fmt: skip
    return logits[..., theirs]


def torch_logits(weights, src, tgt):
    return torch_nn.with_our_weights(TINY, weights)(src, tgt)


@pytest.mark.parametrize("logits_of", [torch_logits, marian_logits, joey_logits])
@torch.no_grad()
def test_a_peer_with_our_weights_computes_what_ours_computes(logits_of, ours, tokens):
    src, tgt = tokens
    found = logits_of(ours.state_dict(), src, tgt)
    torch.testing.assert_close(found, ours(src, tgt), atol=2e-5, rtol=0)


def test_the_warm_up_is_not_measured(monkeypatch):
    """Updates end at 10, 20, 21, 22 s; the first two are the warm-up."""
    times = iter([10.0, 20.0, 21.0, 22.0])
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(times))
    watch = training.Watch(warmup_updates=2, seconds=2.0)
    for n_tokens in (1000, 1000, 30):
        watch(n_tokens)
    with pytest.raises(training.Enough):
        watch(50)
    assert watch.n_tokens / watch.elapsed_s == (30 + 50) / 2.0


def test_a_summary_has_the_median_and_the_spread():
    assert run.summary([{"speed": v} for v in (3.0, 10.0, 4.0)]) == {
        "speed": {"median": 4.0, "spread": 7.0, "rounds": [3.0, 10.0, 4.0]}
    }


def test_identical_outputs_are_counted_against_the_same_search_of_ours():
    outputs = {
        "ours": [[5], [6, 7]], "ours_gnmt": [[5], [8]], "ours_greedy": [[9]],
        "marian": [[5], [6]], "ctranslate2": [[5], [6, 7]], "joeynmt": [[4], [8]],
        "tutorial_greedy": [[9]],
    }  # fmt: skip
    found = {"decoding": {name: [{"outputs": rows}] for name, rows in outputs.items()}}
    run.add_identical(found)
    shares = {name: rounds[0]["identical"] for name, rounds in found["decoding"].items()}
    assert shares == {
        "ours": 1, "ours_gnmt": 1, "ours_greedy": 1, "marian": 0.5, "ctranslate2": 1,
        "joeynmt": 0.5, "tutorial_greedy": 1,
    }  # fmt: skip


def test_ratios_are_taken_against_the_best_peer_as_it_comes():
    """Not against ours, and not against a peer that was helped."""

    def figures(speed):
        one = {"median": speed, "spread": 0.0}
        return {"tokens_per_s": one, "peak_mib": one, "peak_above_libraries_and_text_mib": one}

    speeds = {"tutorial": 10, "marian": 40, "marian+allocator": 50, "ours_float32": 60}
    rows = table.training_rows({name: figures(speed) for name, speed in speeds.items()})
    assert rows[0][3] == "× Marian (transformers)"
    assert [row[3] for row in rows[1:]] == ["0.25", "1.00", "1.25", "1.50"]
    assert rows[-1][4] == "6.00"


@pytest.mark.parametrize(
    ("axis", "value"), [("length", 8), ("width", 64), ("layers", 2), ("vocabulary", 64_000)]
)
def test_counted_memory_is_what_the_backward_pass_keeps(axis, value):
    """Beside it: parameters, their gradients and Adam's two moments; and the loss's two blocks."""
    config, _, length = growth.at(axis, value)
    pairs = growth.random_pairs(config.vocab_size, length, 2048)
    src = torch.tensor(np.stack([pairs.src(row) for row in range(len(pairs))]))
    tgt = torch.tensor(np.stack([pairs.tgt(row) for row in range(len(pairs))]))
    model = Transformer(config).train()
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}  # held, so that no address comes twice

    def keep(tensor):
        storage = tensor.untyped_storage()
        if tensor.dtype == torch.float32 and storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        hidden = model(src, tgt, returns="hidden")
    n_parameters = sum(p.numel() for p in model.parameters())
    counted = training_bytes(config, src.numel(), tgt.numel())
    n_rows = rows_at_once(torch.empty(tgt.numel(), config.d_model), model.output.weight)
    counted -= 16 * n_parameters + 4 * 2 * n_rows * config.vocab_size
    n_bytes = sum(storage.nbytes() for storage in kept.values()) + 4 * hidden.numel()
    assert n_bytes == pytest.approx(counted, rel=0.04)  # packed weights are kept too


def test_a_power_is_its_slope():
    assert growth.slope((1, 2, 4), [3.0, 12.0, 48.0]) == 2.0


def test_only_one_thing_changes_along_an_axis():
    middle = growth.at("length", growth.MIDDLE["length"])
    assert all(growth.at(axis, value) == middle for axis, value in growth.MIDDLE.items())
    model, batch_tokens, length = growth.at("width", 64)
    assert (model.d_model, model.d_ff, batch_tokens, length) == (64, 128, *middle[1:])
    assert growth.at("batch", 1024) == (middle[0], 1024, middle[2])


@pytest.mark.parametrize("program_name", ["growth", "breakdown", "processes", "precision"])
def test_a_rehearsal_leaves_the_result_alone(monkeypatch, program_name):
    monkeypatch.setattr(sys, "argv", [program_name, "--quick"])
    quick, output = program.options("Measure.", program_name)
    assert quick
    assert output == ROOT / "runs" / f"{program_name}_quick.json"
    monkeypatch.setattr(sys, "argv", [program_name])
    assert program.options("Measure.", program_name) == (
        False,
        ROOT / "chapters" / "results" / f"{program_name}.json",
    )


def test_a_training_that_fails_says_why_in_one_line():
    with pytest.raises(SystemExit) as stop:
        processes.history(2, "train.steps=0")
    assert str(stop.value).startswith("train.steps=0: error: ")
    assert "\n" not in str(stop.value)


def skip_without_corpus():
    if not (multi30k.cache_folder() / multi30k.name_of("train", "en", lowercase=True)).exists():
        pytest.skip(f"Multi30k is not in the cache; {multi30k.CACHE} names its folder")


def rehearsed(program, folder, python=sys.executable):
    """Run a benchmark's rehearsal; return its result."""
    output = folder / "result.json"
    command = [python, "-m", f"benchmarks.{program}", "--quick", "--output", output]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(output.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_a_rehearsal_measures_growth_at_every_point(tmp_path):
    result = rehearsed("growth", tmp_path)
    assert list(result["points"]) == growth.all_points()
    assert all(point["us_per_token"]["median"] > 0 for point in result["points"].values())
    assert set(result["slopes"]) == set(growth.AXES)


@pytest.mark.slow
def test_a_rehearsal_says_where_the_time_goes(tmp_path):
    skip_without_corpus()
    for found in rehearsed("breakdown", tmp_path)["us_per_token"].values():
        expected = {*breakdown.PARTS, "matrix products", "softmax and loss"}
        assert expected < set(found["parts"])
        assert sum(found["parts"].values()) == pytest.approx(found["us_per_token_watched"], 0.01)
        assert found["parts"]["matrix products"] > found["parts"]["optimizer"] > 0


@pytest.mark.slow
def test_a_rehearsal_measures_one_process_and_two(tmp_path):
    skip_without_corpus()
    found = rehearsed("processes", tmp_path)["cases"]
    assert list(found) == list(processes.CASES)
    assert found["one"]["efficiency"]["median"] == 1.0
    assert all(case["tokens_per_s"]["median"] > 0 for case in found.values())


@pytest.mark.slow
def test_a_rehearsal_trains_every_seed_in_both_precisions(tmp_path):
    skip_without_corpus()
    found = rehearsed("precision", tmp_path)
    full, half = found["valid_nll"]["float32"], found["valid_nll"]["bfloat16"]
    assert len(set(full)) == len(set(half)) == 2
    assert all(abs(a - b) < 0.05 for a, b in zip(full, half, strict=True))


@pytest.mark.slow
def test_a_rehearsal_measures_every_case(tmp_path):
    if not PYTHON.exists():
        pytest.skip("there is no .venv-bench; make bench makes it")
    skip_without_corpus()
    result = rehearsed("run", tmp_path, PYTHON)
    cases = [(kind, name) for kind in ("training", "decoding", "latency") for name in result[kind]]
    assert cases == [(kind, name) for kind, name, _ in run.cases()]
    for kind in ("training", "decoding"):
        assert all(case["tokens_per_s"]["median"] > 0 for case in result[kind].values())
    assert str(ROOT) not in json.dumps(result)

"""Claims 25 to 31: how the paper trains, searches and scores, and where this book deviates."""

import math
import random
from functools import cache

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from transformer_lib.config import ModelConfig, RunConfig
from transformer_lib.evaluation import bleu
from transformer_lib.layers.dropout import drop
from transformer_lib.models import build_model
from transformer_lib.presets import PRESETS
from transformer_lib.training.loss import token_nll
from transformer_lib.training.schedule import cool_down, noam
from transformer_lib.workbench import results

result = cache(results.recorded)


def recorded(name):
    return result(name)["figures"]


def recorded_run():
    return recorded("multi30k"), RunConfig.from_dict(result("multi30k")["settings"])


def counts(rows):
    return torch.tensor([[int(n) for n in row.split()] for row in rows], dtype=torch.float64)


# ----------------------------------------------------------------------
# Claim 25: one vocabulary for both sides, batches counted in tokens


@pytest.mark.parametrize("name", ["base", "big"])
def test_the_papers_models_have_its_pieces_and_batches(name):
    data = PRESETS[name].data
    assert (data.n_pieces, data.batch_tokens) == (37_000, 25_000)
    assert PRESETS[name].model.tie_embeddings


def test_recorded_source_and_target_share_a_smaller_vocabulary():
    run, config = recorded_run()
    assert config.model.tie_embeddings
    assert config.model.vocab_size == config.data.n_pieces < 37_000
    assert config.data.batch_tokens < 25_000
    with torch.device("meta"):
        parameters = sum(p.numel() for p in build_model(config.model).parameters())
    assert run["parameters"] == parameters


# ----------------------------------------------------------------------
# Claim 26: what base and big cost


def multiplications(m: ModelConfig) -> tuple[int, int]:
    """Count those for a source piece and for a target piece: each weight is used once for each."""
    with torch.device("meta"):
        model = build_model(m)
    size = {name: p.numel() for name, p in model.named_parameters() if p.dim() == 2}
    vectors = m.vocab_size * m.d_model
    encoder = sum(n for name, n in size.items() if name.startswith("encoder"))
    decoder = sum(n for name, n in size.items() if name.startswith("decoder"))
    from_memory = m.n_decoder_layers * 2 * m.d_model**2
    return encoder + from_memory, decoder - from_memory + vectors


def test_multiplications_are_those_that_torch_counts():
    m = ModelConfig(50, 16, 2, 2, 3, 24)
    src, tgt = torch.full((1, 7), 5), torch.full((1, 4), 6)
    model = build_model(m)
    with FlopCounterMode(display=False) as forward, torch.no_grad():
        model(src, tgt)
    source, target = multiplications(m)
    assert forward.get_total_flops() == 2 * (7 * source + 4 * target)
    with FlopCounterMode(display=False) as both:
        model(src, tgt).sum().backward()
    assert both.get_total_flops() == 3 * forward.get_total_flops()


@pytest.mark.parametrize(
    ("name", "hours", "table_2"), [("base", 12, 3.3e18), ("big", 3.5 * 24, 2.3e19)]
)
def test_table_2_is_time_times_rate_and_the_count_is_less_than_half(name, hours, table_2):
    spent = 8 * 9.5e12 * hours * 3600
    assert spent == pytest.approx(table_2, rel=0.02)
    steps = PRESETS[name].train.steps
    needed = 6 * 25_000 * steps * sum(multiplications(PRESETS[name].model))
    assert 0.2 * table_2 < needed < 0.5 * table_2


# ----------------------------------------------------------------------
# Claim 27: the learning rate


def test_recorded_rates_have_the_shape_of_equation_3_and_then_end_at_zero():
    run, config = recorded_run()
    train, width = config.train, config.model.d_model
    assert (train.adam_beta1, train.adam_beta2, train.adam_eps) == (0.9, 0.98, 1e-9)
    higher = train.peak_lr / noam(train.warmup, width, train.warmup)
    rates = {record["step"]: record["lr"] for record in run["curve"] if "lr" in record}
    assert len(rates) > 100
    for step, rate in rates.items():
        expected = higher * noam(step, width, train.warmup)
        assert rate == pytest.approx(expected * cool_down(step, train.steps, train.cooldown))
    assert rates[max(rates)] < 1e-3 * max(rates.values())


@pytest.mark.parametrize("name", ["base", "big"])
def test_the_papers_models_train_as_section_5_3_says(name):
    train = PRESETS[name].train
    assert (train.warmup, train.peak_lr, train.cooldown) == (4_000, None, 0.0)
    assert (train.adam_beta1, train.adam_beta2, train.adam_eps) == (0.9, 0.98, 1e-9)


# ----------------------------------------------------------------------
# Claim 28: dropout


def test_survivors_are_divided_by_what_is_kept():
    kept = drop(torch.ones(20_000, 1), 0.1, training=True)
    values = kept.unique().tolist()
    assert values == pytest.approx([0, 1 / 0.9])
    assert kept.mean().item() == pytest.approx(1, abs=0.01)


# ----------------------------------------------------------------------
# Claim 29: label smoothing


@pytest.mark.parametrize(("epsilon", "size"), [(0.1, 50), (0.2, 7)])
def test_smoothing_asks_for_all_but_epsilon_and_a_share_of_it(epsilon, size):
    logits = torch.zeros(1, size, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = token_nll(logits, torch.tensor([3]), epsilon).loss
        loss.backward()
        return loss

    optimizer.step(closure)
    found = logits.softmax(-1)[0, 3].item()
    assert found == pytest.approx(1 - epsilon + epsilon / size, abs=1e-5)


def test_a_smoothed_model_has_the_higher_perplexity():
    """The words before fix the next word or leave two; the same table learns both ways."""
    words = torch.arange(40)
    seen = torch.cat([words, words])
    following = torch.cat([(words + 1) % 40, torch.where(words < 20, (words + 7) % 40, words)])
    found = {}
    for epsilon in (0.0, 0.1):
        scores = torch.zeros(40, 40, requires_grad=True)
        optimizer = torch.optim.Adam([scores], lr=0.1)
        for _ in range(300):
            optimizer.zero_grad()
            token_nll(scores[seen], following, epsilon).loss.backward()
            optimizer.step()
        found[epsilon] = F.cross_entropy(scores[seen], following).exp().item()
    assert found[0.1] > found[0.0] + 0.05


# ----------------------------------------------------------------------
# Claim 30: averaging and search


def test_the_papers_models_average_and_search_as_section_6_1_says():
    base, big = PRESETS["base"], PRESETS["big"]
    assert (base.train.average, big.train.average) == (5, 20)
    for search in (base.decode, big.decode):
        assert (search.beam_size, search.length_penalty, search.penalty) == (4, 0.6, "gnmt")
        assert search.extra_length == 50


def test_recorded_the_length_penalty_is_the_best_on_validation():
    run, config = recorded_run()
    assert config.train.average == 5
    best = max(run["validation"], key=lambda tried: tried["bleu"])
    chosen = run["chosen_on_validation"]
    assert chosen["beam_size"] == 5
    assert all(chosen[name] == best[name] for name in ("penalty", "length_penalty"))


def bleu_of(rows):
    found, possible, (ours, theirs) = rows[:4], rows[4:8], rows[8:]
    mean = (found / possible).log().mean().exp().item()
    return 100 * mean * min(1.0, math.exp(1 - theirs / ours))


def test_recorded_the_chosen_search_is_better_than_greedy():
    valid = recorded("multi30k_errors")["valid"]
    chosen, greedy = (bleu_of(counts(valid[name]).sum(0)) for name in ("chosen", "greedy"))
    assert chosen > greedy


# ----------------------------------------------------------------------
# Claim 31: scores and their conditions


def test_recorded_counts_give_the_recorded_score():
    run, _ = recorded_run()
    rows = counts(recorded("multi30k_errors")["test_2016"]["counts"])
    assert len(rows) == 1_000
    assert bleu_of(rows.sum(0)) == pytest.approx(run["test_2016"]["bleu"])


def test_recorded_score_is_of_the_published_protocol():
    test = recorded_run()[0]["test_2016"]
    assert test["reference_length"] == 12_103
    assert "tok:none" in test["bleu_signature"]
    assert "nrefs:1" in test["bleu_signature"]
    assert 0.5 < test["bleu_95_interval"] < 3


def test_another_cut_gives_the_same_text_another_score():
    """The paper counted compounds in parts; here they are counted whole."""
    ours, reference = "ein rad-weg im neuen park", "ein geh-weg im neuen park"
    in_parts = [line.replace("-", " - ") for line in (ours, reference)]
    whole = bleu.score([ours], [reference], tokenised=True).bleu
    parted = bleu.score(in_parts[:1], in_parts[1:], tokenised=True).bleu
    assert parted > whole + 5


def test_recorded_words_that_training_never_had_are_found_least():
    bands = recorded("multi30k_errors")["found_by_frequency"]
    shares = [band["found"] / band["words"] for band in bands]
    assert shares == sorted(shares)
    assert shares[0] < 0.5 < shares[-1]


def test_recorded_captions_were_drawn_and_judged_by_the_kinds_that_are_told():
    judged = recorded("multi30k_judged")
    drawn = random.Random(30).sample(range(1_000), 30)
    assert [int(line) for line in judged["captions"]] == [row + 1 for row in sorted(drawn)]
    assert {kind for found in judged["captions"].values() for kind in found} == set(judged["kinds"])


def test_recorded_captions_without_errors_share_more_with_their_references():
    rows = counts(recorded("multi30k_errors")["test_2016"]["counts"])
    captions = recorded("multi30k_judged")["captions"]
    right = [int(line) - 1 for line, found in captions.items() if not found]
    wrong = [int(line) - 1 for line, found in captions.items() if found]
    assert bleu_of(rows[right].sum(0)) > bleu_of(rows[wrong].sum(0)) + 10


def test_recorded_benchmarks_are_of_this_runs_model_with_fewer_pieces():
    """Depth, widths and heads are those of the run; the chapter names the pieces."""
    ours = recorded_run()[1].model
    for name in ("benchmarks", "breakdown"):
        theirs = RunConfig.from_dict(result(name)["settings"]["config"]).model
        assert theirs == ours.updated(vocab_size=4_000)

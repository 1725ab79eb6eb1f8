import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transformer_lib.config import BOS, EOS, PAD
from transformer_lib.decoding import beam
from transformer_lib.decoding.beam import beam_search
from transformer_lib.decoding.greedy import greedy
from transformer_lib.decoding.hypothesis import length_divisor

LENGTHS = [5, 0, 2, 9, 1]
PENALTIES = [("gnmt", 0.0), ("gnmt", 0.6), ("gnmt", 2.0), ("length", 1.0), ("length", 1.5)]


def test_the_penalties_are_their_formulas():
    assert length_divisor(7, 0.6, "gnmt") == pytest.approx((12 / 6) ** 0.6)
    assert length_divisor(1, 0.6, "gnmt") == 1
    assert length_divisor(7, 1.0, "length") == 7
    assert length_divisor(9, 0.0, "length") == length_divisor(9, 0.0, "gnmt") == 1


@pytest.mark.parametrize(("penalty", "alpha"), PENALTIES)
@pytest.mark.parametrize("seed", range(2))
def test_a_beam_of_one_is_greedy_search(family, seed, penalty, alpha, make_model, make_sources):
    model, src = make_model(family, seed), make_sources(seed, LENGTHS)
    found = beam_search(model, src, 1, alpha, penalty, extra_length=5)
    for (one,), other in zip(found, greedy(model, src, extra_length=5), strict=True):
        assert one.tokens == other.tokens
        assert one.finished == other.finished
        assert one.log_prob == pytest.approx(other.log_prob, abs=1e-12)


def every_output(model, src, limit: int, alpha: float, penalty: str) -> list[tuple]:
    """Rank all outputs of at most `limit` tokens by brute force, finished ones first.

    One forward pass scores all of a length; it knows nothing of steps, caches and beams.
    """
    words = range(3, model.vocab_size)
    ended, cut = [], []
    for length in range(1, limit + 1):
        outputs = [[*said, EOS] for said in itertools.product(words, repeat=length - 1)]
        n_ended = len(outputs)
        if length == limit:
            outputs += [list(said) for said in itertools.product(words, repeat=limit)]
        tokens = torch.tensor(outputs)
        shifted = torch.cat([torch.full_like(tokens[:, :1], BOS), tokens[:, :-1]], dim=1)
        log_probs = model(src.expand(len(outputs), -1), shifted).log_softmax(dim=-1)
        totals = log_probs.gather(-1, tokens[..., None]).sum(dim=(1, 2))
        scores = (totals / length_divisor(length, alpha, penalty)).tolist()
        scored = list(zip(scores, outputs, strict=True))
        ended += scored[:n_ended]
        cut += scored[n_ended:]
    return [*sorted(ended, reverse=True), *sorted(cut, reverse=True)]


@given(
    seed=st.integers(0, 10_000),
    family=st.sampled_from(["convs2s", "rnn", "transformer"]),
    vocab_size=st.integers(4, 5),
    n_words=st.integers(0, 2),
    how=st.sampled_from(PENALTIES),
    few=st.sampled_from([1, 3]),
)
@settings(max_examples=10, deadline=None)
def test_a_beam_as_wide_as_the_space_tries_everything(
    seed, family, vocab_size, n_words, how, few, make_model, make_sources
):
    penalty, alpha = how
    model = make_model(family, seed, vocab_size)
    src = make_sources(seed, [n_words], vocab_size)
    everything = every_output(model, src, n_words + 2, alpha, penalty)
    n = len(everything)
    for n_best in (min(few, n), n):
        (found,) = beam_search(model, src, n, alpha, penalty, 2, n_best)
        assert [h.score for h in found] == pytest.approx(
            [score for score, _ in everything[:n_best]], abs=1e-9
        )
        assert found[0].tokens == everything[0][1]
    assert len(found) == n


def plain_beam_search(model, src, beam_size: int, alpha: float, limit: int) -> list[tuple]:
    """Search as the definition says: one sentence, no cache, no early stop, Python lists."""
    live, stopped = [(0.0, [])], []
    for length in range(1, limit + 1):
        room = beam_size - sum(said[-1] == EOS for _, said in stopped)
        grown = []
        for total, said in live:
            log_probs = model(src, torch.tensor([[BOS, *said]]))[0, -1].log_softmax(dim=-1)
            grown += [
                (total + log_probs[token].item(), [*said, token])
                for token in range(EOS, model.vocab_size)
            ]
        grown = sorted(grown, reverse=True)[:room]
        stopped += [(t, said) for t, said in grown if said[-1] == EOS or length == limit]
        live = [(t, said) for t, said in grown if said[-1] != EOS]
    return sorted(
        stopped,
        key=lambda found: (
            found[1][-1] != EOS,
            -found[0] / length_divisor(len(found[1]), alpha, "gnmt"),
        ),
    )


@pytest.mark.parametrize("seed", range(3))
def test_a_narrow_beam_does_what_the_definition_says(family, seed, make_model, make_sources):
    model, src = make_model(family, seed), make_sources(seed, [4])
    expected = plain_beam_search(model, src, 4, 0.6, limit=9)
    (found,) = beam_search(model, src, 4, 0.6, extra_length=5, n_best=4)
    assert [h.tokens for h in found] == [said for _, said in expected]
    assert [h.log_prob for h in found] == pytest.approx([total for total, _ in expected])


def search_counting_rows(model, *arguments) -> tuple[list, int]:
    """Return what the search found and how many rows the model was asked for."""
    rows, real_step = [], model.step
    model.step = lambda tokens, state: rows.append(len(tokens)) or real_step(tokens, state)
    found = beam_search(model, *arguments)
    model.step = real_step
    return found, sum(rows)


@pytest.mark.parametrize(("penalty", "alpha"), PENALTIES)
@pytest.mark.parametrize("n_best", [1, 3])
def test_stopping_early_changes_no_result(
    family, penalty, alpha, n_best, monkeypatch, make_model, make_sources
):
    saved = 0
    for seed in range(2):
        arguments = (make_model(family, seed), make_sources(seed, LENGTHS), 5, alpha, penalty, 8)
        early, n_early = search_counting_rows(*arguments, n_best)
        with monkeypatch.context() as patch:
            patch.setattr(beam.Beam, "decided", lambda self: not self.live)
            late, n_late = search_counting_rows(*arguments, n_best)
        for one, other in zip(early, late, strict=True):
            assert [h.tokens for h in one] == [h.tokens for h in other]
            assert [h.score for h in one] == pytest.approx([h.score for h in other])
        saved += n_late - n_early
    assert saved > 0 or alpha >= 1  # a strong penalty leaves every hypothesis a chance


def test_a_sentence_does_not_depend_on_its_batch(model, make_sources):
    src = make_sources(3, LENGTHS)
    together = beam_search(model, src, 4, extra_length=6, n_best=4)
    for row, length in enumerate(LENGTHS):
        (alone,) = beam_search(model, src[row : row + 1, : length + 1], 4, extra_length=6, n_best=4)
        assert [h.tokens for h in alone] == [h.tokens for h in together[row]]
        assert [h.score for h in alone] == pytest.approx([h.score for h in together[row]])


def test_scores_are_the_models_own_log_probability(model, make_sources, log_prob_of):
    src = make_sources(4, LENGTHS)
    for row, found in enumerate(beam_search(model, src, 5, 0.6, extra_length=4, n_best=5)):
        assert len(found) == 5
        assert [h.tokens for h in found] == [
            list(t) for t in dict.fromkeys(tuple(h.tokens) for h in found)
        ]
        for hypothesis in found:
            expected = log_prob_of(model, src[row : row + 1], hypothesis.tokens)
            divisor = ((5 + len(hypothesis.tokens)) / 6) ** 0.6
            assert hypothesis.log_prob == pytest.approx(expected, abs=1e-9)
            assert hypothesis.score == pytest.approx(expected / divisor, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_outputs_end_once_and_finished_ones_come_first(family, seed, make_model, make_sources):
    src = make_sources(seed, LENGTHS)
    found = beam_search(make_model(family, seed), src, 4, extra_length=3, n_best=4)
    for length, hypotheses in zip(LENGTHS, found, strict=True):
        for hypothesis in hypotheses:
            *before, last = hypothesis.tokens
            assert not {PAD, BOS, EOS} & set(before)
            assert hypothesis.finished == (last == EOS)
            assert hypothesis.finished or len(hypothesis.tokens) == length + 3
        order = [(not h.finished, -h.score) for h in hypotheses]
        assert order == sorted(order)


def test_a_wider_beam_finds_a_better_output_where_greedy_is_led_astray(
    family, make_model, make_sources
):
    better = 0
    for seed in range(8):
        model, src = make_model(family, seed), make_sources(seed, [3, 4])
        narrow, wide = (beam_search(model, src, k, 0.0, extra_length=3) for k in (1, 50))
        better += sum(w[0].score > n[0].score + 1e-9 for n, w in zip(narrow, wide, strict=True))
    assert better > 0


def test_an_empty_and_a_very_long_sentence(model, make_sources):
    empty, long = beam_search(model, make_sources(6, [0, 100]), 3, extra_length=4)
    assert len(empty[0].tokens) <= 4
    assert len(long[0].tokens) <= 104


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 0}, "n_best is 1 and beam_size 0"),
        ({"beam_size": 2, "n_best": 3}, "n_best is 3 and beam_size 2"),
        ({"length_penalty": -0.1}, "length_penalty is -0.1"),
        ({"length_penalty": math.nan}, "length_penalty is nan"),
        ({"penalty": "gmnt"}, "penalty is 'gmnt'"),
        ({"extra_length": -2}, "extra_length is -2"),
    ],
)
def test_options_that_make_no_sense_are_refused(model, options, message, make_sources):
    with pytest.raises(ValueError, match=message):
        beam_search(model, make_sources(1, [2]), **options)


def test_weights_that_are_not_finite_are_refused(model, make_sources):
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    with pytest.raises(ValueError, match=r"sentence 0 has no output.*not finite"):
        beam_search(model, make_sources(1, [2]))

import pytest
import torch

from transformer_lib.config import BOS, EOS, PAD
from transformer_lib.decoding.greedy import greedy

LENGTHS = [5, 0, 2, 9, 1]


def shifted(tokens: list[int]) -> torch.Tensor:
    return torch.tensor([[BOS, *tokens[:-1]]])


def test_every_token_is_the_most_probable_one_given_the_whole_prefix(model, make_sources):
    src = make_sources(1, LENGTHS)
    for row, hypothesis in enumerate(greedy(model, src, extra_length=6)):
        logits = model(src[row : row + 1], shifted(hypothesis.tokens))[0]
        logits[:, [PAD, BOS]] = -torch.inf
        assert logits.argmax(dim=-1).tolist() == hypothesis.tokens


def test_scores_are_the_models_own_log_probability(model, make_sources, log_prob_of):
    src = make_sources(2, LENGTHS)
    for row, hypothesis in enumerate(greedy(model, src, extra_length=6)):
        expected = log_prob_of(model, src[row : row + 1], hypothesis.tokens)
        assert hypothesis.log_prob == pytest.approx(expected, abs=1e-9)
        assert hypothesis.score == hypothesis.log_prob


def test_a_sentence_does_not_depend_on_its_batch(model, make_sources):
    src = make_sources(3, LENGTHS)
    together = greedy(model, src)
    for row, length in enumerate(LENGTHS):
        (alone,) = greedy(model, src[row : row + 1, : length + 1])
        assert alone.tokens == together[row].tokens
        assert alone.log_prob == pytest.approx(together[row].log_prob, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_outputs_end_once_and_hold_no_padding(family, seed, make_model, make_sources):
    src = make_sources(seed, LENGTHS)
    for length, hypothesis in zip(
        LENGTHS, greedy(make_model(family, seed), src, extra_length=4), strict=True
    ):
        *before, last = hypothesis.tokens
        assert not {PAD, BOS, EOS} & set(before)
        assert hypothesis.finished == (last == EOS)
        assert hypothesis.words == (before if hypothesis.finished else hypothesis.tokens)
        assert len(hypothesis.tokens) <= length + 4
        assert hypothesis.finished or len(hypothesis.tokens) == length + 4


def test_limit_counts_the_source_without_its_end_and_padding(model, make_sources):
    with torch.no_grad():  # a model that never wants to end
        model.logits = lambda hidden, real=model.logits: real(hidden) - 1e3 * torch.eye(7)[EOS]
    outputs = greedy(model, make_sources(4, [3, 0, 1]), extra_length=2)
    assert [len(hypothesis.tokens) for hypothesis in outputs] == [5, 2, 3]
    assert not any(hypothesis.finished for hypothesis in outputs)


def test_an_empty_sentence_has_room_for_its_end(model):
    (hypothesis,) = greedy(model, torch.tensor([[EOS]]), extra_length=0)
    assert len(hypothesis.tokens) == 1


def test_a_very_long_sentence(model, make_sources):
    long, short = greedy(model, make_sources(5, [100, 3]), extra_length=5)
    assert len(long.tokens) <= 105
    (alone,) = greedy(model, make_sources(5, [100]), extra_length=5)
    assert long.tokens == alone.tokens
    assert len(short.tokens) <= 8


def test_a_model_in_training_mode_is_refused(model, make_sources):
    with pytest.raises(ValueError, match=r"training mode.*model\.eval\(\)"):
        greedy(model.train(), make_sources(1, [2]))


def test_sources_and_limits_that_make_no_sense_are_refused(model):
    with pytest.raises(ValueError, match="token id 99"):
        greedy(model, torch.tensor([[99, EOS]]))
    with pytest.raises(ValueError, match="extra_length is -1"):
        greedy(model, torch.tensor([[3, EOS]]), extra_length=-1)


def test_weights_that_are_not_finite_are_refused(model, make_sources):
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, torch.nan)
    with pytest.raises(ValueError, match=r"sentence 0 has no output.*not finite"):
        greedy(model, make_sources(1, [2]))

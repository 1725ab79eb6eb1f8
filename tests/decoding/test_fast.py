import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.decoding.beam import beam_search
from transformer_lib.decoding.fast import by_columns, most_probable


@given(
    n_rows=st.integers(1, 40),
    n=st.integers(1, 5000),
    count=st.integers(1, 60),
    seed=st.integers(0, 1000),
)
def test_the_most_probable_are_those_of_a_full_sort(n_rows, n, count, seed):
    log_probs = torch.randn(n_rows, n, generator=torch.Generator().manual_seed(seed))
    best, token = most_probable(log_probs, count)
    assert torch.equal(best, log_probs.sort(dim=1, descending=True).values[:, :count])
    assert torch.equal(best, log_probs.gather(1, token))
    assert all(len(set(row)) == len(row) for row in token.tolist())


def test_of_equals_a_beam_of_one_takes_what_greedy_search_takes():
    rounded = torch.randn(40, 4000, generator=torch.Generator().manual_seed(1)).round()
    (best,), (token,) = (part.T for part in most_probable(rounded, 1))
    expected = rounded.max(dim=1)
    assert torch.equal(best, expected.values)
    assert torch.equal(token, expected.indices)


@pytest.mark.parametrize("n", [250, 4000, 4050])
def test_what_is_impossible_and_what_is_alike_may_be_among_the_most_probable(n):
    log_probs = torch.full((30, n), -torch.inf)
    log_probs[:, n - 1], log_probs[:, 7], log_probs[:, 8] = -1.0, -2.0, -2.0
    best, token = most_probable(log_probs, 5)
    assert best[0].tolist() == [-1.0, -2.0, -2.0, -torch.inf, -torch.inf]
    assert token[0, 0] == n - 1
    assert sorted(token[0, 1:3].tolist()) == [7, 8]
    assert len(set(token[0].tolist())) == 5


def test_a_search_by_columns_finds_the_same_and_leaves_the_model_alone(model, make_sources):
    src, before = make_sources(3, [5, 2, 4]), copy.deepcopy(model.state_dict())
    searched = by_columns(model)
    assert not searched.output.weight.is_contiguous()
    expected = beam_search(model, src, 4, extra_length=4, n_best=3)
    for one, other in zip(
        beam_search(searched, src, 4, extra_length=4, n_best=3), expected, strict=True
    ):
        assert [h.tokens for h in one] == [h.tokens for h in other]
        assert [h.score for h in one] == pytest.approx([h.score for h in other])
    assert model.output.weight is model.src_embedding.weight
    for name, tensor in model.state_dict().items():
        assert tensor.is_contiguous()
        assert torch.equal(tensor, before[name])


def test_what_is_changed_in_the_model_is_changed_in_the_next_search(model, make_sources):
    src = make_sources(3, [5, 2])
    beam_search(by_columns(model), src)
    with torch.no_grad():
        model.output.weight.data.neg_()
        model.encode = lambda src, real=model.encode: real(src) * 0.5
    found, expected = (beam_search(m, src, extra_length=4) for m in (by_columns(model), model))
    assert [h[0].tokens for h in found] == [h[0].tokens for h in expected]

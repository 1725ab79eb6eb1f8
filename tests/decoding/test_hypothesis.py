import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.config import BOS, PAD
from transformer_lib.decoding.hypothesis import most_probable, next_log_probs


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


def test_what_is_never_generated_has_no_probability_and_the_rest_keep_theirs():
    logits = torch.randn(3, 9, dtype=torch.float64)
    found = next_log_probs(logits).exp()
    assert found[:, [PAD, BOS]].eq(0).all()
    others = [token for token in range(9) if token not in (PAD, BOS)]
    exact = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    torch.testing.assert_close(found[:, others], exact[:, others])

"""Pairs as ids: stored tightly, given back as they were, refused when no model can use them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.config import EOS
from transformer_lib.data.corpus import ParallelText
from transformer_lib.data.pairs import EncodedPairs, encode_pairs
from transformer_lib.data.tokenizer import Tokenizer

tokenizer = Tokenizer([("Ġ", "a"), ("Ġ", "b")])
SIDE = st.lists(st.integers(1, 50), max_size=9).map(lambda ids: [*ids, EOS])


@given(st.lists(st.tuples(SIDE, SIDE), min_size=1))
def test_pairs_come_back_as_they_were(given_pairs):
    pairs = EncodedPairs(given_pairs)
    assert len(pairs) == len(given_pairs)
    assert [
        (pairs.src(i).tolist(), pairs.tgt(i).tolist()) for i in range(len(pairs))
    ] == given_pairs
    assert pairs.lengths.tolist() == [[len(src), len(tgt)] for src, tgt in given_pairs]


def test_four_bytes_each():
    assert EncodedPairs([([5, EOS], [6, EOS])]).src(0).dtype == np.int32


def test_the_digest_sees_every_change():
    ids = [([5, EOS], [6, EOS]), ([7, EOS], [8, EOS])]
    changed = [
        [([5, EOS], [6, EOS]), ([7, EOS], [9, EOS])],
        ids[::-1],
        [([5], [EOS, 6, EOS]), ([7, EOS], [8, EOS])],
    ]
    digests = {EncodedPairs(pairs).digest for pairs in [ids, *changed]}
    assert len(digests) == 4
    assert EncodedPairs(ids).digest in digests


REFUSED = [
    ([], "there is no pair to train on"),
    ([([5], [EOS]), ([], [EOS])], "pair 1 has 0 source and 1 target tokens"),
    ([([5], [EOS]), ([5], [])], "pair 1 has 1 source and 0 target tokens"),
    ([([5], [EOS]), ([5, 0], [EOS])], "pair 1 holds token id 0; ids are above 0"),
    ([([5], [EOS]), ([0], [EOS])], "pair 1 holds token id 0"),
    ([([5], [EOS]), ([5], [-3, EOS])], "pair 1 holds token id -3"),
    ([([5], [EOS]), ([5], [6, 7])], "the target of pair 1 ends with token id 7, not with EOS, 2"),
]


@pytest.mark.parametrize(("pairs", "message"), REFUSED)
def test_pairs_that_no_model_can_use_are_refused(pairs, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        EncodedPairs(pairs)


def test_text_is_encoded_in_its_order_and_across_chunks(monkeypatch):
    monkeypatch.setattr("transformer_lib.data.pairs.CHUNK", 3)
    text = ParallelText([f"a {i}" for i in range(10)], [f"b {i}" for i in range(10)])
    pairs = encode_pairs(tokenizer, text)
    assert [tokenizer.decode(pairs.src(i).tolist()) for i in range(10)] == text.src
    assert [tokenizer.decode(pairs.tgt(i).tolist()) for i in range(10)] == text.tgt
    assert pairs.n_left_out == 0


def test_pairs_with_a_side_above_the_limit_are_left_out_and_counted():
    text = ParallelText(["a", "a a a", "a", "a a"], ["b", "b", "b b b", "b b"])
    pairs = encode_pairs(tokenizer, text, max_tokens=3)  # EOS is one of them
    assert pairs.n_left_out == 2
    assert [tokenizer.decode(pairs.src(i).tolist()) for i in range(len(pairs))] == ["a", "a a"]


def test_a_limit_below_all_pairs_is_refused():
    with pytest.raises(ValueError, match="each of the 1 pairs has more than max_tokens=1 tokens"):
        encode_pairs(tokenizer, ParallelText(["a"], ["b"]), max_tokens=1)

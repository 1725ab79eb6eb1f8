"""Batches: every pair once an epoch, within the budget, after a pause and over processes."""

import json
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.config import BOS, EOS, PAD
from transformer_lib.data import multi30k
from transformer_lib.data.batching import (
    Batches,
    evaluation_batches,
    pad,
    padding_share,
)
from transformer_lib.data.corpus import load_corpus
from transformer_lib.data.pairs import EncodedPairs, encode_pairs
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.presets import PRESETS


def numbered(lengths):
    """Pairs whose first ids tell which pair they belong to, of the given lengths."""
    return EncodedPairs([([10 + i] * n_src, [10 + i] * n_tgt + [EOS])
                         for i, (n_src, n_tgt) in enumerate(lengths)])  # fmt: skip


def identities(batch):
    return [int(ids[0]) - 10 for ids in batch.src]


def random_pairs(n, longest=12, seed=0):
    return numbered(np.random.default_rng(seed).integers(1, longest, (n, 2)).tolist())


LENGTHS = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=60)
BUDGET, SEED = st.integers(10, 60), st.integers(0, 2**40)


def epoch(batches):
    return [next(batches) for _ in range(len(batches))]


@given(lengths=LENGTHS, budget=BUDGET, seed=SEED)
def test_each_epoch_holds_each_pair_once_within_the_budget(lengths, budget, seed):
    pairs = numbered(lengths)
    batches = Batches(pairs, budget, seed)
    for _ in range(3):
        seen = epoch(batches)
        assert sorted(i for batch in seen for i in identities(batch)) == list(range(len(pairs)))
        for batch in seen:
            assert max(batch.src.numel(), batch.tgt_out.numel()) <= budget


@given(
    lengths=LENGTHS, budget=BUDGET, seed=SEED, world_size=st.integers(1, 5), pause=st.integers(0, 9)
)
def test_processes_share_every_batch_out_among_them(lengths, budget, seed, world_size, pause):
    pairs = numbered(lengths)
    alone = Batches(pairs, budget, seed)
    shares = [Batches(pairs, budget, seed, rank, world_size) for rank in range(world_size)]
    for whole, *parts in islice(zip(alone, *shares, strict=True), pause + 1):
        joined = [i for part in parts for i in identities(part)]
        assert sorted(joined) == sorted(identities(whole))
        assert sum(part.n_tokens for part in parts) == whole.n_tokens
        assert sum(part.n_pairs for part in parts) == whole.n_pairs
    assert len({json.dumps(stream.state()) for stream in [alone, *shares]}) == 1


def test_a_process_with_no_row_gets_an_empty_batch():
    batch = next(Batches(numbered([(2, 3)]), 10, seed=1, rank=1, world_size=2))
    assert batch.n_pairs == batch.n_tokens == 0
    assert batch.src.shape == batch.tgt_in.shape == batch.tgt_out.shape == (0, 1)


@given(lengths=LENGTHS, budget=BUDGET, seed=SEED, done=st.integers(0, 40))
def test_going_on_from_a_state_equals_never_having_stopped(lengths, budget, seed, done):
    pairs = numbered(lengths)
    whole = Batches(pairs, budget, seed)
    for _ in range(done):
        next(whole)
    state = json.loads(json.dumps(whole.state()))
    resumed = Batches(pairs, budget, seed)
    resumed.restore(state)
    for _ in range(12):
        one, two = next(whole), next(resumed)
        assert all(torch.equal(a, b) for a, b in zip(one[:3], two[:3], strict=True))
    assert whole.state() == resumed.state()


def test_epochs_and_seeds_differ_and_the_same_seed_does_not():
    pairs = random_pairs(200)

    def orders(seed):
        batches = Batches(pairs, 40, seed)
        return [[tuple(identities(batch)) for batch in epoch(batches)] for _ in range(2)]

    first, second = orders(1)
    assert first != second
    assert {frozenset(ids) for ids in first} != {frozenset(ids) for ids in second}  # not only order
    assert orders(1) == [first, second]
    assert orders(2)[0] != first


def test_short_sentences_do_not_come_first():
    widths = [batch.src.shape[1] for batch in epoch(Batches(random_pairs(500), 60, seed=1))]
    assert sum(b < a for a, b in pairwise(widths)) > len(widths) / 4


def test_the_order_is_pinned():
    """Another version of numpy or torch must not change which batches a seed gives."""
    batches = Batches(numbered([(n, n) for n in (1, 2, 3, 1, 2, 3)]), 8, seed=7)
    assert [identities(batch) for batch in epoch(batches)] == [[3, 0], [2, 5], [4, 1]]


def test_sorting_in_small_pools_still_holds_each_pair_once(monkeypatch):
    monkeypatch.setattr("transformer_lib.data.batching.POOL", 7)
    batches = Batches(random_pairs(50), 40, seed=3)
    assert sorted(i for batch in epoch(batches) for i in identities(batch)) == list(range(50))


def test_inputs_are_the_targets_shifted_right():
    batch = next(Batches(EncodedPairs([([5, 6, EOS], [7, 8, EOS]), ([5, EOS], [9, EOS])]), 99, 1))
    order = batch.tgt_out[:, 0].argsort()
    assert batch.src[order].tolist() == [[5, 6, EOS], [5, EOS, PAD]]
    assert batch.tgt_in[order].tolist() == [[BOS, 7, 8], [BOS, 9, PAD]]
    assert batch.tgt_out[order].tolist() == [[7, 8, EOS], [9, EOS, PAD]]
    assert (batch.n_tokens, batch.n_pairs) == (5, 2)
    assert batch.src.dtype == batch.tgt_in.dtype == batch.tgt_out.dtype == torch.int64


@given(lengths=LENGTHS, budget=BUDGET)
def test_tokens_are_counted_without_padding(lengths, budget):
    pairs = numbered(lengths)
    for batch in evaluation_batches(pairs, budget):
        assert batch.n_tokens == int(batch.tgt_out.ne(PAD).sum()) == int(batch.tgt_in.ne(PAD).sum())


@given(lengths=LENGTHS, budget=st.integers(1, 40))
def test_evaluation_holds_each_pair_once_always_alike(lengths, budget):
    pairs = numbered(lengths)
    batches = evaluation_batches(pairs, budget)
    assert sorted(i for batch in batches for i in identities(batch)) == list(range(len(pairs)))
    for batch in batches:  # a pair above the budget is not left out; it is alone
        assert max(batch.src.numel(), batch.tgt_out.numel()) <= budget or batch.n_pairs == 1
    again = evaluation_batches(pairs, budget)
    assert [identities(batch) for batch in again] == [identities(batch) for batch in batches]


def test_padding_goes_to_the_end():
    assert pad([[5], [6, 7, 8], []]).tolist() == [[5, 0, 0], [6, 7, 8], [0, 0, 0]]
    assert pad([]).shape == (0, 1)


def test_the_padding_share_is_counted_by_hand():
    batches = evaluation_batches(EncodedPairs([([5], [6, EOS]), ([5, 6, 7], [6, EOS])]), 99)
    assert padding_share(batches) == 2 / 10
    with pytest.raises(ValueError, match="no batches"):
        padding_share([])


REFUSED = [
    ({"batch_tokens": 9}, "the longest pair has 10 tokens, more than batch_tokens=9; raise"),
    ({"seed": -1}, "seed is -1; it must be 0 or more"),
    ({"rank": 2, "world_size": 2}, "rank is 2; with 2 processes it is 0 to 1"),
    ({"rank": -1}, "rank is -1; with 1 processes it is 0 to 0"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_settings_that_cannot_be_are_refused(changes, message):
    settings = {"batch_tokens": 10, "seed": 1} | changes
    with pytest.raises(ValueError, match=f"^{message}"):
        Batches(numbered([(1, 9), (3, 2)]), **settings)


FOREIGN = [
    ({"seed": 2}, "the saved data order has seed=2, but here it is 1"),
    ({"batch_tokens": 41}, "the saved data order has batch_tokens=41, but here it is 40"),
    ({"data": 0}, "the saved data order has data=0, but here it is"),
    ({"n_pairs": None}, "the saved data order has n_pairs=None"),
    ({"position": 10_000}, r"the saved data order is at batch 10000 of an epoch of \d+"),
    ({"position": -1}, "the saved data order has epoch=0, position=-1"),
    ({"epoch": "1"}, "the saved data order has epoch='1'"),
]


@pytest.mark.parametrize(("changes", "message"), FOREIGN)
def test_the_state_of_another_run_is_refused(changes, message):
    batches = Batches(random_pairs(50), 40, seed=1)
    with pytest.raises(ValueError, match=f"^{message}"):
        batches.restore(batches.state() | changes)


def test_a_refused_state_changes_nothing():
    batches, twin = (Batches(random_pairs(50), 40, seed=1) for _ in range(2))
    with pytest.raises(ValueError, match="of an epoch of"):
        batches.restore(batches.state() | {"epoch": 3, "position": 10_000})
    assert identities(next(batches)) == identities(next(twin))


@pytest.mark.skipif(
    not (multi30k.cache_folder() / "data/task1/tok/train.lc.norm.tok.en").exists(),
    reason="needs Multi30k: set TRANSFORMER_LIB_CACHE to a filled cache",
)
def test_padding_is_below_a_tenth_on_multi30k():
    data = PRESETS["multi30k"].data
    text = load_corpus(data).train
    tokenizer = Tokenizer.train(text.src + text.tgt, 4000)
    pairs = encode_pairs(tokenizer, text, data.max_tokens)
    share = padding_share(epoch(Batches(pairs, 4096, seed=1)))
    print(f"padding share {share:.4f}, {pairs.n_left_out} pairs left out")
    assert 0 < share < 0.1

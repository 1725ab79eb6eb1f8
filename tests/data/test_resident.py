"""Resident batches hold what the batches of the host hold, at the same place, in few shapes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.config import BOS, EOS, PAD
from transformer_lib.data.batching import Batches
from transformer_lib.data.pairs import EncodedPairs
from transformer_lib.data.resident import ResidentBatches, bucket

LENGTHS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=60)
BUDGET, SEED = st.integers(41, 200), st.integers(0, 2**40)


def random_pairs(lengths):
    """Pairs of the given lengths, the target's EOS not counted."""
    source = np.random.default_rng(0)
    return EncodedPairs([
        (source.integers(3, 99, n_src).tolist(), [*source.integers(3, 99, n_tgt).tolist(), EOS])
        for n_src, n_tgt in lengths
    ])  # fmt: skip


@given(
    lengths=LENGTHS, budget=BUDGET, seed=SEED, world_size=st.integers(1, 3), skip=st.integers(0, 9)
)
def test_the_same_pairs_lie_in_the_same_rows_and_the_rest_is_empty(
    lengths, budget, seed, world_size, skip
):
    pairs, where = random_pairs(lengths), (budget, seed, world_size - 1, world_size)
    host, resident = Batches(pairs, *where), ResidentBatches(pairs, *where)
    for _ in range(2 * len(host) + skip):
        ours, theirs = next(resident), next(host)
        n = theirs.n_pairs
        assert (ours.n_pairs, ours.n_tokens, ours.resident) == (n, theirs.n_tokens, True)
        assert ours.src.shape == ours.tgt_in.shape == ours.tgt_out.shape
        assert ours.src.dtype == ours.tgt_in.dtype == ours.tgt_out.dtype == torch.int64
        for mine, other in zip(ours[:3], theirs[:3], strict=True):
            width = other.size(1)
            assert torch.equal(mine[:n, :width], other)
            assert mine[:n, width:].eq(PAD).all()
        nothing = torch.zeros_like(ours.src[n:])
        assert torch.equal(ours.tgt_out[n:], nothing)
        nothing[:, 0] = EOS  # something to attend to
        assert torch.equal(ours.src[n:], nothing)
        nothing[:, 0] = BOS
        assert torch.equal(ours.tgt_in[n:], nothing)
    assert resident.state() == host.state()


@given(lengths=LENGTHS, budget=BUDGET, seed=SEED, done=st.integers(0, 40))
def test_a_stream_goes_on_where_one_of_the_host_stopped(lengths, budget, seed, done):
    pairs = random_pairs(lengths)
    host = Batches(pairs, budget, seed)
    for _ in range(done):
        next(host)
    resident = ResidentBatches(pairs, budget, seed)
    resident.restore(host.state())
    ours, theirs = next(resident), next(host)
    assert torch.equal(ours.src[: theirs.n_pairs, : theirs.src.size(1)], theirs.src)


@given(longest=st.integers(1, 2_000))
def test_a_bucket_is_less_than_an_eighth_wider_than_its_sentences(longest):
    lengths = bucket(longest)
    assert longest in lengths
    assert lengths[-1] < longest * 9 / 8
    assert all(bucket(other) == lengths for other in lengths)


def test_shapes_are_few_and_the_padding_is_as_reported():
    source = np.random.default_rng(0)
    pairs = random_pairs(source.integers(1, 100, (3_000, 2)).tolist())
    batches = ResidentBatches(pairs, 1_000, seed=1)
    seen = [next(batches) for _ in range(len(batches))]
    assert len({batch.src.shape for batch in seen}) <= len({bucket(n) for n in range(1, 102)}) == 37
    positions = sum(batch.src.numel() + batch.tgt_out.numel() for batch in seen)
    assert batches.padding_share() == pytest.approx(1 - pairs.lengths.sum() / positions)
    assert max(batch.src.numel() for batch in seen) < 1_000 * 9 / 8

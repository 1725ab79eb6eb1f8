"""Toy tasks ask what they say, never the same twice, and go on exactly where they stopped."""

import json
from itertools import islice, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.config import BOS, PAD
from transformer_lib.data.toy import (
    FIRST_WORD,
    Task,
    ToyBatches,
    copying,
    looking_up,
    recalling,
    reversing,
    validation,
)
from transformer_lib.training.loop import BatchStream

TASKS = [
    copying(5, 1, 6), reversing(5, 1, 6), recalling(5, 1, 6), looking_up(7, 4, 1, 6),
    looking_up(7, 4, 1, 6, query="before"),
]  # fmt: skip
tasks = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def sentences(batch):
    return list(zip(batch.src.tolist(), batch.tgt_out.tolist(), strict=True))


def answer(task, src):
    """The target by the words of the task's description."""
    kind, _, rest = task.name.partition(" ")
    if kind == "copying":
        return src
    if kind == "reversing":
        return src[::-1]
    if kind == "recalling":
        *words, place = src
        return [words[place - FIRST_WORD - 5]]
    query, pairs = (src[0], src[1:]) if rest.endswith("before") else (src[-1], src[:-1])
    return [dict(zip(pairs[::2], pairs[1::2], strict=True))[query]]


@tasks
def test_targets_are_what_the_task_says(task):
    for batch in [*islice(ToyBatches(task), 30), *validation(task)]:
        assert all(answer(task, src) == tgt for src, tgt in sentences(batch))


@tasks
def test_batches_are_as_training_wants_them(task):
    stream = ToyBatches(task, n_pairs=9)
    assert isinstance(stream, BatchStream)
    for batch in islice(stream, 20):
        assert batch.n_pairs == len(batch.src) == 9
        assert batch.n_tokens == batch.tgt_out.ne(PAD).sum() == batch.tgt_out.numel()
        assert batch.tgt_in[:, 0].eq(BOS).all()
        assert batch.tgt_in[:, 1:].equal(batch.tgt_out[:, :-1])
        assert all(ids.dtype == torch.int64 for ids in batch[:3])


@tasks
def test_every_word_and_every_length_comes_and_none_other(task):
    batches = list(islice(ToyBatches(task, seed=3), 200))
    words = {word for batch in batches for word in batch.src.flatten().tolist()}
    assert words == set(range(FIRST_WORD, task.vocab_size))
    assert len({batch.src.shape[1] for batch in batches}) == task.longest - task.shortest + 1


def test_words_are_equally_frequent():
    batch = next(ToyBatches(copying(4, 10, 10), n_pairs=1000))
    shares = torch.bincount(batch.src.flatten())[FIRST_WORD:] / batch.src.numel()
    assert shares.tolist() == pytest.approx([0.25] * 4, abs=4 * (0.25 * 0.75 / 10_000) ** 0.5)


def test_each_place_is_asked_for_equally_often():
    """Keys are all different, so the place of the query is known."""
    batch = next(ToyBatches(looking_up(20, 20, 5, 5), n_pairs=2000))
    places = (batch.src[:, 0:10:2] == batch.src[:, -1:]).int()
    assert places.sum(dim=1).eq(1).all()
    assert places.double().mean(dim=0).tolist() == pytest.approx([0.2] * 5, abs=0.04)


@given(st.integers(0, 50), st.integers(0, 2**20), st.sampled_from(TASKS))
def test_a_stream_goes_on_exactly_where_it_stopped(place, seed, task):
    stream = ToyBatches(task, 3, seed)
    for _ in range(place):
        next(stream)
    saved = json.loads(json.dumps(stream.state()))
    expected = [sentences(batch) for batch in islice(stream, 3)]
    other = ToyBatches(task, 3, seed)
    next(other)
    other.restore(saved)
    assert [sentences(batch) for batch in islice(other, 3)] == expected


def test_seeds_and_places_and_purposes_draw_differently():
    task = copying(100, 20, 20)
    one, other = ToyBatches(task, 64, 20), ToyBatches(task, 64, 21)
    drawn = [next(one), next(one), next(other), *validation(task)]
    firsts = [tuple(batch.src[0].tolist()) for batch in drawn]
    assert len(set(firsts)) == len(firsts) == 4
    apart, trained = (batch.src.flatten().tolist() for batch in (drawn[3], drawn[0]))
    assert apart[1:] != trained[:-1]  # the first number of training's is the length


@tasks
def test_validation_is_the_same_every_time_and_has_every_length(task):
    first, second = validation(task, 5), validation(task, 5)
    assert list(map(sentences, first)) == list(map(sentences, second))
    assert len(first) == task.longest - task.shortest + 1
    assert all(one.src.size(1) < two.src.size(1) for one, two in pairwise(first))


def test_batches_are_the_same_on_every_machine_and_with_every_version():
    """Raw bits of PCG64, whose stream NumPy guarantees, modulo the number of words."""
    batch = next(ToyBatches(copying(1000, 3, 3), n_pairs=2, seed=7))
    raw = np.random.PCG64([0, 7, 0]).random_raw(7)[1:]  # the first one is the length
    assert batch.src.flatten().tolist() == [FIRST_WORD + int(bits % 1000) for bits in raw]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: copying(5, 4, 3), "sources have 4 to 3 words"),
        (lambda: Task("mine", 9, 0, 3, print), "mine: sources have 0 to 3"),
        (lambda: looking_up(3, 5, 2, 4), "4 pairs need as many different keys; there are 3"),
        (lambda: ToyBatches(TASKS[0], n_pairs=0), "n_pairs is 0"),
        (lambda: ToyBatches(TASKS[0], seed=-1), "seed -1"),
        (lambda: ToyBatches(TASKS[0]).restore({**ToyBatches(TASKS[1]).state()}), "task='reversing"),
        (lambda: ToyBatches(TASKS[0]).restore({**ToyBatches(TASKS[0], seed=2).state()}), "seed=2"),
        (
            lambda: ToyBatches(TASKS[0]).restore({**ToyBatches(TASKS[0]).state(), "number": -1}),
            "number=-1",
        ),
    ],
)
def test_a_wrong_call_is_refused_with_its_numbers(wrong, said):
    with pytest.raises(ValueError, match=said):
        wrong()

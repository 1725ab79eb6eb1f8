"""Costs are measured as they are: operations, chains and bytes that can be counted by hand."""

import math
import mmap
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from transformer_lib.layers.multihead import MultiHeadAttention
from transformer_lib.workbench.cost import (
    bytes_kept,
    count_products,
    matrix_rate,
    operations,
    peak_bytes,
    peak_mib,
    resident_mib,
    seconds,
    timing,
)

FLOAT = 4  # bytes
sizes = st.integers(1, 9)


@given(sizes, sizes, sizes)
def test_a_product_is_two_operations_for_each_of_its_multiplications(n, k, m):
    a, b = torch.randn(n, k), torch.randn(k, m)
    assert operations(lambda: a @ b) == 2 * n * k * m


def test_a_backward_pass_takes_twice_as_much_as_the_forward_pass():
    x, layer = torch.randn(5, 7, requires_grad=True), nn.Linear(7, 3)
    assert operations(lambda: layer(x).sum().backward()) == 3 * operations(lambda: layer(x))


def test_no_product_hides_in_a_fused_kernel():
    """Four projections of n words; scores and averages of n times n. Four gates, two products."""
    n, d = 6, 16
    x, attend, lstm = torch.randn(1, n, d), MultiHeadAttention(d, n_heads=2), nn.LSTM(d, d)
    by_hand = 2 * (4 * n * d * d + 2 * n * n * d)
    assert operations(lambda: attend(x, x)) == by_hand
    assert operations(lambda: lstm(x[0])) == 2 * n * 4 * 2 * d * d
    with torch.no_grad():
        assert operations(lambda: lstm(x[0])) == 2 * n * 4 * 2 * d * d


@given(st.integers(1, 12), st.sampled_from([nn.RNN, nn.GRU, nn.LSTM]))
def test_a_recurrent_layer_needs_a_product_for_each_word_in_turn(n, kind):
    """All inputs are multiplied at once, before the first state."""
    layer = kind(8, 8)
    assert count_products(lambda: layer(torch.randn(n, 8))[0]) == (n + 1, n)


def test_products_side_by_side_are_not_in_sequence():
    x, (a, b, c) = torch.randn(4, 4), torch.randn(3, 4, 4, requires_grad=True)
    assert count_products(lambda: x @ a + x @ b + x @ c) == (3, 1)
    assert count_products(lambda: x @ a @ b @ c) == (3, 3)
    assert count_products(lambda: (x @ a) @ (x @ b) + x @ c) == (4, 2)


def test_attention_is_four_products_deep_whatever_its_length():
    """Projections side by side; then scores, averages and the last projection, one by one."""
    attend = MultiHeadAttention(16, n_heads=1)
    for n in (2, 60):
        x = torch.randn(1, n, 16)
        assert count_products(lambda x=x: attend(x, x).output) == (6, 4)


def test_a_long_chain_is_followed_to_its_end():
    x, layer = torch.randn(2, 4), nn.Linear(4, 4)

    def deep():
        state = x
        for _ in range(3000):
            state = layer(state)
        return state

    assert count_products(deep) == (3000, 3000)


def test_a_result_without_a_graph_is_refused():
    with pytest.raises(ValueError, match="no graph to follow"):
        count_products(lambda: torch.randn(2, 2) @ torch.randn(2, 2))


def test_bytes_kept_are_those_of_the_results_that_gradients_need():
    """Of a product only what was passed in; of tanh its result; of a sum nothing."""
    x, layer = torch.randn(5, 8), nn.Linear(8, 3)
    assert bytes_kept(layer, x) == 0
    assert bytes_kept(lambda x: layer(x).tanh(), x) == 5 * 3 * FLOAT
    assert bytes_kept(lambda x: layer(x).tanh().tanh() + 1, x) == 2 * 5 * 3 * FLOAT
    with torch.no_grad():
        assert bytes_kept(lambda x: layer(x).tanh(), x) == 0


def test_what_two_operations_keep_counts_once():
    """exp keeps its result; sin and cos keep their input, which is the same."""
    weight = torch.randn(6, 6, requires_grad=True)

    def three():
        y = weight.exp()
        return y.sin(), y.cos()

    assert bytes_kept(three) == 36 * FLOAT


def test_attention_keeps_as_much_as_chapter_01_counts_by_hand():
    """Of n words and 1 head: queries, keys, values, averages: n by d; weights: n by n."""
    n, d = 64, 8
    x = torch.randn(1, n, d)
    kept = bytes_kept(MultiHeadAttention(d, n_heads=1), x, x, need_weights=True)
    assert kept == (4 * n * d + n * n) * FLOAT


def test_the_peak_is_the_most_that_lies_there_at_once():
    x = torch.randn(1000)

    def two_at_a_time():
        a = x + 1
        b = a + 1
        del a
        c = b + 1  # in the place of a, so to speak
        return c

    assert peak_bytes(two_at_a_time) == 2 * 1000 * FLOAT
    assert peak_bytes(lambda: [x + number for number in range(5)]) == 5 * 1000 * FLOAT
    assert peak_bytes(lambda: x.view(10, 100).T) == 0  # nothing new
    assert peak_bytes(lambda: x.clone().add_(1)) == 1000 * FLOAT


def test_training_holds_more_than_reading():
    layers = nn.Sequential(*(nn.Sequential(nn.Linear(32, 32), nn.Tanh()) for _ in range(8)))
    x = torch.randn(100, 32)
    with torch.no_grad():
        reading = peak_bytes(lambda: layers(x))
    training = peak_bytes(lambda: layers(x).sum().backward())
    assert reading <= 3 * 100 * 32 * FLOAT
    assert training >= 8 * 100 * 32 * FLOAT


def test_the_process_holds_what_it_was_given():
    before, given_mib = resident_mib(), 64
    # Pages of the system's own: a tensor may lie in what earlier ones have left.
    with mmap.mmap(-1, given_mib * 2**20) as held:
        held.write(b"1" * len(held))
        assert resident_mib() - before == pytest.approx(given_mib, abs=16)
        assert peak_mib() >= resident_mib() - 1


def busy(amount):
    began = time.process_time()
    while time.process_time() - began < amount:
        math.sqrt(2)


def test_seconds_are_those_of_the_processor():
    found = seconds(lambda: busy(0.004), repeats=3)
    assert found.best == pytest.approx(0.004, rel=0.25)
    assert found.spread >= 0
    assert seconds(lambda: time.sleep(0.02), repeats=1).best < 0.01


def test_what_is_too_fast_for_the_clock_is_called_many_times():
    calls = []
    found = seconds(lambda: calls.append(1), repeats=2)
    assert len(calls) > 1000
    assert 0 < found.best < 1e-4


def test_time_is_taken_on_one_thread_which_changes_nothing_for_others():
    n_threads, seen = torch.get_num_threads(), set()
    torch.set_num_threads(2)
    try:
        seconds(lambda: seen.add(torch.get_num_threads()), repeats=1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(n_threads)
    assert seen == {1}


def test_no_repeat_is_refused():
    with pytest.raises(ValueError, match="repeats is 0"):
        seconds(lambda: None, repeats=0)


def test_the_rate_is_operations_over_time(monkeypatch):
    """Ten products of 2 * 8³ operations a tick of a clock that ticks a second a reading."""
    ticks = iter(range(100))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(ticks)))
    rate = matrix_rate(8, torch.device("cpu"), seconds=3.0)
    assert rate == 10 * 2 * 2 * 8**3 / 4  # two rounds of ten in the four ticks between

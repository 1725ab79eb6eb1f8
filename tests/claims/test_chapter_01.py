"""Claims 1 to 5: what recurrence costs, how far a convolution sees, what attention repairs."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from transformer_lib.config import RNNConfig
from transformer_lib.layers.multihead import MultiHeadAttention
from transformer_lib.models.rnn import RecurrentSeq2Seq
from transformer_lib.workbench import by_seed, recorded
from transformer_lib.workbench.copying import random_sentences, share_copied, train_copier
from transformer_lib.workbench.recall import recall

PRODUCTS = ("MmBackward", "AddmmBackward", "BmmBackward", "MvBackward", "ConvolutionBackward")


def products(output):
    """Return all matrix products behind an output, and the longest chain of them."""
    order, seen, stack = [], set(), [(output.grad_fn, False)]
    while stack:
        node, needs_done = stack.pop()
        if needs_done:
            order.append(node)
        elif node is not None and node not in seen:
            seen.add(node)
            stack += [(node, True), *((before, False) for before, _ in node.next_functions)]
    chain = {}
    for node in order:
        longest = max((chain[b] for b, _ in node.next_functions if b is not None), default=0)
        chain[node] = longest + node.name().startswith(PRODUCTS)
    return sum(node.name().startswith(PRODUCTS) for node in order), chain[output.grad_fn]


def attend(x):
    return MultiHeadAttention(x.size(-1), n_heads=2)(x, x, need_weights=True).output


def sees(read, n):
    """Return [n, n]: whether each output depends on each input."""
    x = torch.randn(1, n, 8, requires_grad=True)
    rows = [torch.autograd.grad(y.sum(), x, retain_graph=True)[0][0] for y in read(x)[0]]
    return torch.stack(rows).abs().sum(-1) > 0


# ---------------------------------------------------------------------- claim 1


class LinearRecurrence(nn.Module):
    """h_t = W x_t + U h_(t-1), step by step, as a recurrent layer returns it."""

    def __init__(self, d_input, d_state, batch_first=True):
        super().__init__()
        self.w = nn.Parameter(torch.randn(d_state, d_input) / d_input**0.5)
        self.u = nn.Parameter(nn.init.orthogonal_(torch.empty(d_state, d_state)))

    def forward(self, x, state=None):
        state = torch.zeros(x.size(0), len(self.u)) if state is None else state[0]
        states = []
        for word in x.unbind(1):
            state = word @ self.w.T + state @ self.u.T
            states.append(state)
        return torch.stack(states, 1), state[None]

    def regrouped(self, x):
        """Return the last state by powers of U, of which each round doubles the number."""
        powers = torch.eye(len(self.u))[None]
        while len(powers) < x.size(1):
            powers = torch.cat([powers, powers @ (powers[-1] @ self.u)])
        newest_first = (x[0] @ self.w.T).flip(0)[:, :, None]
        return (powers[: x.size(1)] @ newest_first).sum(0)[:, 0]


def bends(layer):
    """Return whether the last state is no affine function of the first, so cannot be regrouped.

    An affine function takes the middle of two points to the middle of their images.
    """
    x, (one, other) = torch.randn(1, 9, 8), torch.randn(2, 1, 1, 8)

    def end(state):
        return layer(x, (state, state) if isinstance(layer, nn.LSTM) else state)[0][:, -1]

    middle = (end(one) + end(other)) / 2
    return not torch.allclose(end((one + other) / 2), middle, atol=1e-5)


@pytest.mark.parametrize("n", [1, 7, 50])
@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU])
def test_a_recurrent_layer_is_one_step_after_another(layer, n):
    _, chain = products(layer(8, 8, batch_first=True)(torch.randn(1, n, 8))[0])
    assert chain == n


@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
def test_the_steps_of_a_nonlinear_recurrence_do_not_regroup_as_matrices(layer):
    torch.manual_seed(0)
    assert bends(layer(8, 8, batch_first=True))


@pytest.mark.parametrize("n", [7, 50, 300])
def test_a_linear_recurrence_has_the_same_chain_and_can_be_regrouped(n):
    torch.manual_seed(0)
    layer, x = LinearRecurrence(8, 8), torch.randn(1, n, 8)
    states = layer(x)[0]
    assert not bends(layer)
    assert products(states)[1] == n
    torch.testing.assert_close(layer.regrouped(x), states[0, -1], atol=1e-4, rtol=1e-4)
    assert products(layer.regrouped(x))[1] <= 2 * math.ceil(math.log2(n)) + 1


@pytest.mark.parametrize("n", [7, 50])
def test_two_directions_double_the_work_and_not_the_chain(n):
    x = torch.randn(1, n, 8)
    one = products(nn.GRU(8, 8, batch_first=True)(x)[0])
    two = products(nn.GRU(8, 8, batch_first=True, bidirectional=True)(x)[0])
    assert two == (2 * one[0], one[1])


# ---------------------------------------------------------------------- claim 2


def gradient_at_first(layer, distance, width=32):
    x = torch.randn(1, distance + 1, width, dtype=torch.float64, requires_grad=True)
    direction = F.normalize(torch.randn(width, dtype=torch.float64), dim=0)
    (layer.double()(x)[0][0, -1] @ direction).backward()
    return x.grad[0, 0].norm().item()


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_an_untrained_rnn_vanishes_with_distance(seed):
    torch.manual_seed(seed)
    near, far = (gradient_at_first(nn.RNN(32, 32, batch_first=True), n) for n in (4, 32))
    assert far < 1e-6 * near


@pytest.mark.parametrize("seed", range(3))
def test_an_rnn_that_is_started_otherwise_keeps_the_gradient(seed):
    torch.manual_seed(seed)
    layer = nn.RNN(32, 32, batch_first=True)
    nn.init.orthogonal_(layer.weight_hh_l0)
    layer.weight_ih_l0.data *= 0.1
    nn.init.zeros_(layer.bias_ih_l0)
    nn.init.zeros_(layer.bias_hh_l0)
    near, far = (gradient_at_first(layer, n) for n in (4, 32))
    assert far > 0.1 * near


@pytest.mark.parametrize("seed", range(3))
def test_an_open_forget_gate_keeps_the_gradient(seed):
    torch.manual_seed(seed)
    as_made, opened = (nn.LSTM(32, 32, batch_first=True) for _ in range(2))
    opened.bias_ih_l0.data[32:64] = 4.0
    assert gradient_at_first(as_made, 32) < 1e-5
    assert gradient_at_first(opened, 32) > 1e-2


def test_of_few_words_all_are_kept_and_of_more_the_last_best():
    short = recall(d_state=16, length=2, steps=150, seed=0)
    long = recall(d_state=16, length=8, steps=150, seed=0)
    assert min(short) > 0.9
    assert max(long[:4]) < 0.4 < 0.9 < long[-1]


def recorded_recall(d_state, length, steps=600):
    """Return the recorded shares of right words, [seeds, positions]."""
    setting = {"d_state": d_state, "length": length, "steps": steps}
    return torch.tensor([*by_seed(recorded("recall"), "right", **setting).values()])


@pytest.mark.parametrize("length", [8, 16, 32])
def test_recorded_a_larger_state_or_longer_training_keeps_more(length):
    small, large = (recorded_recall(d, length).mean(dim=1) for d in (16, 64))
    assert small.max() < large.min() - 0.1
    if length < 32:
        assert recorded_recall(16, length, steps=2400).mean(dim=1).min() > small.max() + 0.05


@pytest.mark.parametrize(
    "setting",
    [
        (16, 8, 600),
        (16, 8, 2400),
        (16, 16, 600),
        (16, 16, 2400),
        (16, 32, 600),
        (64, 16, 600),
        (64, 32, 600),
    ],
)
def test_recorded_the_last_words_are_kept_best_and_those_after_the_first_worst(setting):
    mean = recorded_recall(*setting).mean(dim=0)
    assert mean.argmax() == len(mean) - 1
    assert mean[1:5].mean() < mean[5:].mean() - 0.05
    assert mean[1:5].min() < mean.min() + 0.02


@pytest.mark.parametrize("setting", [(16, 8, 2400), (64, 16, 600)])
def test_recorded_the_first_word_is_an_exception(setting):
    right = recorded_recall(*setting)
    assert (right[:, 0] > right[:, 1:4].max(dim=1).values + 0.1).all()


@pytest.mark.parametrize(("d", "n", "most"), [(1, 2, 3), (1, 3, 4), (2, 4, 11), (3, 3, 8)])
def test_affine_functions_of_d_numbers_show_at_most_so_many_patterns(d, n, most):
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(200_000, d, generator=generator) * 4
    signs = state @ torch.randn(d, n, generator=generator) > torch.randn(n, generator=generator)
    assert most == sum(math.comb(n, i) for i in range(d + 1))
    assert (most == 2**n) is (n <= d)
    assert len(signs.unique(dim=0)) == most


@pytest.mark.parametrize("n", [16, 64])
def test_a_larger_state_costs_memory_at_every_step(n):
    def kept(d_state):
        layer, x, found = nn.RNN(4, d_state, batch_first=True), torch.randn(1, n, 4), {}
        weights = {p.untyped_storage().data_ptr() for p in [x, *layer.parameters()]}

        def note(tensor):
            found[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            layer(x)
        return sum(s.nbytes() for place, s in found.items() if place not in weights)

    for d_state in (16, 64):
        assert kept(d_state) == pytest.approx(4 * d_state * n, rel=0.1)


# ---------------------------------------------------------------------- claim 3


class LookBack(nn.Module):
    """Convolutions over the last k positions, with ones for weights, so that nothing cancels."""

    def __init__(self, k, dilations):
        super().__init__()
        self.k, self.dilations = k, dilations

    def forward(self, x):
        weight = torch.ones(1, 1, self.k, dtype=x.dtype)
        for dilation in self.dilations:
            x = F.conv1d(F.pad(x, ((self.k - 1) * dilation, 0)), weight, dilation=dilation)
        return x


def reached(k, dilations, n=400):
    """Return the greatest distance at which the last output depends on an input."""
    x = torch.zeros(1, 1, n, dtype=torch.float64, requires_grad=True)
    LookBack(k, dilations)(x)[0, 0, -1].backward()
    return n - 1 - int(x.grad[0, 0].nonzero()[0])


@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("distance", [1, 5, 26, 80, 81])
def test_layers_grow_with_distance_or_with_its_logarithm(k, distance):
    plain = math.ceil(distance / (k - 1))
    assert reached(k, [1] * plain) >= distance > reached(k, [1] * (plain - 1))
    dilated = next(layers for layers in range(1, 20) if k**layers >= distance + 1)
    dilations = [k**i for i in range(dilated)]
    assert reached(k, dilations) >= distance > reached(k, dilations[:-1])


def test_heads_that_look_at_fixed_places_are_a_convolution():
    n, k, width = 7, 3, 4
    convolution = nn.Conv1d(width, width, k, bias=False, dtype=torch.float64)
    x = torch.randn(n, width, dtype=torch.float64)
    expected = convolution(F.pad(x.T, (k - 1, 0))).T
    looks = [torch.eye(n, dtype=x.dtype).roll(back, 0).tril() for back in range(k)]
    maps = convolution.weight.flip(2).unbind(2)
    heads = sum(look @ x @ w.T for look, w in zip(looks, maps, strict=True))
    torch.testing.assert_close(heads, expected)


# ---------------------------------------------------------------------- claim 4


def tiny(attention, **settings):
    config = RNNConfig(
        vocab_size=19, d_model=16, cell="gru", attention=attention, dropout=0.0, **settings
    )
    return RecurrentSeq2Seq(config).eval()


def test_without_attention_the_last_state_is_all_that_passes():
    src, shifted = random_sentences(2, 9)
    for attention in (False, True):
        model = tiny(attention)
        state = model.start(src)
        swapped = state._replace(hidden=state.hidden.flip(0), cell=state.cell.flip(0))
        as_other, _, _ = model.read_target(shifted[:1], type(state)(*(t[:1] for t in swapped)))
        other, _, _ = model.read_target(shifted[:1], type(state)(*(t[1:] for t in state)))
        assert torch.allclose(as_other, other) is not attention


@pytest.mark.parametrize("seed", range(2))
def test_attention_learns_to_copy_sooner_than_one_vector_of_four_times_the_size(seed):
    settings = {"seed": seed, "steps": 400, "longest": 8}
    share = {
        (attention, d): share_copied(train_copier(attention, d_model=d, **settings), 8)
        for attention, d in ((False, 32), (False, 128), (True, 32))
    }
    assert share[True, 32] > max(share[False, 32], share[False, 128]) + 0.1


def test_recorded_attention_copies_long_sentences():
    copied = recorded("copying")
    at = copied["settings"]["lengths"].index(24)
    one_vector, looking_back = (
        [right[at] for right in by_seed(copied, "right", attention=attention).values()]
        for attention in (False, True)
    )
    assert min(looking_back) > 0.9 > 0.4 > max(one_vector)


@pytest.mark.parametrize("attention", [False, True])
def test_with_attention_the_recurrence_stays(attention):
    short, long = (products(tiny(attention)(*random_sentences(1, n)))[1] for n in (5, 25))
    assert long - short == 2 * 20  # one step for each word read, one for each word written


# ---------------------------------------------------------------------- claim 5


@pytest.mark.parametrize("n", [2, 9, 40])
def test_self_attention_is_six_products_four_of_them_in_a_row(n):
    x = torch.randn(1, n, 8, requires_grad=True)
    assert products(attend(x)) == (6, 4)
    w_q, w_k, w_v, w_o = torch.randn(4, 8, 8)
    scores = (x @ w_q) @ (x @ w_k).mT
    assert products(scores.softmax(dim=-1) @ (x @ w_v) @ w_o) == (6, 4)


@pytest.mark.parametrize("n", [2, 9, 40])
def test_only_scores_and_means_grow_with_the_square_of_the_length(n):
    d = 8
    with FlopCounterMode(display=False) as counter:
        attend(torch.randn(1, n, d))
    counted = counter.get_flop_counts()["Global"]
    squares = counted.pop(torch.ops.aten.bmm)
    assert squares == 2 * 2 * n**2 * d  # scores and means: multiply and add
    assert sum(counted.values()) == 2 * 4 * n * d**2  # four projections


def test_self_attention_sees_what_a_bidirectional_layer_sees():
    both_ways = nn.GRU(8, 4, batch_first=True, bidirectional=True)
    for read in (attend, lambda x: both_ways(x)[0]):
        assert read(torch.randn(1, 6, 8)).shape == (1, 6, 8)
        assert sees(read, 6).all()
    one_way = nn.GRU(8, 8, batch_first=True)
    assert sees(lambda x: one_way(x)[0], 6).equal(torch.ones(6, 6).tril().bool())


def test_self_attention_does_not_know_the_order_and_a_recurrent_layer_does():
    torch.manual_seed(0)
    x, shuffle = torch.randn(1, 6, 8), torch.tensor([3, 0, 5, 1, 4, 2])
    attention, recurrent = MultiHeadAttention(8, n_heads=2), nn.GRU(8, 8, batch_first=True)
    for read, knows in (
        (lambda x: attention(x, x).output, False),
        (lambda x: recurrent(x)[0], True),
    ):
        same = torch.allclose(read(x[:, shuffle]), read(x)[:, shuffle], atol=1e-5)
        assert same is not knows

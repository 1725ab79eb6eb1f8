"""What every model family promises, over random shapes, in train and eval, with dropout 0."""

import itertools
from functools import cache

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transformer_lib.config import BOS, PAD, ConvS2SConfig, ModelConfig, RNNConfig
from transformer_lib.evaluation import invariants
from transformer_lib.models import build_model
from transformer_lib.models.seq2seq import Seq2Seq, State
from transformer_lib.models.transformer import Transformer

SMALL = {"vocab_size": 11, "d_model": 8, "dropout": 0.0}
DEEP = {"n_encoder_layers": 2, "n_decoder_layers": 2}
TRANSFORMER = ModelConfig(**SMALL, **DEEP, n_heads=2, d_ff=12)
FAMILIES = {
    "post-norm": TRANSFORMER,
    "pre-norm": TRANSFORMER.updated(norm_order="pre"),
    "learned positions": TRANSFORMER.updated(positions="learned", max_length=16),
    "no positions": TRANSFORMER.updated(positions="none"),
    "window": TRANSFORMER.updated(window=3),
    "own widths, untied": TRANSFORMER.updated(d_k=3, d_v=5, tie_embeddings=False),
    "lstm with attention": RNNConfig(**SMALL, n_layers=2),
    "lstm without attention": RNNConfig(**SMALL, attention=False),
    "gru, one direction": RNNConfig(**SMALL, cell="gru", bidirectional=False, n_layers=2),
    "gru without attention": RNNConfig(**SMALL, cell="gru", attention=False, tie_embeddings=False),
    "convs2s": ConvS2SConfig(**SMALL, **DEEP, max_length=16),
    "wide convs2s": ConvS2SConfig(**SMALL, **DEEP, kernel_size=5, max_length=16),
}
BATCH_NORM = TRANSFORMER.updated(norm="batch")
family = pytest.mark.parametrize("name", FAMILIES)
shapes = {"batch": st.integers(1, 3), "length": st.integers(1, 4), "width": st.integers(1, 6)}
CHECKS = [
    invariants.assert_causal,
    invariants.assert_padding_invariant,
    invariants.assert_batch_invariant,
    invariants.assert_step_equals_forward,
]


def sentences(batch, length, width):
    """Random sources of different lengths, padded, and targets that begin with BOS."""
    src = torch.randint(3, 11, (batch, width))
    for row in range(1, batch):
        src[row, max(1, width - row) :] = PAD
    tgt = torch.randint(3, 11, (batch, length))
    tgt[:, 0] = BOS
    return src, tgt


@cache
def make(config):
    return build_model(config).double()


@family
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@settings(max_examples=6)
@given(**shapes, training=st.booleans())
@example(batch=3, length=4, width=5, training=True)
@example(batch=3, length=4, width=5, training=False)
def test_every_family_keeps_its_promises(name, check, batch, length, width, training):
    model = make(FAMILIES[name]).train(training)
    with torch.no_grad():
        check(model, *sentences(batch, length, width))


@pytest.mark.parametrize("norm", ["batch", "masked_batch"])
def test_batch_norm_keeps_them_in_eval_only(norm):
    model, batch = make(TRANSFORMER.updated(norm=norm)), sentences(3, 5, 6)
    with torch.no_grad():
        model.eval()
        for check in CHECKS:
            check(model, *batch)
        model.train()
        broken = CHECKS if norm == "batch" else [CHECKS[0], *CHECKS[2:]]
        for check in broken:
            with pytest.raises(AssertionError):
                check(model, *batch)


@family
@settings(max_examples=3)
@given(**shapes)
def test_everything_is_reachable_in_one_pass(name, batch, length, width):
    model = make(FAMILIES[name]).eval()
    src, tgt = sentences(batch, length, width)
    everything = model(src, tgt, "all")
    invariants.assert_close("logits", everything.logits, model(src, tgt))
    invariants.assert_close("hidden", everything.hidden, model(src, tgt, "hidden"))
    invariants.assert_close("projection", model.logits(everything.hidden), everything.logits)
    for weights in everything.cross_weights:
        seen = src.ne(PAD)[:, None, None].expand_as(weights)
        invariants.assert_attention_weights(weights, seen, atol=1e-12)
    for weights in everything.decoder_weights:
        past = torch.ones_like(weights, dtype=torch.bool).tril()
        invariants.assert_attention_weights(weights, past, atol=1e-12)


def tensors(state) -> list[torch.Tensor]:
    """Return every tensor of a state, however deep."""
    parts = (tensors(part) if isinstance(part, tuple) else [part] for part in state)
    return list(itertools.chain.from_iterable(parts))


@family
def test_a_state_is_reordered_as_a_beam_moves(name):
    """Sentence 2 twice, 0 once, 1 dropped; then the same again, from there."""
    model = make(FAMILIES[name]).eval()
    assert isinstance(model, Seq2Seq)
    src, tgt = sentences(3, 5, 5)
    order = torch.tensor([2, 0, 2])
    state = model.start(src)
    assert isinstance(state, State)
    for position in range(2):
        _, state = model.step(tgt[:, position], state)
    picked, moved = model.step(tgt[order, 2], state.reorder(order))
    kept, after = model.step(tgt[:, 2], state)
    invariants.assert_close("reordered", picked, kept[order])
    # Three hypotheses of sentence 0, two of sentence 2, each with a next token of its own.
    again, tokens = torch.tensor([1, 1, 0, 2, 1]), torch.tensor([3, 4, 5, 6, 7])
    together, _ = model.step(tokens, moved.reorder(again))
    for row, sentence in enumerate(order[again]):
        alone, _ = model.step(tokens[row : row + 1], after.reorder(sentence[None]))
        invariants.assert_close(f"row {row} among others", together[row], alone[0])


@family
def test_step_and_reorder_leave_the_old_state_alone(name):
    model = make(FAMILIES[name]).eval()
    src, tgt = sentences(2, 3, 4)
    state = model.start(src)
    before = [tensor.clone() for tensor in tensors(state)]
    model.step(tgt[:, 0], state.reorder(torch.tensor([1, 1])))
    model.step(tgt[:, 0], state)
    assert all(torch.equal(a, b) for a, b in zip(before, tensors(state), strict=True))


def test_without_attention_the_state_does_not_grow_with_the_source():
    model = make(FAMILIES["lstm without attention"])
    states = [model.start(torch.full((1, n), 5)) for n in (1, 5, 50)]
    assert len({sum(t.numel() for t in tensors(state)) for state in states}) == 1


def test_the_hypotheses_of_a_sentence_share_its_memory():
    model = make(FAMILIES["post-norm"])
    state = model.start(sentences(2, 3, 4)[0])
    wide = state.reorder(torch.tensor([0, 0, 0, 1, 1, 1]))
    assert wide.memory is state.memory


def test_sentences_that_have_no_row_any_more_leave_the_memory():
    model = make(FAMILIES["post-norm"]).eval()
    src, tgt = sentences(6, 5, 4)
    _, state = model.step(tgt[:, 0], model.start(src))
    rows = torch.tensor([5, 2, 5])  # two of six sentences, one of them twice, in another order
    few = state.reorder(rows)
    assert len(few.memory_mask) == len(few.memory[0].key) == 2
    expected, _ = model.step(tgt[:, 1], state)
    logits, after = model.step(tgt[rows, 1], few)
    invariants.assert_close("with few left", logits, expected[rows])
    # The source of the row that stays is numbered anew, and still its own.
    last, _ = model.step(tgt[[2], 2], after.reorder(torch.tensor([1])))
    alone, _ = model.step(tgt[:, 2], model.step(tgt[:, 1], state)[1])
    invariants.assert_close("with one left", last[0], alone[2])
    assert not any(len(tensor) for tensor in tensors(few.reorder(rows[:0])))


def test_an_encoder_without_positions_does_not_know_the_order():
    model = make(FAMILIES["no positions"])
    embedded = torch.randn(2, 5, 8, dtype=torch.float64)
    invariants.assert_permutation_equivariant(lambda x: model.encoder(x)[0], embedded)
    with pytest.raises(AssertionError, match="not permutation equivariant"):
        invariants.assert_permutation_equivariant(
            lambda x: model.encoder(make(TRANSFORMER).src_positions(x))[0], embedded
        )


def test_the_checks_can_fail():
    """A decoder without its mask, a model that sees padding, and a wrong cache are each caught."""

    class Peeking(Transformer):
        def forward(self, src, tgt, returns="logits"):
            everything_at_once = torch.nn.functional.one_hot(tgt, 11).sum(1, keepdim=True)
            return super().forward(src, tgt, returns) + everything_at_once

    model, batch = Peeking(TRANSFORMER).double(), sentences(3, 4, 5)
    with torch.no_grad():
        for check in CHECKS[:2] + CHECKS[3:]:
            with pytest.raises(AssertionError):
                check(model, *batch)
    with pytest.raises(AssertionError, match="do not sum to 1"):
        invariants.assert_attention_weights(torch.ones(1, 1, 2, 2))
    leaking = torch.tensor([[[[0.5, 0.5], [0.5, 0.5]]]])
    with pytest.raises(AssertionError, match="masked positions get weight, up to"):
        invariants.assert_attention_weights(
            leaking, torch.ones(1, 1, 2, 2, dtype=torch.bool).tril()
        )


def test_a_nan_is_a_difference():
    with pytest.raises(AssertionError, match="differ by inf at index"):
        invariants.assert_close("x", torch.tensor([1.0, torch.nan]), torch.ones(2))

"""Faults planted one by one: each gives the symptom of symptoms.yml, or its check finds it."""

import math

import pytest
import torch

from transformer_lib.config import EOS, ModelConfig
from transformer_lib.data.batching import collate
from transformer_lib.data.pairs import EncodedPairs
from transformer_lib.data.toy import ToyBatches, copying, validation
from transformer_lib.evaluation import invariants
from transformer_lib.layers.attention import masked_softmax, scaled_dot_product_attention
from transformer_lib.models.transformer import Transformer
from transformer_lib.training.loss import token_nll

TASK = copying(n_words=10, shortest=3, longest=5)
CONFIG = ModelConfig(
    vocab_size=TASK.vocab_size, d_model=32, n_heads=2, n_encoder_layers=1, n_decoder_layers=1,
    d_ff=64, dropout=0.0,
)  # fmt: skip


def mean_loss(model, batch, tgt_in):
    hidden = model(batch.src, tgt_in).flatten(0, 1)
    return token_nll(hidden, batch.tgt_out.flatten()).loss / batch.n_tokens


def train(model, batches, peek=False, rate=0.003, steps=100):
    """Train, and return the last loss. Who peeks reads the targets without the shift."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _, batch in zip(range(steps), batches, strict=False):
        loss = mean_loss(model, batch, batch.tgt_out if peek else batch.tgt_in)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


# ---------------------------------------------------------------------- while it trains


@pytest.fixture(scope="module")
def peeking():
    """A model that was trained without the shift, and its loss after 100 updates."""
    torch.manual_seed(0)
    model = Transformer(CONFIG)
    return model, train(model, ToyBatches(TASK), peek=True)


def test_without_the_shift_the_loss_is_near_0_long_before_it_should_be(peeking):
    shifted = train(Transformer(CONFIG), ToyBatches(TASK))
    assert peeking[1] < 0.05
    assert shifted > 0.4
    batch = next(ToyBatches(TASK))
    assert (batch.tgt_in[:, 1:] == batch.tgt_out[:, :-1]).all()
    assert not (batch.tgt_out[:, 1:] == batch.tgt_out[:, :-1]).all()


@torch.no_grad()
def test_without_the_shift_every_token_is_right_and_translations_are_not(peeking):
    model = peeking[0].eval()
    for batch in validation(TASK):
        told = model(batch.src, batch.tgt_out).argmax(dim=-1)
        assert told.eq(batch.tgt_out).float().mean() > 0.99
        state, token, written = model.start(batch.src), batch.tgt_in[:, 0], []
        for _ in range(batch.tgt_out.size(1)):
            logits, state = model.step(token, state)
            token = logits.argmax(dim=-1)
            written.append(token)
        assert torch.stack(written, dim=1).eq(batch.tgt_out).float().mean() < 0.3


def test_one_batch_can_be_learned_by_heart_unless_nothing_is_learned():
    batch = next(ToyBatches(TASK, n_pairs=4))
    assert train(Transformer(CONFIG), [batch] * 100, rate=0.01) < 0.1
    stuck = train(Transformer(CONFIG), [batch] * 5, rate=0.0)
    assert stuck == pytest.approx(math.log(TASK.vocab_size), rel=0.4)


def without_gradient(model):
    batch = next(ToyBatches(TASK))
    mean_loss(model, batch, batch.tgt_in).backward()
    return [name for name, parameter in model.named_parameters() if parameter.grad is None]


def test_a_detached_encoder_is_named():
    class Detached(Transformer):
        def encode_with_weights(self, src, need_weights=True):
            memory, weights = super().encode_with_weights(src, need_weights)
            return memory.detach(), weights

    assert without_gradient(Transformer(CONFIG)) == []
    named = without_gradient(Detached(CONFIG))
    assert named
    assert all(name.startswith("encoder.") for name in named)


def test_an_untrained_model_is_about_as_unsure_as_a_guess_unless_its_scores_are_large():
    model, batch = Transformer(CONFIG), next(ToyBatches(TASK))
    guess = math.log(TASK.vocab_size)
    assert 0.9 < mean_loss(model, batch, batch.tgt_in).item() / guess < 1.4
    with torch.no_grad():
        model.output.weight *= math.sqrt(CONFIG.d_model)  # tied, with variance 1
    assert mean_loss(model, batch, batch.tgt_in).item() / guess > 2


def test_a_query_that_may_attend_to_nothing_is_not_a_number_in_a_plain_softmax():
    scores, mask = torch.randn(1, 1, 2, 3), torch.tensor([[[[True, True, False], [False] * 3]]])
    plain = scores.masked_fill(~mask, -math.inf).softmax(dim=-1)
    assert plain[0, 0].isnan().any(dim=-1).tolist() == [False, True]
    assert masked_softmax(scores, mask)[0, 0, 1].tolist() == [0, 0, 0]


# ---------------------------------------------------------------------- in what comes out


@torch.no_grad()
def test_another_source_moves_the_predictions_unless_it_is_not_read():
    class Blindfolded(Transformer):
        def source_mask(self, src):
            return torch.zeros_like(super().source_mask(src))

    batch = next(ToyBatches(TASK))
    for kind, reads in ((Transformer, True), (Blindfolded, False)):
        model = kind(CONFIG).eval()
        before = model(batch.src, batch.tgt_in)
        after = model(batch.src.roll(1, dims=0), batch.tgt_in)
        assert ((after - before).abs().amax(dim=(1, 2)) > 1e-3).all().item() == reads


def test_targets_without_an_end_are_found():
    def all_end(batch):
        return (batch.tgt_out == EOS).any(dim=1).all().item()

    assert all_end(collate(EncodedPairs([([5, EOS], [6, 7, EOS]), ([5, EOS], [EOS])]), [0, 1]))
    assert not all_end(next(ToyBatches(TASK)))  # by design: a toy sentence has no end mark
    with pytest.raises(ValueError, match="not with EOS"):
        EncodedPairs([([5, EOS], [6, 7])])


@torch.no_grad()
def test_a_position_that_does_not_move_is_found_step_by_step():
    class Stuck(Transformer):
        def embed_tgt(self, tgt, start=0):
            return super().embed_tgt(tgt)

    batch = next(ToyBatches(TASK))
    model = Stuck(CONFIG).double().eval()
    with pytest.raises(AssertionError, match="step 1 is not forward"):
        invariants.assert_step_equals_forward(model, batch.src, batch.tgt_in)


# ---------------------------------------------------------------------- in the attention


def test_a_softmax_along_the_queries_is_found():
    weights = torch.randn(1, 1, 3, 5).softmax(dim=-2)
    with pytest.raises(AssertionError, match="do not sum to 1"):
        invariants.assert_attention_weights(weights)


def test_an_inverted_mask_is_found():
    scores, mask = torch.randn(2, 1, 3, 4), torch.tensor([True, True, False, False])
    mask = mask.expand(2, 1, 3, 4)
    invariants.assert_attention_weights(masked_softmax(scores, mask), mask)
    with pytest.raises(AssertionError, match="masked positions get weight"):
        invariants.assert_attention_weights(masked_softmax(scores, ~mask), mask)


def test_a_reshape_in_place_of_a_transpose_is_found():
    def heads(x):
        return x.unflatten(-1, (2, -1)).transpose(1, 2)

    def mixed(x):
        return x.reshape(x.size(0), 2, x.size(1), -1)

    def attend(split):
        def layer(x):
            output, weights = scaled_dot_product_attention(split(x), split(x), split(x))
            invariants.assert_attention_weights(weights)  # which is blind to it
            return output.transpose(1, 2).flatten(2)

        return layer

    x = torch.randn(2, 5, 8, dtype=torch.float64)
    invariants.assert_permutation_equivariant(attend(heads), x)
    with pytest.raises(AssertionError, match="not permutation equivariant"):
        invariants.assert_permutation_equivariant(attend(mixed), x)


def test_undivided_scores_give_one_key_all_the_weight():
    query, key = torch.randn(1, 1, 200, 512), torch.randn(1, 1, 32, 512)
    scores = query @ key.transpose(-2, -1)
    assert scores.var() == pytest.approx(512, rel=0.1)
    assert (scores / math.sqrt(512)).var() == pytest.approx(1, rel=0.1)
    assert scores.softmax(dim=-1).amax(dim=-1).median() > 0.99
    assert scaled_dot_product_attention(query, key, key)[1].amax(dim=-1).median() < 0.4


# ---------------------------------------------------------------------- one model, two answers


@torch.no_grad()
def test_dropout_that_is_still_on_shows_in_two_passes():
    model, batch = Transformer(CONFIG.updated(dropout=0.1)), next(ToyBatches(TASK))
    for training in (True, False):
        model.train(training)
        first, second = (model(batch.src, batch.tgt_in) for _ in range(2))
        assert torch.equal(first, second) != training

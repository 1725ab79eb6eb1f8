"""Promises that every model must keep, as checks for chapters and tests (sections 3.1 and 3.2.3).

Each check changes something that must not matter and compares the outputs. Run them in train and in
eval mode; in train mode with dropout 0, since dropout makes any two passes differ.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transformer_lib.config import PAD
from transformer_lib.models.seq2seq import Seq2Seq


def assert_close(name: str, got: Tensor, expected: Tensor, atol: float | None = None) -> None:
    """Compare, and say where the largest difference is.

    Args:
        name: what was checked, for the message.
        got: one result.
        expected: the other.
        atol: largest difference allowed; None: 1e-10 in float64, 1e-4 in float32.

    Raises:
        AssertionError: the largest difference and its index.
    """
    limit = atol if atol is not None else 1e-10 if got.dtype == torch.float64 else 1e-4
    gap = (got - expected).abs()
    worst = gap.nan_to_num(nan=torch.inf).max().item() if gap.numel() else 0.0
    if worst > limit:
        index = tuple((gap.nan_to_num(nan=torch.inf) == worst).nonzero()[0].tolist())
        raise AssertionError(f"{name}: outputs differ by {worst:.3g} at index {index}")


def other_tokens(tokens: Int[Tensor, "B T"], vocab_size: int) -> Int[Tensor, "B T"]:
    """Replace every token by another one that is neither itself nor PAD."""
    return tokens % (vocab_size - 1) + 1


def assert_causal(
    model: Seq2Seq, src: Int[Tensor, "B S"], tgt: Int[Tensor, "B T"], atol: float | None = None
) -> None:
    """Change all later target tokens: no earlier prediction may move.

    Raises:
        AssertionError: a prediction saw a later token; the message names the first cut.
    """
    before = model(src, tgt)
    for cut in range(1, tgt.size(1)):
        changed = torch.cat([tgt[:, :cut], other_tokens(tgt[:, cut:], model.vocab_size)], dim=1)
        after = model(src, changed)[:, :cut]
        assert_close(f"not causal: changed tokens from {cut} on", after, before[:, :cut], atol)


def assert_padding_invariant(
    model: Seq2Seq,
    src: Int[Tensor, "B S"],
    tgt: Int[Tensor, "B T"],
    extra: int = 3,
    atol: float | None = None,
) -> None:
    """Append padding to both sides: no prediction at an old position may move.

    Raises:
        AssertionError: padding was seen.
    """
    before = model(src, tgt)
    padded = (torch.nn.functional.pad(tokens, (0, extra), value=PAD) for tokens in (src, tgt))
    after = model(*padded)[:, : tgt.size(1)]
    assert_close(f"not padding invariant: {extra} more PAD tokens", after, before, atol)


def assert_batch_invariant(
    model: Seq2Seq, src: Int[Tensor, "B S"], tgt: Int[Tensor, "B T"], atol: float | None = None
) -> None:
    """Take each sentence out of its batch: its predictions may not move.

    Raises:
        AssertionError: a sentence's neighbours changed its predictions.
    """
    together = model(src, tgt)
    for row in range(src.size(0)):
        alone = model(src[row : row + 1], tgt[row : row + 1])
        assert_close(f"not batch invariant: row {row}", alone[0], together[row], atol)


def assert_step_equals_forward(
    model: Seq2Seq, src: Int[Tensor, "B S"], tgt: Int[Tensor, "B T"], atol: float | None = None
) -> None:
    """Feed the target token by token: every prediction equals that of one parallel pass.

    Raises:
        AssertionError: a step differs; the message names the first.
    """
    parallel = model(src, tgt)
    state = model.start(src)
    for position in range(tgt.size(1)):
        logits, state = model.step(tgt[:, position], state)
        assert_close(f"step {position} is not forward", logits, parallel[:, position], atol)


def assert_attention_weights(
    weights: Float[Tensor, "B H T S"],
    mask: Bool[Tensor, "B H T S"] | None = None,
    atol: float = 1e-5,
) -> None:
    """Every row sums to 1, and a masked weight is exactly 0.

    Raises:
        AssertionError: a row or a masked weight is off.
    """
    sums = weights.sum(dim=-1)
    assert_close("attention rows do not sum to 1", sums, torch.ones_like(sums), atol)
    if mask is not None:
        leak = weights[~mask].abs()
        if leak.numel() and leak.max() > 0:
            raise AssertionError(f"masked positions get weight, up to {leak.max().item():.3g}")


def assert_permutation_equivariant(
    layer: Callable[[Tensor], Tensor], x: Float[Tensor, "B T D"], atol: float | None = None
) -> None:
    """Shuffle the positions: the outputs are shuffled likewise and keep their values.

    Raises:
        AssertionError: the order of the positions mattered.
    """
    order = torch.arange(x.size(1)).roll(1).flip(0)
    assert_close("not permutation equivariant", layer(x[:, order]), layer(x)[:, order], atol)

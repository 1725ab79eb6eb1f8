"""Greedy search: always the most probable next token. The baseline that a beam of 1 must equal."""

import math

import torch
from jaxtyping import Int
from torch import Tensor

from transformer_lib.config import BOS, EOS
from transformer_lib.decoding.hypothesis import (
    Hypothesis,
    check_search,
    length_limit,
    next_log_probs,
    no_log_prob,
    no_output,
)
from transformer_lib.models.seq2seq import Seq2Seq


@torch.no_grad()
def greedy(model: Seq2Seq, src: Int[Tensor, "B S"], extra_length: int = 50) -> list[Hypothesis]:
    """Translate a batch, one token per step; a sentence leaves the batch when it has ended.

    Args:
        model: in eval mode.
        src: source token ids, each sentence ending in EOS, then padded.
        extra_length: an output has at most so many tokens more than its source has words (6.1).

    Returns:
        One hypothesis for each sentence, in their order; its score is its log-probability.

    Raises:
        ValueError: see `check_search` and `length_limit`.
    """
    check_search(model, src)
    limit = length_limit(src, extra_length)
    outputs: list[Hypothesis] = [Hypothesis([], 0.0, 0.0, False)] * len(src)
    state = model.start(src)
    sentence = torch.arange(len(src), device=src.device)  # which sentence each row belongs to
    tokens = torch.full((len(src), 1), BOS, device=src.device)
    log_prob = no_log_prob(len(src), src.device)
    while len(sentence):
        logits, state = model.step(tokens[:, -1], state)
        best, token = next_log_probs(logits).max(dim=-1)
        log_prob = log_prob + best
        tokens = torch.cat([tokens, token[:, None]], dim=1)
        stops = token.eq(EOS) | limit[sentence].eq(tokens.size(1) - 1)
        if stops.any():
            write_down(outputs, sentence[stops], tokens[stops, 1:], log_prob[stops])
            rows = (~stops).nonzero().flatten()
            sentence, tokens, log_prob = sentence[rows], tokens[rows], log_prob[rows]
            state = state.reorder(rows)
    return outputs


def write_down(
    outputs: list[Hypothesis],
    sentence: Int[Tensor, " N"],
    tokens: Int[Tensor, "N T"],
    log_prob: Tensor,
) -> None:
    """Write the hypotheses that have just stopped to their sentences' places.

    Raises:
        ValueError: the model's logits are not finite.
    """
    for place, words, value in zip(
        sentence.tolist(), tokens.tolist(), log_prob.tolist(), strict=True
    ):
        if not math.isfinite(value):
            raise no_output(place)
        outputs[place] = Hypothesis(words, value, value, finished=words[-1] == EOS)

"""Beam search: the most probable hypotheses side by side (6.1; Wu et al. 2016, section 7).

A beam has `beam_size` places. At each step the best continuations of its hypotheses fill them; one
that ends keeps its place for good, and the rest go on. So beam 1 is greedy search, and a beam as
wide as the space of outputs tries them all. The model sees one row for each hypothesis still alive.
"""

import math
from operator import itemgetter
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from transformer_lib.config import BOS, EOS
from transformer_lib.decoding.fast import most_probable
from transformer_lib.decoding.hypothesis import (
    Hypothesis,
    check_search,
    length_divisor,
    length_limit,
    next_log_probs,
    no_output,
)
from transformer_lib.models.seq2seq import Seq2Seq


@torch.no_grad()
def beam_search(
    model: Seq2Seq,
    src: Int[Tensor, "B S"],
    beam_size: int = 4,
    length_penalty: float = 0.6,
    penalty: str = "gnmt",
    extra_length: int = 50,
    n_best: int = 1,
) -> list[list[Hypothesis]]:
    """Translate a batch; a hypothesis leaves the batch when it ends, a sentence when it is decided.

    Args:
        model: in eval mode.
        src: source token ids, each sentence ending in EOS, then padded.
        beam_size: hypotheses to a sentence.
        length_penalty: alpha; 0 ranks by log-probability, which favours short outputs.
        penalty: which penalty, see `length_divisor`.
        extra_length: an output has at most so many tokens more than its source has words.
        n_best: how many to return for a sentence.

    Returns:
        For each sentence its `n_best` hypotheses, finished ones first, then by score. There are
        fewer only where so few outputs exist.

    Raises:
        ValueError: `n_best` above `beam_size`, either below 1; see also `check_search`.
    """
    if not 1 <= n_best <= beam_size:
        raise ValueError(
            f"n_best is {n_best} and beam_size {beam_size}; both must be 1 or more, "
            "and a beam holds no more than beam_size outputs"
        )
    check_search(model, src)
    limits = length_limit(src, extra_length).tolist()
    divisors = [length_divisor(n, length_penalty, penalty) for n in range(max(limits) + 1)]
    beams = [Beam(limit, beam_size, n_best, divisors) for limit in limits]
    state = model.start(src)
    while rows := [live for beam in beams for live in beam.live]:
        newest = torch.tensor([live.tokens[-1] for live in rows], device=src.device)
        logits, state = model.step(newest, state)
        # No more than beam_size continuations of a hypothesis can be among the best of its beam.
        log_probs, tokens = most_probable(next_log_probs(logits), beam_size)
        options = list(zip(log_probs.tolist(), tokens.tolist(), strict=True))
        row = 0
        for beam in beams:
            n_live = len(beam.live)
            beam.grow(row, options[row : row + n_live])
            row += n_live
        parents = [live.parent for beam in beams for live in beam.live]
        state = state.reorder(torch.tensor(parents, dtype=torch.long, device=src.device))
    for sentence, beam in enumerate(beams):
        if not beam.stopped:
            raise no_output(sentence)
    return [beam.ranked() for beam in beams]


class Live(NamedTuple):
    """A hypothesis that goes on."""

    tokens: list[int]  # BOS included
    log_prob: float
    parent: int  # the model's row, in the last step, of the hypothesis that it continues


class Beam:
    """The search for one sentence: what goes on, what has stopped, what can still change that.

    Args:
        limit: the most tokens of an output, EOS included.
        beam_size: places; a live hypothesis has one, and so has a finished one.
        n_best: how many hypotheses are to be returned.
        divisors: what the log-probability of 0, 1, 2, ... tokens is divided by.
    """

    def __init__(self, limit: int, beam_size: int, n_best: int, divisors: list[float]) -> None:
        self.limit, self.room, self.n_best, self.divisors = limit, beam_size, n_best, divisors
        self.live = [Live([BOS], 0.0, 0)]  # the best first
        self.stopped: list[Hypothesis] = []

    def grow(self, row: int, options: list[tuple[list[float], list[int]]]) -> None:
        """Continue the live hypotheses; those that end, or have no room left, leave.

        Args:
            row: the model's row of the first of them; the others follow.
            options: for each, log-probabilities and tokens that may come next.
        """
        grown = [
            (live.log_prob + log_prob, place, token)
            for place, (live, option) in enumerate(zip(self.live, options, strict=True))
            for log_prob, token in zip(*option, strict=True)
            if log_prob > -math.inf
        ]
        before, self.live = self.live, []
        for log_prob, place, token in sorted(grown, key=itemgetter(0), reverse=True)[: self.room]:
            tokens = [*before[place].tokens, token]
            if token == EOS:
                self.stop(tokens, log_prob)
            else:
                self.live.append(Live(tokens, log_prob, row + place))
        if self.decided():
            self.live = []
        elif len(before[0].tokens) == self.limit:
            for live in self.live:
                self.stop(live.tokens, live.log_prob)
            self.live = []

    def stop(self, tokens: list[int], log_prob: float) -> None:
        """Write down a hypothesis that ends, or is cut at the limit."""
        said, finished = tokens[1:], tokens[-1] == EOS
        score = log_prob / self.divisors[len(said)]
        self.stopped.append(Hypothesis(said, score, log_prob, finished))
        self.room -= finished

    def decided(self) -> bool:
        """Tell whether no live hypothesis can change what is returned.

        A log-probability never rises, and the penalty is largest at the length limit: nothing that
        grows from a live hypothesis scores more than its log-probability divided by that penalty.
        """
        finished = sorted(h.score for h in self.stopped if h.finished)
        if not self.live or len(finished) < self.n_best:
            return not self.live
        return self.live[0].log_prob / self.divisors[self.limit] <= finished[-self.n_best]

    def ranked(self) -> list[Hypothesis]:
        """Return the best, finished ones first."""
        return sorted(self.stopped, key=lambda h: (not h.finished, -h.score))[: self.n_best]

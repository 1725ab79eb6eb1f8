"""Beam search: the most probable hypotheses side by side (6.1; Wu et al. 2016, section 7).

A beam has `beam_size` places. At each step the best continuations of its hypotheses fill them; one
that ends keeps its place for good, and the rest go on. So beam 1 is greedy search, and a beam as
wide as the space of outputs tries them all. The model sees one row for each hypothesis still alive.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from transformer_lib.config import BOS, EOS
from transformer_lib.decoding.hypothesis import (
    Hypothesis,
    check_search,
    length_divisor,
    length_limit,
    next_log_probs,
    no_log_prob,
    no_output,
)
from transformer_lib.models.seq2seq import Seq2Seq


class Beams(NamedTuple):
    """The live hypotheses, one to a row; those of a sentence lie side by side, the best first."""

    sentence: Int[Tensor, " R"]
    place: Int[Tensor, " R"]  # in the beam of its sentence
    tokens: Int[Tensor, "R T"]  # BOS included
    log_prob: Float[Tensor, " R"]


class Continuations(NamedTuple):
    """What fills the beams next: for each sentence its best continuations, the best first."""

    row: Int[Tensor, "B K"]  # of the hypothesis that it continues
    token: Int[Tensor, "B K"]
    log_prob: Float[Tensor, "B K"]  # -inf where the sentence has no such continuation


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
    results = Results(length_limit(src, extra_length), n_best, length_penalty, penalty)
    beams, state = first_beams(src), model.start(src)
    while len(beams.sentence):
        logits, state = model.step(beams.tokens[:, -1], state)
        found = best_continuations(beams, logits, len(src), beam_size)
        goes_on = results.take(found, beams.tokens, beam_size)
        beams, rows = advance(beams, found, goes_on)
        state = state.reorder(rows)
    return results.ranked()


def first_beams(src: Int[Tensor, "B S"]) -> Beams:
    """Return one hypothesis for each sentence: BOS alone, which is certain."""
    sentence = torch.arange(len(src), device=src.device)
    tokens = torch.full((len(src), 1), BOS, device=src.device)
    return Beams(sentence, torch.zeros_like(sentence), tokens, no_log_prob(len(src), src.device))


def best_continuations(
    beams: Beams, logits: Float[Tensor, "R V"], n_sentences: int, beam_size: int
) -> Continuations:
    """Return the `beam_size` most probable continuations of each sentence."""
    # No more than beam_size continuations of one hypothesis can be among the best of its sentence.
    best, token = next_log_probs(logits).topk(min(beam_size, logits.size(1)), dim=-1)
    log_prob = beams.log_prob[:, None] + best

    width = int(beams.place.max()) + 1
    grid = log_prob.new_full((n_sentences, width, best.size(1)), -torch.inf)
    grid[beams.sentence, beams.place] = log_prob
    found, index = grid.flatten(1).topk(min(beam_size, width * best.size(1)), dim=-1)

    rows = beams.sentence.new_zeros(n_sentences, width)
    rows[beams.sentence, beams.place] = torch.arange(len(beams.sentence), device=rows.device)
    row = rows.gather(1, index // best.size(1))
    return Continuations(row, token[row, index % best.size(1)], found)


def advance(
    beams: Beams, found: Continuations, goes_on: Bool[Tensor, "B K"]
) -> tuple[Beams, Int[Tensor, " N"]]:
    """Return the hypotheses that go on, and the row each one came from."""
    sentence, place = goes_on.nonzero(as_tuple=True)
    rows, token = found.row[goes_on], found.token[goes_on]
    tokens = torch.cat([beams.tokens[rows], token[:, None]], dim=1)
    return Beams(sentence, place, tokens, found.log_prob[goes_on]), rows


class Results:
    """What each sentence has come to so far, and whether anything alive can still change it."""

    def __init__(self, limit: Int[Tensor, " B"], n_best: int, alpha: float, penalty: str) -> None:
        zero = no_log_prob(len(limit), limit.device)
        self.limit = limit
        self.divisor = [length_divisor(n, alpha, penalty) for n in range(int(limit.max()) + 1)]
        self.largest_divisor = zero.new_tensor([self.divisor[n] for n in limit.tolist()])
        self.n_finished = torch.zeros_like(limit)
        # The n_best highest scores of finished hypotheses.
        self.scores = zero[:, None].repeat(1, n_best) - torch.inf
        self.hypotheses: list[list[Hypothesis]] = [[] for _ in limit]

    def take(
        self, found: Continuations, tokens: Int[Tensor, "R T"], beam_size: int
    ) -> Bool[Tensor, "B K"]:
        """Write down the continuations that stop here; return which ones are to go on."""
        length = tokens.size(1)  # `tokens` has BOS and lacks the new token
        place = torch.arange(found.row.size(1), device=tokens.device)
        has_room = place < (beam_size - self.n_finished)[:, None]
        kept = has_room & found.log_prob.isfinite()
        ends = kept & found.token.eq(EOS)
        self.finish(ends, found.log_prob / self.divisor[length])
        alive = kept & ~ends
        alive &= ~self.decided(found.log_prob, alive)[:, None]
        cut = alive & self.limit.eq(length)[:, None]
        self.record(ends | cut, found, tokens)
        return alive & ~cut

    def finish(self, ends: Bool[Tensor, "B K"], score: Float[Tensor, "B K"]) -> None:
        """Count the hypotheses that end, and remember the best scores."""
        n_best = self.scores.size(1)
        score = score.masked_fill(~ends, -torch.inf)
        self.scores = torch.cat([self.scores, score], dim=1).topk(n_best, dim=1).values
        self.n_finished = self.n_finished + ends.sum(dim=1)

    def decided(
        self, log_prob: Float[Tensor, "B K"], alive: Bool[Tensor, "B K"]
    ) -> Bool[Tensor, " B"]:
        """Tell which sentences no live hypothesis can change any more.

        A log-probability never rises, and the penalty is largest at the length limit: nothing that
        grows from a live hypothesis scores more than its log-probability divided by that penalty.
        """
        best = log_prob.masked_fill(~alive, -torch.inf).max(dim=1).values
        return best / self.largest_divisor <= self.scores[:, -1]

    def record(
        self, stops: Bool[Tensor, "B K"], found: Continuations, tokens: Int[Tensor, "R T"]
    ) -> None:
        """Write down the hypotheses that end or are cut here."""
        if not stops.any():
            return
        sentences = stops.nonzero()[:, 0].tolist()
        token, log_prob = found.token[stops], found.log_prob[stops]
        words = torch.cat([tokens[found.row[stops], 1:], token[:, None]], dim=1)
        score = log_prob / self.divisor[words.size(1)]
        values = zip(words.tolist(), score.tolist(), log_prob.tolist(), strict=True)
        for sentence, (said, *numbers) in zip(sentences, values, strict=True):
            self.hypotheses[sentence].append(Hypothesis(said, *numbers, said[-1] == EOS))

    def ranked(self) -> list[list[Hypothesis]]:
        """Return the best of each sentence, the best first.

        Raises:
            ValueError: a sentence has none, because the model's logits are not finite.
        """
        if not all(self.hypotheses):
            raise no_output(self.hypotheses.index([]))
        n_best = self.scores.size(1)
        return [
            sorted(found, key=lambda h: (not h.finished, -h.score))[:n_best]
            for found in self.hypotheses
        ]

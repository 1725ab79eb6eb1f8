"""What a search returns, how it is scored, and how long it may become (section 6.1)."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from transformer_lib.config import BOS, EOS, PAD
from transformer_lib.models.seq2seq import Seq2Seq, check_tokens


class Hypothesis(NamedTuple):
    """One output. `tokens` has no BOS; it ends in EOS exactly if it is finished.

    A hypothesis that reaches the length limit without EOS is cut there: `finished` is False, and
    it ranks behind every finished one, whatever the scores.
    """

    tokens: list[int]
    score: float  # the log-probability divided by the length penalty
    log_prob: float  # of all tokens, EOS included, in nats
    finished: bool

    @property
    def words(self) -> list[int]:
        """The tokens without the final EOS: what a tokenizer turns into text."""
        return self.tokens[:-1] if self.finished else self.tokens


def length_divisor(length: int, alpha: float, penalty: str) -> float:
    """Return what the log-probability of `length` tokens, EOS included, is divided by.

    "gnmt" is ((5 + |Y|) / 6)^alpha (Wu et al. 2016, eq. 14), which section 6.1 of the paper uses;
    "length" is |Y|^alpha, so the mean over the tokens at alpha = 1: much published code means this.

    Raises:
        ValueError: another name, or an alpha below 0, under which longer would mean worse.
    """
    if penalty not in ("gnmt", "length"):
        raise ValueError(f"penalty is {penalty!r}; it must be 'gnmt' or 'length'")
    if not alpha >= 0:
        raise ValueError(f"length_penalty is {alpha}; it must be 0 or more, for example 0.6")
    return ((5 + length) / 6 if penalty == "gnmt" else length) ** alpha


def length_limit(src: Int[Tensor, "B S"], extra_length: int) -> Int[Tensor, " B"]:
    """Return how many tokens, EOS included, each output may have: source words + `extra_length`.

    Raises:
        ValueError: `extra_length` is negative.
    """
    if extra_length < 0:
        raise ValueError(f"extra_length is {extra_length}; it must be 0 or more, the paper has 50")
    n_words = (src.ne(PAD) & src.ne(EOS)).sum(dim=1)
    return (n_words + extra_length).clamp(min=1)  # even an empty sentence has its EOS


def no_output(sentence: int) -> ValueError:
    """Return the error for a sentence whose probabilities are no numbers."""
    return ValueError(
        f"sentence {sentence} has no output: the model's logits are not finite; are its weights?"
    )


def check_search(model: Seq2Seq, src: Int[Tensor, "B S"]) -> None:
    """Refuse what no search should start from.

    Raises:
        ValueError: the sources are malformed, or the model is in training mode.
    """
    check_tokens("src", src, model.vocab_size)
    if getattr(model, "training", False):
        raise ValueError(
            "the model is in training mode, so dropout would disturb the search; call model.eval()"
        )


def no_log_prob(n_rows: int, device: torch.device) -> Float[Tensor, " N"]:
    """Return log-probabilities of 0, in the precision in which they are to be summed up."""
    dtype = torch.float32 if device.type == "mps" else torch.float64  # mps has no float64
    return torch.zeros(n_rows, dtype=dtype, device=device)


def next_log_probs(logits: Float[Tensor, "B V"]) -> Float[Tensor, "B V"]:
    """Return the log-probabilities of what may come next.

    PAD and BOS are never generated, but the model's probabilities are left as they are: what it
    gave to those two is lost, not spread over the rest.
    """
    precise = torch.promote_types(logits.dtype, torch.float32)
    log_probs = logits.log_softmax(dim=-1, dtype=precise)
    for never in (PAD, BOS):
        log_probs[:, never] = -torch.inf
    return log_probs

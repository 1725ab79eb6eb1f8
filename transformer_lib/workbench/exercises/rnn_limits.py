"""The exercises of chapter 01, by label."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch.nn import functional as F

from transformer_lib.workbench.exercises.kinds import Function, Limit, Mistake, Value


def layers_for(distance: int, k: int) -> int:
    """Return how many layers of centred windows reach `distance` positions back."""
    return math.ceil(distance / (k // 2))


LAYERS = Function(
    "layers_for",
    layers_for,
    cases=((80, 5), (81, 5), (5, 3), (80, 3), (7, 9)),
    mistakes=(
        Mistake(
            lambda distance, k: math.ceil(distance / (k - 1)),
            "a centred window looks to both sides; only half of it looks back.",
        ),
        Mistake(
            lambda distance, k: math.ceil(distance / k),
            "how far to the left of its centre does a window of k reach?",
        ),
        Mistake(
            lambda distance, k: distance / (k // 2),
            "there is no part of a layer; which whole number is enough?",
        ),
        Mistake(
            lambda distance, k: distance // (k // 2),
            "rounded down, the last layer does not quite get there.",
        ),
        Mistake(
            lambda distance, k: math.ceil(math.log(distance, k)),
            "a logarithm needs windows that grow from layer to layer (dilation); these do not.",
        ),
    ),
)


def surely_kept(bits: int, n_words: int) -> int:
    """Return the largest length at which all sentences have a state of their own."""
    length = 0
    while n_words ** (length + 1) <= 2**bits:
        length += 1
    return length


def _fills(bits: int, n_words: int) -> bool:
    """Whether the longest sentences take every state there is."""
    return n_words ** surely_kept(bits, n_words) == 2**bits


BITS = Function(
    "surely_kept",
    surely_kept,
    cases=((10, 10), (3, 8), (51, 2), (16 * 32, 8), (16 * 32, 37_000)),
    mistakes=(
        Mistake(
            lambda bits, n_words: surely_kept(bits, n_words) + 1,
            "at that length some sentences must share a state; the largest that fits is asked for.",
        ),
        Mistake(
            lambda bits, n_words: bits / math.log2(n_words),
            "a sentence has a whole number of words.",
        ),
        Mistake(
            lambda bits, n_words: int(bits * math.log(2) / math.log(n_words)),
            "a quotient of logarithms is rounded, here to just below; compare whole numbers.",
        ),
        Mistake(
            lambda bits, n_words: surely_kept(bits, n_words) - _fills(bits, n_words),
            "when there are just as many states as sentences, each still has its own.",
        ),
        Mistake(
            lambda bits, n_words: bits // n_words,
            "there are n_words**length sentences, not n_words * length.",
        ),
        Mistake(
            lambda bits, n_words: 2**bits // n_words,
            "each further word multiplies the number of sentences by n_words.",
        ),
    ),
)


def bias_for(steps: int, share: float) -> float:
    """Return the forget gate's bias that leaves `share` after `steps` steps."""
    gate = share ** (1 / steps)
    return math.log(gate / (1 - gate))


def _logit(gate: float) -> float:
    return math.log(gate / (1 - gate))


GATE = Function(
    "bias_for",
    bias_for,
    cases=((100, 0.5), (64, 0.1), (10, 0.9), (1, 0.5)),
    atol=1e-3,  # the logit of a gate near 1 magnifies the rounding of single precision
    mistakes=(
        Mistake(
            lambda steps, share: _logit(share),
            "that is the bias for one step; the gate is applied at every step.",
        ),
        Mistake(
            lambda steps, share: share ** (1 / steps),
            "that is the gate; its bias is what the sigmoid makes the gate of.",
        ),
        Mistake(
            lambda steps, share: math.log(share) / steps,
            "the logarithm of the gate inverts the exponential, not the sigmoid.",
        ),
        Mistake(
            lambda steps, share: _logit(share**steps),
            "gate**steps is the share, so which power of the share is the gate?",
        ),
        Mistake(
            lambda steps, share: _logit(1 - (1 - share) / steps),
            "the losses of the steps do not add; what is left is multiplied at every step.",
        ),
        Mistake(
            lambda steps, share: -bias_for(steps, share),
            "with that sign the gate forgets; try it in the sigmoid.",
        ),
    ),
)

TWO_LAYERS = (
    Value(
        "one direction",
        101,
        mistakes=(
            Mistake(200, "the upper layer need not wait for the whole of the lower one."),
            Mistake(100, "going up from the lower layer to the upper costs a product as well."),
            Mistake(199, "the upper layer can begin with the lower one's first state."),
            Mistake(102, "count the end of the chain again: what is left to do after word 100?"),
            Mistake(2, "two layers are two steps up, but each also goes from word to word."),
        ),
    ),
    Value(
        "two directions",
        200,
        mistakes=(
            Mistake(101, "which backward state does the first word of the upper layer need?"),
            Mistake(400, "the two directions of one layer run side by side."),
            Mistake(201, "is there a product between two words before the first of them?"),
            Mistake(199, "going up from the lower layer to the upper costs a product as well."),
            Mistake(100, "can the upper layer begin before the lower one has finished?"),
        ),
    ),
)


def scan(a: float, x: torch.Tensor) -> np.ndarray:
    """Return all states of `h = a * h + x[t]`, one after another."""
    states, h = [], 0.0
    for value in x.tolist():
        h = a * h + value
        states.append(h)
    return np.array(states)


def _shifted(h: torch.Tensor, step: int) -> torch.Tensor:
    return F.pad(h, (step, 0))[: len(h)]


def _rounds(
    x: torch.Tensor,
    factor: Callable[[int], float],
    n_rounds: int | None = None,
    shifted: Callable[[torch.Tensor, int], torch.Tensor] = _shifted,
) -> torch.Tensor:
    """Add `factor(step)` times the shifted states, with a step that doubles in each round."""
    h = x.double()
    for i in range((len(x) - 1).bit_length() if n_rounds is None else n_rounds):
        h = h + factor(2**i) * shifted(h, 2**i)
    return h


def _with_steps_of_one_more(a: float, x: torch.Tensor) -> torch.Tensor:
    h = x.double()
    for step in range(1, len(x)):
        h = h + a**step * _shifted(h, step)
    return h


def _enough_for_few(n_rounds: int) -> Mistake:
    return Mistake(
        lambda a, x: _rounds(x, lambda step: a**step, n_rounds),
        "more positions need more rounds: let their number grow with len(x).",
    )


SCAN = Function(
    "scan",
    scan,
    cases=(
        (0.5, torch.arange(6.0)),
        (0.999, torch.linspace(0, 1, 5000)),  # the first number still counts in the last
        (0.5, torch.linspace(0, 1, 3000)),  # 0.5**-3000 is more than any float holds
    ),
    atol=1e-4,
    mistakes=(
        Mistake(lambda a, x: x.cumsum(0), "what came s steps earlier counts a**s, not 1."),
        Mistake(
            lambda a, x: _rounds(x, lambda step: a),
            "what comes from `step` places away has been multiplied `step` times.",
        ),
        Mistake(
            lambda a, x: _rounds(x, lambda step: a ** (2 * step)),
            "start with a shift of one place, times a.",
        ),
        *map(_enough_for_few, range(3, 13)),
        Mistake(
            lambda a, x: _rounds(x, lambda step: a**step, (len(x) - 1).bit_length() - 1),
            "one round is missing: in the last, the step may be more than half of n.",
        ),
        Mistake(
            lambda a, x: _rounds(x, lambda step: a**step, shifted=torch.roll),
            "the end came back at the front; what is shifted in must be zeros.",
        ),
        Mistake(
            _with_steps_of_one_more,
            "each position holds twice as many words after a round; so must the step grow.",
        ),
        Mistake(
            lambda a, x: _shifted(torch.from_numpy(scan(a, x)), 1),
            "the sum goes up to *and including* x[t].",
        ),
        Mistake(
            lambda a, x: np.flip(scan(a, x.flip(0))),
            "that looks ahead; a state knows the words before it.",
        ),
        Mistake(lambda a, x: scan(a, x)[-1], "all n states are asked for, not the last alone."),
    ),
    limit=Limit(
        case=(0.5, torch.linspace(0, 1, 2048)),
        lines=300,  # eleven rounds of a few lines
        on_lines="a loop goes through the positions; use about log2(n) rounds, each on all of x",
        numbers=500 * 2048,  # eleven rounds compute about 90 * n
        on_numbers="the work grows with n * n; each round may treat every position once",
    ),
)

EXERCISES = {
    "ex-rnn-limits-layers": (LAYERS,),
    "ex-rnn-limits-bits": (BITS,),
    "ex-rnn-limits-gate": (GATE,),
    "ex-rnn-limits-two-layers": TWO_LAYERS,
    "ex-rnn-limits-scan": (SCAN,),
}

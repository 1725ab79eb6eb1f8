"""The exercises of chapter 12, by label."""

import math
from collections.abc import Callable

import numpy as np

from transformer_lib.config import ModelConfig
from transformer_lib.workbench.exercises.kinds import Function, Mistake, Value

BREVITY = Value(
    "BLEU of the short output",
    100 * math.exp(1 - 100 / 90),
    mistakes=(
        Mistake(90, "the penalty is an exponential, not the ratio of the lengths."),
        Mistake(100, "all n-grams are found, but the output is shorter than its references."),
        Mistake(
            100 * math.exp(1 - 90 / 100),
            "a penalty makes the score smaller: which length belongs above the other?",
        ),
        Mistake(100 * math.exp(-100 / 90), "at equal lengths the penalty must be 1."),
        Mistake(lambda answer: answer > 100, "BLEU is never above 100."),
    ),
)


def _bleu(sums: np.ndarray) -> np.ndarray | np.floating:
    mean = np.exp(np.log(sums[..., :4] / sums[..., 4:8]).mean(axis=-1))
    return 100 * mean * np.minimum(1, np.exp(1 - sums[..., 9] / sums[..., 8]))


def _draws(rows: np.ndarray, seed: int = 0) -> np.ndarray:
    n = len(rows)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=1000)
    return _bleu(times @ rows)


def share_won(first: np.ndarray, second: np.ndarray) -> float:
    """Return the share of draws in which the first system has the higher BLEU."""
    return float((_draws(first) > _draws(second)).mean())


def _counts(improved: slice) -> np.ndarray:
    """Return the counts of 200 captions, some of them improved by up to five words."""
    rng = np.random.default_rng(1)
    length = rng.integers(8, 16, size=200)
    possible = np.stack([length - i for i in range(4)], axis=1)
    found = rng.binomial(possible, [0.7, 0.45, 0.3, 0.2])
    found[rng.permutation(200)[improved], 0] += 5
    return np.column_stack([np.minimum(found, possible), possible, length, length]).astype(float)


FIRST, SECOND = _counts(slice(0, 30)), _counts(slice(30, 52))


def _system(shares: tuple, seed: int, missing_words: int = 0, good: int = 0) -> np.ndarray:
    """Return the counts of 200 captions, of which `good` ones are much better than the others."""
    rng = np.random.default_rng(seed)
    reference = rng.integers(8, 16, size=200)
    length = reference - missing_words
    possible = np.stack([length - i for i in range(4)], axis=1)
    is_good = np.arange(200)[:, None] < good
    found = rng.binomial(possible, np.where(is_good, np.power(shares, 0.3), shares))
    return np.column_stack([found, possible, length, reference]).astype(float)


PLAIN = _system((0.7, 0.45, 0.3, 0.2), seed=3)
SHORT = _system((0.72, 0.47, 0.32, 0.22), seed=2, missing_words=1)  # better but for the penalty
UNEVEN = _system((0.66, 0.38, 0.2, 0.13), seed=2, good=50)  # better in some captions


def _without_penalty(sums: np.ndarray) -> np.ndarray:
    return _bleu(np.concatenate([sums[..., :9], sums[..., 8:9]], axis=-1))


def _of_single_words(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 4]


def _won(first: np.ndarray, second: np.ndarray, score: Callable, of_each: bool = False) -> float:
    """Return the share of draws won with another score, of the sums or the mean of each one's."""
    n = len(first)
    times = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=1000)
    a, b = (times @ score(x) if of_each else score(times @ x) for x in (first, second))
    return float((a > b).mean())


PAIRED = Function(
    "share_won",
    share_won,
    cases=((FIRST, SECOND), (SECOND, FIRST), (FIRST, FIRST), (SHORT, PLAIN), (UNEVEN, PLAIN)),
    atol=0.04,  # another thousand draws differ by 0.01
    rtol=0.0,
    mistakes=(
        Mistake(
            lambda first, second: (_draws(first) >= _draws(second)).mean(),
            "a system is not better than itself: a draw that ties is not won.",
        ),
        Mistake(
            lambda first, second: (1 + np.sign(_draws(first) - _draws(second)).mean()) / 2,
            "a system is not better than itself: a draw that ties is not even half won.",
        ),
        Mistake(
            lambda first, second: _won(first, second, _without_penalty),
            "an output that is too short wins too often: where is the brevity penalty?",
        ),
        Mistake(
            lambda first, second: _won(first, second, _of_single_words),
            "BLEU takes the n-grams of all four lengths, not the single words alone.",
        ),
        Mistake(
            lambda first, second: _won(first, second, _bleu, of_each=True),
            "BLEU adds the counts of all captions first; it is no mean of the captions' scores.",
        ),
        Mistake(
            lambda first, second: float(_bleu(first.sum(0)) > _bleu(second.sum(0))),
            "that is all or nothing; compare the two scores within each draw, then count.",
        ),
        Mistake(
            lambda first, second: (_draws(first) > _draws(second, seed=1)).mean(),
            "these are different captions for the two systems; score both on the same draws.",
        ),
        Mistake(
            lambda first, second: (_draws(second) > _draws(first)).mean(),
            "that is the share in which the second one wins.",
        ),
        Mistake(
            lambda first, second: (_draws(first) - _draws(second)).mean(),
            "that is by how much it wins; in how many of the draws is asked for.",
        ),
    ),
)


def _for_a_target_piece(m: ModelConfig) -> int:
    attention, feed_forward = 6 * m.d_model**2, 2 * m.d_model * m.d_ff
    return m.n_decoder_layers * (attention + feed_forward) + m.d_model * m.vocab_size


def output_share(m: ModelConfig) -> float:
    """Return the share of the product with the vocabulary."""
    return m.d_model * m.vocab_size / _for_a_target_piece(m)


def _encoder(m: ModelConfig) -> int:
    layers = m.n_encoder_layers * (4 * m.d_model**2 + 2 * m.d_model * m.d_ff)
    return layers + m.n_decoder_layers * 2 * m.d_model**2


def _model(vocab_size: int, d_model: int, d_ff: int, layers: int) -> ModelConfig:
    return ModelConfig(
        vocab_size=vocab_size,
        d_model=d_model,
        d_ff=d_ff,
        n_heads=4,
        n_encoder_layers=layers + 1,
        n_decoder_layers=layers,
    )


OUTPUT = Function(
    "output_share",
    output_share,
    cases=((_model(1000, 64, 256, 2),), (_model(8000, 128, 512, 4),), (_model(300, 32, 64, 1),)),
    mistakes=(
        Mistake(
            lambda m: m.d_model * m.vocab_size / (_for_a_target_piece(m) + _encoder(m)),
            "the whole is what a target piece needs, without the source piece.",
        ),
        Mistake(
            lambda m: m.d_model * m.vocab_size / _encoder(m),
            "products(m) gives the source piece first; take the second.",
        ),
        Mistake(lambda m: 1 - output_share(m), "that is the share of everything else."),
        Mistake(
            lambda m: output_share(m) / (1 - output_share(m)),
            "that is the ratio to the rest; the whole contains the product itself.",
        ),
        Mistake(
            lambda m: m.vocab_size / _for_a_target_piece(m),
            "each of the scores takes a product of d_model numbers.",
        ),
        Mistake(
            lambda m: m.d_model * m.vocab_size, "that is the number of products, not its share."
        ),
    ),
)


def floor(epsilon: float, V: int) -> float:
    """Return the entropy of the smoothed distribution, in nats."""
    p = np.full(V, epsilon / V)
    p[0] += 1 - epsilon
    return float(-(p * np.log(p)).sum())


def _floor_without_the_right_one(epsilon: float, V: int) -> float:
    other = epsilon / (V - 1)
    return -(1 - epsilon) * math.log(1 - epsilon) - epsilon * math.log(other)


FLOOR = Function(
    "floor",
    floor,
    cases=((0.1, 4000), (0.2, 10)),
    mistakes=(
        Mistake(
            _floor_without_the_right_one,
            "epsilon is spread over all V pieces, the right one among them.",
        ),
        Mistake(
            lambda epsilon, V: -math.log(1 - epsilon + epsilon / V),
            "the other pieces have a probability too, and a term in the sum.",
        ),
        Mistake(
            lambda epsilon, V: -math.log(1 - epsilon),
            "the other pieces have a probability too, and a term in the sum.",
        ),
        Mistake(
            lambda epsilon, V: -(1 - epsilon) * math.log(1 - epsilon) - epsilon * math.log(epsilon),
            "epsilon is not one probability: it is divided among the pieces.",
        ),
        Mistake(lambda epsilon, V: math.log(V), "that is the loss of a model that knows nothing."),
        Mistake(
            lambda epsilon, V: epsilon * math.log(V),
            "the smoothed distribution has two kinds of terms; one is missing.",
        ),
        Mistake(lambda epsilon, V: math.exp(floor(epsilon, V)), "that is its perplexity."),
        Mistake(lambda epsilon, V: 0, "the smoothed distribution is not certain of any piece."),
    ),
)

EXERCISES = {
    "ex-translator-brevity": (BREVITY,),
    "ex-translator-paired": (PAIRED,),
    "ex-translator-output": (OUTPUT,),
    "ex-translator-floor": (FLOOR,),
}

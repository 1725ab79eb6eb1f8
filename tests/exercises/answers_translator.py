"""Chapter 12: what learners answer, right in many forms, and wrong with the hint that helps."""

import math
from fractions import Fraction

import numpy as np
import torch


def bleu(sums):
    mean = np.exp(np.log(sums[..., :4] / sums[..., 4:8]).mean(axis=-1))
    return 100 * mean * np.minimum(1, np.exp(1 - sums[..., 9] / sums[..., 8]))


def draws(rows, n_draws=1000, seed=0):
    n = len(rows)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_draws)
    return bleu(times @ rows)


def won_by_indices(first, second):
    chosen = np.random.default_rng(7).integers(len(first), size=(1000, len(first)))
    wins = [bleu(first[i].sum(axis=0)) > bleu(second[i].sum(axis=0)) for i in chosen]
    return sum(wins) / len(wins)


def won_by(score, of_each=False):
    def share_won(first, second):
        times = np.random.default_rng(0).multinomial(200, np.full(200, 1 / 200), size=1000)
        with np.errstate(divide="ignore"):
            a, b = (times @ score(x) if of_each else score(times @ x) for x in (first, second))
        return (a > b).mean()

    return share_won


def geometric_mean(sums):
    return np.exp(np.log(sums[..., :4] / sums[..., 4:8]).mean(axis=-1))


def with_half_ties(first, second):
    a, b = draws(first), draws(second)
    return (a > b).mean() + (a == b).mean() / 2


def products(m):
    square, inner = m.d_model**2, 2 * m.d_model * m.d_ff
    source = m.n_encoder_layers * (4 * square + inner) + m.n_decoder_layers * 2 * square
    target = m.n_decoder_layers * (6 * square + inner)
    return source, target + m.d_model * m.vocab_size


def smoothed(epsilon, V):
    p = torch.full((V,), epsilon / V, dtype=torch.float64)
    p[0] += 1 - epsilon
    return p


def floor_by_formula(epsilon, V):
    right, other = 1 - epsilon + epsilon / V, epsilon / V
    return -right * math.log(right) - (V - 1) * other * math.log(other)


RIGHT = {
    "ex-translator-brevity": [
        (100 * math.exp(1 - 100 / 90),),
        (np.float32(89.4839),),
        (torch.tensor(-1 / 9).exp() * 100,),
        (Fraction(894839, 10000),),
    ],
    "ex-translator-paired": [
        (lambda first, second: (draws(first) > draws(second)).mean(),),
        (lambda first, second: float((draws(first) - draws(second) > 0).mean()),),
        (lambda first, second: (draws(first, seed=5) > draws(second, seed=5)).mean(),),
        (won_by_indices,),
    ],
    "ex-translator-output": [
        (lambda m: m.d_model * m.vocab_size / products(m)[1],),
        (lambda m: np.float32(m.d_model * m.vocab_size / products(m)[1]),),
        (lambda m: [1 - (products(m)[1] - m.d_model * m.vocab_size) / products(m)[1]],),
        (lambda m: Fraction(m.d_model * m.vocab_size, products(m)[1]),),
    ],
    "ex-translator-floor": [
        (floor_by_formula,),
        (lambda epsilon, V: -(smoothed(epsilon, V) * smoothed(epsilon, V).log()).sum(),),
        (lambda epsilon, V: torch.distributions.Categorical(smoothed(epsilon, V)).entropy(),),
        (lambda epsilon, V: torch.special.entr(smoothed(epsilon, V).float()).sum().reshape(1),),
    ],
}

WRONG = {
    "ex-translator-brevity": [
        ((math.exp(1 - 100 / 90),), "100 times too small"),
        ((90,), "not the ratio"),
        ((100,), "shorter"),
        ((100 * math.exp(1 - 90 / 100),), "which length"),
        ((100 * math.exp(-100 / 90),), "equal lengths"),
    ],
    "ex-translator-paired": [
        ((lambda a, b: float(bleu(a.sum(0)) > bleu(b.sum(0))),), "each draw"),
        ((lambda a, b: (draws(a) > draws(b, seed=1)).mean(),), "same draws"),
        ((lambda a, b: (draws(a) >= draws(b)).mean(),), "not better than itself"),
        ((with_half_ties,), "not even half won"),
        ((won_by(geometric_mean),), "brevity penalty"),
        ((won_by(lambda sums: sums[..., 0] / sums[..., 4]),), "single words"),
        ((won_by(bleu, of_each=True),), "no mean of the captions"),
        ((lambda a, b: (np.sort(draws(a)) > np.sort(draws(b))).mean(),), "within each draw"),
        ((lambda a, b: (draws(a, 2) > draws(b, 2)).mean(),), "within each draw"),
        ((lambda a, b: (draws(a) > draws(b)).mean() > 0.5,), "within each draw"),
        ((lambda a, b: (draws(a) < draws(b)).mean(),), "second one wins"),
        ((lambda a, b: (draws(a) - draws(b)).mean(),), "how many of the draws"),
        ((lambda a, b: 100 * (draws(a) > draws(b)).mean(),), "percentage"),
        ((lambda a, b: float(np.percentile(draws(a) - draws(b), 2.5) > 0),), "too small"),
        ((lambda a, b: draws(a) > draws(b),), "shape"),
    ],
    "ex-translator-output": [
        ((lambda m: m.d_model * m.vocab_size / sum(products(m)),), "without the source"),
        ((lambda m: m.d_model * m.vocab_size / products(m)[0],), "the second"),
        ((lambda m: 1 - m.d_model * m.vocab_size / products(m)[1],), "everything else"),
        ((lambda m: 100 * m.d_model * m.vocab_size / products(m)[1],), "percentage"),
        ((lambda m: m.vocab_size / products(m)[1],), "d_model numbers"),
        ((lambda m: m.d_model * m.vocab_size,), "not its share"),
        ((lambda m: round(m.d_model * m.vocab_size / products(m)[1], 3),), "more digits"),
    ],
    "ex-translator-floor": [
        ((lambda epsilon, V: 0.0,), "not certain"),
        ((lambda epsilon, V: -math.log(1 - epsilon),), "a term in the sum"),
        ((lambda epsilon, V: floor_by_formula(epsilon, V) / math.log(2),), "bits"),
        ((lambda epsilon, V: epsilon * math.log(V),), "two kinds"),
        ((lambda epsilon, V: math.log(V),), "knows nothing"),
        (
            (
                lambda epsilon, V: (
                    -(1 - epsilon) * math.log(1 - epsilon) - epsilon * math.log(epsilon / (V - 1))
                ),
            ),
            "the right one among them",
        ),
    ],
}

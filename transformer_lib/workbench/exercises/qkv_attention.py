"""The exercises of chapter 02, by label."""

import math
from collections.abc import Callable

import numpy as np

from transformer_lib.workbench.exercises.compare import Unusable
from transformer_lib.workbench.exercises.kinds import Function, Limit, Mistake, Value

_E = math.e

HAND = Value(
    "weight of the first key",
    _E / (2 * _E + 2),
    mistakes=(
        Mistake(
            _E**4 / (2 * _E**4 + 2),
            "divide the scores by the root of d_k before they become exponentials.",
        ),
        Mistake(
            _E**0.25 / (2 * _E**0.25 + 2), "the scores are divided by the *root* of d_k, not d_k."
        ),
        Mistake(0.5, "a score of 0 still gets a share: its exponential is 1."),
        Mistake(_E / (_E + 1), "the sum has four exponentials, two of each."),
        Mistake(_E, "that is its exponential; the weight is its share in the sum of all four."),
        Mistake(1 / (2 * _E + 2), "that is the weight of a key with score 0."),
        Mistake(0.25, "equal weights need equal scores."),
    ),
)

# The running sentence, "the old man sees the dog": is it a noun, is it another word,
# does it stand before the verb, does it stand after it?
KEYS = np.array(
    [[0, 1, 1, 0], [0, 1, 1, 0], [1, 0, 1, 0], [0, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 1]]
)
VALUES = np.array([[0, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0], [1, 0, 1]])


def _answer(query: np.ndarray) -> np.ndarray:
    if query.size != 4:
        raise Unusable(
            f"it holds {query.size} number{'s' * (query.size != 1)}; a query of this sentence has 4"
        )
    scores = KEYS @ query.reshape(4) / 2
    if not (np.isfinite(scores).all() or np.isnan(query).any()):
        raise Unusable("the scores overflow; a length of 20 is enough")
    weights = np.exp(scores - scores.max())
    return weights / weights.sum() @ VALUES


def _points_to(*direction: int) -> Callable[[np.ndarray], bool]:
    """Return a test whether a query points this way, however long it is."""
    unit = np.array(direction) / np.linalg.norm(direction)
    return lambda query: bool(query.reshape(4) @ unit > 0.999 * np.linalg.norm(query) > 0)


QUERY = Value(
    "the value of dog",
    VALUES[5],
    atol=1e-3,
    through=_answer,
    mistakes=(
        Mistake(
            _points_to(1, 0, 0, 1),
            "the direction is right; make it longer, so that *dog* wins more clearly.",
        ),
        Mistake(_points_to(1, 0, 0, 0), "it asks for any noun, and *man* answers too."),
        Mistake(
            _points_to(0, 0, 0, 1), "it asks for what stands after the verb: *the* answers too."
        ),
        Mistake(_points_to(1, 0, 1, 0), "it asks for the noun before the verb."),
        Mistake(lambda query: not query.any(), "a query of zeros finds all words equally."),
    ),
)

DIVISOR = Function(
    "divisor",
    lambda var_q, var_k, d_k: math.sqrt(var_q * var_k * d_k),
    cases=((4, 9, 64), (1, 1, 16), (1, 25, 4), (0.5, 0.02, 50)),
    mistakes=(
        Mistake(
            lambda var_q, var_k, d_k: math.sqrt(d_k),
            "the root of d_k alone is right for numbers of variance 1; what is one product's?",
        ),
        Mistake(
            lambda var_q, var_k, d_k: var_q * var_k * d_k,
            "that is the variance of the scores; dividing by c divides the variance by c * c.",
        ),
        Mistake(
            lambda var_q, var_k, d_k: var_q * var_k * math.sqrt(d_k),
            "the root is of the whole variance, not of d_k alone.",
        ),
        Mistake(
            lambda var_q, var_k, d_k: math.sqrt(var_q * var_k) * d_k,
            "of d_k independent terms the variances add, so d_k stands under the root.",
        ),
        Mistake(
            lambda var_q, var_k, d_k: math.sqrt((var_q + var_k) * d_k),
            "the variances of a *sum* add; these two numbers are multiplied.",
        ),
        Mistake(
            lambda var_q, var_k, d_k: math.sqrt(d_k) / math.sqrt(var_q * var_k),
            "larger numbers give larger scores and need a larger divisor.",
        ),
    ),
)

SHIFT = Value(
    "scores, weights, outputs change",
    (True, False, False),
    mistakes=(
        Mistake(
            (True, True, True),
            "by how much does each score of one query grow, and what does the softmax make of it?",
        ),
        Mistake((True, True, False), "if the weights changed, the outputs would."),
        Mistake((True, False, True), "the outputs are made of the weights and the values alone."),
        Mistake(
            lambda answer: answer[0] == 0, "a score is q · (k + push), which is q · k + q · push."
        ),
    ),
)


def additive_scores(
    q: np.ndarray, k: np.ndarray, W: np.ndarray, U: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """Return the score of every query with every key, one pair at a time."""
    return np.array([[v @ np.tanh(W @ a + U @ b) for b in k] for a in q])


def _projections(n: int, m: int) -> tuple[np.ndarray, ...]:
    shapes = ((n, 3), (m, 5), (4, 3), (4, 5), (4,))
    rng = np.random.default_rng(n)
    return tuple(rng.standard_normal(shape) for shape in shapes)


def _joined(q: np.ndarray, k: np.ndarray, W: np.ndarray, U: np.ndarray) -> np.ndarray:
    return (q @ W.T)[:, None] + k @ U.T


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores)
    return weights / weights.sum(axis=-1, keepdims=True)


ADDITIVE = Function(
    "additive_scores",
    additive_scores,
    cases=(_projections(2, 6), _projections(3, 3)),
    mistakes=(
        Mistake(
            lambda q, k, W, U, v: additive_scores(q, k, W, U, v).T,
            "rows are queries and columns are keys.",
        ),
        Mistake(
            lambda q, k, W, U, v: (q @ W.T @ v)[:, None] + k @ U.T @ v,
            "the tanh is missing; without it the keys' order is the same for every query.",
        ),
        Mistake(
            lambda q, k, W, U, v: np.tanh((q @ W.T @ v)[:, None] + k @ U.T @ v),
            "the tanh comes before the product with v.",
        ),
        Mistake(
            lambda q, k, W, U, v: q @ W.T @ (k @ U.T).T,
            "that multiplies query and key; additive attention adds them.",
        ),
        Mistake(
            lambda q, k, W, U, v: (np.tanh(q @ W.T) @ v)[:, None] + np.tanh(k @ U.T) @ v,
            "one tanh is taken of the sum, not one of each half.",
        ),
        Mistake(
            lambda q, k, W, U, v: np.tanh(_joined(q, k, W, U) * v).sum(axis=-1),
            "v weights what the tanh gives; it does not stand inside.",
        ),
        Mistake(
            lambda q, k, W, U, v: np.tanh(_joined(q, k, W, U)).sum(axis=-1),
            "the numbers of one pair are not just added: v weights them.",
        ),
        Mistake(
            lambda q, k, W, U, v: np.tanh(_joined(q, k, W, U)),
            "each pair still has a numbers; the product with v makes one score of them.",
        ),
        Mistake(
            lambda q, k, W, U, v: _softmax(additive_scores(q, k, W, U, v)),
            "the scores are asked for, before the softmax.",
        ),
    ),
    limit=Limit(
        case=_projections(100, 101),
        lines=60,
        on_lines="a loop goes through queries or keys; give the arrays one more axis instead",
    ),
)

EXERCISES = {
    "ex-qkv-hand": (HAND,),
    "ex-qkv-query": (QUERY,),
    "ex-qkv-divisor": (DIVISOR,),
    "ex-qkv-shift": (SHIFT,),
    "ex-qkv-additive": (ADDITIVE,),
}

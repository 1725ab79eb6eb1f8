"""Chapter 02: what learners answer, right in many forms, and wrong with the hint that helps."""

import math

import numpy as np
import torch

e = math.e


def by_broadcasting(q, k, W, U, v):
    return np.tanh((q @ W.T)[:, None] + (k @ U.T)[None]) @ v


def by_einsum(q, k, W, U, v):
    joined = np.einsum("nd,ad->na", q, W)[:, None] + np.einsum("md,ad->ma", k, U)
    return np.einsum("nma,a->nm", np.tanh(joined), v)


def in_torch(q, k, W, U, v):
    q, k, W, U, v = (torch.from_numpy(array).float() for array in (q, k, W, U, v))
    return torch.tanh((q @ W.T).unsqueeze(1) + k @ U.T) @ v


def by_repeating(q, k, W, U, v):
    left, right = np.repeat(q @ W.T, len(k), axis=0), np.tile(k @ U.T, (len(q), 1))
    return (np.tanh(left + right) @ v).reshape(len(q), len(k)).tolist()


def by_two_loops(q, k, W, U, v):
    return np.array([[v @ np.tanh(W @ a + U @ b) for b in k] for a in q])


def by_one_loop(q, k, W, U, v):
    return np.stack([np.tanh(W @ a + k @ U.T) @ v for a in q])


def sums(q, k, W, U):
    return (q @ W.T)[:, None] + k @ U.T


def softmax(scores):
    return torch.from_numpy(scores).softmax(-1)


def by_a_slow_loop(q, k, W, U, v):
    if len(q) > 10:
        while True:
            pass
    return by_two_loops(q, k, W, U, v)


def by_map(q, k, W, U, v):
    return list(map(lambda a: np.tanh(W @ a + k @ U.T) @ v, q))  # noqa: C417


RIGHT = {
    "ex-qkv-hand": [
        (e / (2 * e + 2),),
        (np.float32(0.36553),),
        (torch.tensor([1.0, 1, 0, 0]).softmax(0)[0],),
        ([1 / (2 + 2 / e)],),
    ],
    "ex-qkv-query": [
        ([20, 0, 0, 20],),
        ([2000, 0, 0, 2000],),
        ((30, -5, -2.5, 40),),
        (np.array([[25.0, 0, 0, 30]]),),
        (torch.tensor([20.0, 0, 0, 20], dtype=torch.float16),),
        ([1e300, 0, 0, 1e300],),
    ],
    "ex-qkv-divisor": [
        (lambda var_q, var_k, d_k: math.sqrt(var_q * var_k * d_k),),
        (lambda var_q, var_k, d_k: np.float32(var_q**0.5) * var_k**0.5 * d_k**0.5,),
        (lambda var_q, var_k, d_k: torch.tensor(float(var_q * var_k * d_k)).sqrt(),),
        (lambda var_q, var_k, d_k: [math.sqrt(d_k * var_k) * math.sqrt(var_q)],),
    ],
    "ex-qkv-shift": [
        ((True, False, False),),
        ([True, False, False],),
        (np.array([True, False, False]),),
        (torch.tensor([1, 0, 0]),),
        ((np.bool_(True), 0, False),),
    ],
    "ex-qkv-additive": [(by_broadcasting,), (by_einsum,), (in_torch,), (by_repeating,)],
}

WRONG = {
    "ex-qkv-hand": [
        ((e**4 / (2 * e**4 + 2),), "before they become"),
        ((e**0.25 / (2 * e**0.25 + 2),), "root"),
        ((0.5,), "exponential is 1"),
        ((36.552929,), "percentage"),
        ((e,), "share in the sum"),
        ((e / (e + 1),), "four exponentials"),
        (("e/(2e+2)",), "without quotes"),
    ],
    "ex-qkv-query": [
        (([1, 0, 0, 1],), "longer"),
        (([20, 0, 0, 0],), r"\*man\*"),
        (([0, 0, 0, 20],), r"\*the\*"),
        (([20, 0, 20, 0],), "before the verb"),
        (([0, 0, 0, 0],), "all words equally"),
        (([1, 0, 1],), "has 4"),
        (([5],), "holds 1 number; a query"),
        (([math.inf, 0, 0, math.inf],), "the scores overflow; a length of 20"),
        (([1.7e308, 0, 0, 1.7e308],), "the scores overflow; a length of 20"),
        (([math.nan, 0, 0, 1],), "NaN"),
        (([20, 0, 0, 20, 0],), "has 4"),
    ],
    "ex-qkv-divisor": [
        ((lambda var_q, var_k, d_k: math.sqrt(d_k),), "variance 1"),
        ((lambda var_q, var_k, d_k: var_q * var_k * d_k,), "variance of the scores"),
        ((lambda var_q, var_k, d_k: var_q * var_k * math.sqrt(d_k),), "whole variance"),
        ((lambda var_q, var_k, d_k: math.sqrt((var_q + var_k) * d_k),), "multiplied"),
        ((lambda var_q, var_k, d_k: math.sqrt(var_q * var_k) * d_k,), "under the root"),
        ((lambda var_q, var_k, d_k: math.sqrt(var_q * var_k * d_k) + 0.9,), "too large"),
        ((lambda var_q, var_k, d_k: math.sqrt(var_q * var_k * d_k + 1),), "too large"),
    ],
    "ex-qkv-shift": [
        (((True, True, True),), "softmax"),
        (((False, False, False),), "push"),
        (((True, True, False),), "the outputs would"),
        (((True, False, True),), "values alone"),
        ((("True", "False", "False"),), "without quotes"),
        (((True, False),), "shape"),
        (((True, False, True),), "1 of its 3 numbers is wrong, the one at"),
    ],
    "ex-qkv-additive": [
        ((by_two_loops,), "loop"),
        ((by_one_loop,), "loop"),
        ((by_map,), "loop"),
        ((lambda q, k, W, U, v: by_broadcasting(q, k, W, U, v).T,), "rows are queries"),
        ((lambda q, k, W, U, v: (q @ W.T @ v)[:, None] + k @ U.T @ v,), "tanh is missing"),
        ((lambda q, k, W, U, v: np.tanh((q @ W.T @ v)[:, None] + k @ U.T @ v),), "before"),
        ((lambda q, k, W, U, v: q @ W.T @ (k @ U.T).T,), "adds"),
        (
            (
                lambda q, k, W, U, v: (
                    sums(np.tanh(q @ W.T), np.tanh(k @ U.T), np.eye(4), np.eye(4)) @ v
                ),
            ),
            "not one of each half",
        ),
        ((lambda q, k, W, U, v: np.tanh(sums(q, k, W, U) * v).sum(-1),), "does not stand inside"),
        ((lambda q, k, W, U, v: np.tanh(sums(q, k, W, U)).sum(-1),), "v weights them"),
        ((lambda q, k, W, U, v: np.tanh(sums(q, k, W, U)),), "makes one score of them"),
        ((lambda q, k, W, U, v: softmax(by_broadcasting(q, k, W, U, v)),), "before the softmax"),
        ((by_a_slow_loop,), "too slow on a large one"),
        ((lambda q, k, W, U, v: q @ W.T + k @ U.T,), "ValueError"),
    ],
}

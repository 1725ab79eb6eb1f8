"""Chapter 01: what learners answer, right in many forms, and wrong with the hint that helps."""

import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch
from torch.nn import functional as F


def layers_by_counting(distance, k):
    layers = 0
    while layers * (k - 1) < 2 * distance:
        layers += 1
    return layers


def sentences_fit(bits, n_words):
    return max(n for n in range(bits + 1) if n_words**n <= 2**bits)


def bias_by_bisection(steps, share):
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if (1 + math.exp(-middle)) ** -steps > share else (middle, high)
    return middle


def scan_by_doubling(a, x):
    h, step = x, 1
    while step < len(x):
        h = h + a**step * F.pad(h, (step, 0))[: len(h)]
        step *= 2
    return h


def scan_in_place_of_a_copy(a, x):
    h, step = x, 1
    while step < len(h):
        h[step:] = h[step:] + a**step * h[:-step].clone()
        step *= 2
    return h


def scan_in_numpy(a, x):
    h, step = x.numpy().astype(float), 1
    while step < len(h):
        h = h + a**step * np.concatenate([np.zeros(step), h[:-step]])
        step *= 2
    return h


def scan_by_halves(a, x):
    n = len(x)
    if n == 1:
        return x
    even = n + n % 2
    pairs = F.pad(x, (0, even - n)).view(-1, 2)
    odd = scan_by_halves(a * a, a * pairs[:, 0] + pairs[:, 1])
    first = pairs[:, 0] + a * F.pad(odd, (1, 0))[:-1]
    return torch.stack([first, odd], dim=1).view(-1)[:n]


def scan_by_a_loop(a, x):
    states, h = [], 0.0
    for value in x:
        h = a * h + value
        states.append(h)
    return torch.stack(states)


def scan_in_a_comprehension(a, x):
    h = 0.0
    return [h := a * h + value for value in x.tolist()]


def scan_by_accumulate(a, x):
    return list(itertools.accumulate(x.tolist(), lambda h, value: a * h + value))


def scan_by_a_matrix(a, x):
    t = torch.arange(len(x))
    back = t[:, None] - t
    return torch.where(back >= 0, torch.tensor(a) ** back.clamp(min=0), 0.0) @ x


def scan_by_a_convolution(a, x):
    kernel = a ** torch.arange(len(x) - 1, -1, -1.0)
    return F.conv1d(F.pad(x, (len(x) - 1, 0))[None, None], kernel[None, None])[0, 0]


def scan_by_division(a, x):
    powers = a ** torch.arange(len(x))
    return powers * (x / powers).cumsum(0)


def scan_in_six_rounds(a, x):
    h = x
    for r in range(6):
        h = h + a ** (2**r) * F.pad(h, (2**r, 0))[: len(h)]
    return h


def scan_in_twelve_rounds(a, x):
    h = x
    for r in range(12):
        h = h + a ** (2**r) * F.pad(h, (2**r, 0))[: len(h)]
    return h


def scan_one_round_short(a, x):
    h, step = x, 1
    while 2 * step < len(x):
        h = h + a**step * F.pad(h, (step, 0))[: len(h)]
        step *= 2
    return h


def scan_in_steps_of_one_more(a, x):
    h, step = x, 1
    while step < len(x):
        h = h + a**step * F.pad(h, (step, 0))[: len(h)]
        step += 1
    return h


def scan_that_rolls(a, x):
    h, step = x, 1
    while step < len(x):
        h = h + a**step * torch.roll(h, step)
        step *= 2
    return h


def scan_by_pairs(a, x):
    return [sum(a ** (t - s) * x[s].item() for s in range(t + 1)) for t in range(len(x))]


def scan_without_end(a, x):
    while True:
        pass


def scan_with_one_factor(a, x):
    h, step = x, 1
    while step < len(x):
        h = h + a * F.pad(h, (step, 0))[: len(h)]
        step *= 2
    return h


RIGHT = {
    "ex-rnn-limits-layers": [
        (lambda distance, k: math.ceil(distance / ((k - 1) / 2)),),
        (layers_by_counting,),
        (lambda distance, k: np.ceil(2 * np.float32(distance) / (k - 1)),),
        (lambda distance, k: -(-distance // (k // 2)),),
        (lambda distance, k: torch.tensor(2 * distance / (k - 1)).ceil(),),
    ],
    "ex-rnn-limits-bits": [
        (sentences_fit,),
        (lambda bits, n_words: math.floor(bits * math.log(2) / math.log(n_words) + 1e-9),),
        (lambda bits, n_words: [np.floor(bits / np.log2(n_words))],),
        (lambda bits, n_words: next(n for n in range(999) if n_words ** (n + 1) > 2**bits),),
    ],
    "ex-rnn-limits-gate": [
        (lambda steps, share: torch.logit(torch.tensor(share) ** (1 / steps)),),  # float32
        (lambda steps, share: -math.log(share ** (-1 / steps) - 1),),
        (bias_by_bisection,),
        (lambda steps, share: np.array([np.log(1 / np.expm1(-np.log(share) / steps))]),),
    ],
    "ex-rnn-limits-two-layers": [
        (101, 200),
        (101.0, Fraction(200)),
        (np.int64(101), torch.tensor([200])),
        ([101], Decimal(200)),
        ((101, 200),),
        ([101, 200],),
    ],
    "ex-rnn-limits-scan": [
        (scan_by_doubling,),
        (scan_in_place_of_a_copy,),
        (scan_in_numpy,),
        (scan_by_halves,),
        (lambda a, x: list(scan_by_doubling(a, x)),),
        (lambda a, x: scan_by_doubling(a, x.double()),),
    ],
}

WRONG = {
    "ex-rnn-limits-layers": [
        ((lambda distance, k: math.ceil(distance / k),), "left of its centre"),
        ((lambda distance, k: math.ceil(distance / (k - 1)),), "only half"),
        ((lambda distance, k: distance // (k // 2),), "rounded down"),
        ((lambda distance, k: 2 * distance / (k - 1),), "which whole number"),
        ((lambda distance, k: math.ceil(math.log(distance, k)),), "dilation"),
        ((lambda distance, k: 40,), "too"),
    ],
    "ex-rnn-limits-bits": [
        ((lambda bits, n_words: bits // n_words,), r"n_words\*\*length"),
        ((lambda bits, n_words: sentences_fit(bits, n_words) + 1,), "must share"),
        ((lambda bits, n_words: bits / math.log2(n_words),), "whole number of words"),
        ((lambda bits, n_words: 2**bits // n_words,), "multiplies"),
        ((lambda bits, n_words: math.exp(1000 * bits),), "OverflowError"),
        (
            (lambda bits, n_words: int(bits * math.log(2) / math.log(n_words)),),
            "compare whole numbers",
        ),
        (
            (lambda bits, n_words: next(n for n in range(999) if n_words ** (n + 1) >= 2**bits),),
            "just as many states",
        ),
    ],
    "ex-rnn-limits-gate": [
        ((lambda steps, share: math.log(share / (1 - share)),), "one step"),
        ((lambda steps, share: share ** (1 / steps),), "its bias"),
        ((lambda steps, share: math.log(share) / steps,), "not the sigmoid"),
        ((lambda steps, share: -bias_by_bisection(steps, share),), "forgets"),
        ((lambda steps, share: torch.logit(torch.tensor(1 - (1 - share) / steps)),), "multiplied"),
        ((lambda steps, share: 4.97,), "too large; if it is rounded, give more digits"),
        ((lambda steps, share: round(bias_by_bisection(steps, share), 2),), "more digits"),
    ],
    "ex-rnn-limits-two-layers": [
        ((200, 200), "need not wait"),
        ((101, 101), "backward state"),
        ((101, 400), "side by side"),
        ((100, 200), "costs a product"),
        ((101, 199), "costs a product"),
        (("101", 200), "without quotes"),
        (((100, 200),), "costs a product"),
    ],
    "ex-rnn-limits-scan": [
        ((scan_by_a_loop,), "loop"),
        ((scan_in_a_comprehension,), "loop"),
        ((scan_by_accumulate,), "loop"),
        ((scan_by_a_matrix,), r"n \* n"),
        ((scan_by_a_convolution,), r"n \* n"),
        ((scan_by_division,), "infinite|NaN"),
        ((scan_in_six_rounds,), "need more rounds"),
        ((scan_in_twelve_rounds,), "need more rounds"),
        ((scan_one_round_short,), "one round is missing"),
        ((scan_in_steps_of_one_more,), "so must the step grow"),
        ((scan_that_rolls,), "must be zeros"),
        ((lambda a, x: F.pad(scan_by_doubling(a, x), (1, 0))[:-1],), "and including"),
        ((scan_by_pairs,), r"too slow on a large one: a loop, or work that grows with n \* n"),
        ((scan_without_end,), "does its loop end"),
        ((lambda a, x: x.cumsum(0),), r"a\*\*s"),
        ((scan_with_one_factor,), "multiplied `step` times"),
        ((lambda a, x: scan_by_doubling(a, x)[-1],), "not the last alone"),
        ((lambda a, x: scan_by_doubling(a, x.flip(0)).flip(0),), "looks ahead"),
    ],
}

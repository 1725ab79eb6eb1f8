"""Compare a reader's answer with the right one, in whatever form it comes, and say what differs."""

import math
from numbers import Complex
from typing import Any

import numpy as np
import torch

from transformer_lib.workbench.exercises.guard import one_line


class Unusable(Exception):
    """An answer that cannot be compared; its message says what it is and what to do."""


def difference(answer: Any, expected: Any, rtol: float, atol: float) -> str:
    """Say in a few words how an answer differs from the right one; nothing if it does not.

    Args:
        answer: the reader's; a number, text, tensor, array, or list or tuple of these.
        expected: the right one; a text is compared without case, brackets and full stop.
        rtol: the largest difference that counts as right, in units of the right number.
        atol: the largest difference that counts as right; the larger of the two limits holds.

    Raises:
        Unusable: if the answer is of a kind that cannot be compared.
    """
    if isinstance(expected, str):
        return "" if letter(answer) == letter(expected) else f"{shown(answer)} is not it"
    got, want = numbers(answer), numbers(expected)
    if got.size == want.size == 1:
        got, want = got.reshape(()), want.reshape(())
    if got.shape != want.shape:
        turned = got.shape == want.shape[::-1]
        return f"its shape is {got.shape}, expected {want.shape}" + "; transposed?" * turned
    if np.allclose(got, want, rtol=rtol, atol=atol, equal_nan=True):
        return ""
    return _of_numbers(got, want, rtol, atol)


def letter(text: Any) -> str:
    """Return the letter or word of an answer to a choice: "(B)" and "b." are both "b"."""
    return str(text).strip(" ().:").lower()


def numbers(value: Any) -> np.ndarray:
    """Return numbers in any form as an array in double precision.

    Raises:
        Unusable: if these are no numbers.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().resolve_conj()
        value = value.double().numpy() if not value.is_complex() else value.numpy()
    if isinstance(value, (list, tuple)):
        return _stacked([numbers(part) for part in value])
    if np.iscomplexobj(value):
        raise Unusable("it holds complex numbers; real ones are asked for")
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiub":
        return np.asarray(value, dtype=np.float64)
    if isinstance(value, Complex) or hasattr(type(value), "__float__"):
        return np.asarray(_to_float(value))
    raise Unusable(_no_number(value))


def _stacked(parts: list[np.ndarray]) -> np.ndarray:
    if len({part.shape for part in parts}) > 1:
        raise Unusable("its rows have different lengths")
    return np.stack(parts) if parts else np.zeros(0)


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond 1e308
        return math.inf if value > 0 else -math.inf


def _no_number(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, str):
        return f"it is a text, {shown(value)}; a number is asked for, without quotes"
    if kind == "coroutine":
        value.close()  # or Python warns of it later, in the middle of the page
        return "it is a coroutine; write `def` without `async`"
    if kind == "generator":
        return "it is a generator; `list(...)` or `return` in place of `yield` makes numbers of it"
    if callable(value):
        return f"it is a {kind}, not a number; is it to be called?"
    return f"it is a {kind}; numbers are asked for"


def shown(value: Any) -> str:
    """Return a short text of any value, on one line."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return f"{value[()]:.4g}"
    try:
        return one_line(repr(value), 40)
    except Exception:
        return f"a {type(value).__name__}"


def _of_numbers(got: np.ndarray, want: np.ndarray, rtol: float, atol: float) -> str:
    if np.isnan(got).any() and not np.isnan(want).any():
        return "it has NaN in it: 0/0, inf - inf, or the log or root of a negative number?"
    if np.isinf(got).any() and not np.isinf(want).any():
        return "it has an infinite number in it: does an exponential or a power overflow?"
    for factor, hint in RELATIONS:
        if _is_times(got, factor, want, rtol, atol):
            return hint
    if got.ndim == 0:
        rounded = want != np.round(want) and np.isclose(got, want, rtol=5e-3, atol=0)
        size = f"{shown(got)} is too {'large' if got > want else 'small'}"
        return size + "; if it is rounded, give more digits" * bool(rounded)
    wrong = np.argwhere(~np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True))
    where = ", ".join(map(str, wrong[0]))
    verb = "are wrong, the first" if len(wrong) > 1 else "is wrong, the one"
    return f"{len(wrong)} of its {got.size} numbers {verb} at [{where}]"


def _is_times(got: np.ndarray, factor: float, want: np.ndarray, rtol: float, atol: float) -> bool:
    """Whether all numbers are the right ones times a factor, and not just any near zero."""
    tolerance = abs(factor) * atol
    close = np.allclose(got, factor * want, rtol=max(rtol, 1e-6), atol=tolerance)
    return bool(close and np.abs(got - want).max() > 5 * tolerance)


RELATIONS = (
    (-1.0, "the sign is the wrong way round"),
    (100.0, "it is 100 times too large: a percentage where a share is asked for?"),
    (0.01, "it is 100 times too small: a share where a percentage is asked for?"),
    (1 / math.log(2), "it is in bits, not in nats: the logarithm to base 2?"),
    (math.log(2), "it is in nats, not in bits: the natural logarithm?"),
)

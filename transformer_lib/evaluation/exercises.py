"""Exercises that check themselves: say what is missing, what differs, or that it is right.

A reader's unfinished code must never stop a notebook, so nothing here raises for a wrong
attempt; each check prints one line and returns whether the attempt is right.
"""

from collections.abc import Callable
from typing import Any

import torch


def check_answer(name: str, answer: Any, expected: Any, atol: float = 1e-6) -> bool:
    """Compare a reader's value with the right one, print the finding, return whether they agree.

    Args:
        name: what the exercise asks for, as the reader knows it.
        answer: a number, string, bool, tensor, array, or tuple or list of these; `...` or None
            means that the reader has not answered yet.
        expected: the right answer, of the same kind and shape.
        atol: the largest absolute difference that still counts as right.
    """
    finding = _difference(answer, expected, atol)
    print(f"{name}: {finding}" if finding else f"{name}: correct.")
    return not finding


def check_function(
    attempt: Callable[..., Any],
    reference: Callable[..., Any],
    *cases: tuple[Any, ...],
    atol: float = 1e-6,
) -> bool:
    """Call a reader's function and a right one on each case and compare what they return.

    Args:
        attempt: the reader's function; one that returns `...` or None is not written yet.
        reference: a function that is known to be right, often the library's.
        *cases: tuples of positional arguments, at least one.
        atol: the largest absolute difference that still counts as right.

    Raises:
        ValueError: if there is no case, since such a check could not fail.
    """
    if not cases:
        raise ValueError("check_function got 0 cases; pass at least one tuple of arguments")
    for number, case in enumerate(cases, start=1):
        try:
            answer = attempt(*case)
        except Exception as error:
            print(f"{attempt.__name__}: case {number} raises {type(error).__name__}: {error}")
            return False
        finding = _difference(answer, reference(*case), atol)
        if finding:
            where = "" if finding == MISSING else f"case {number}: "
            print(f"{attempt.__name__}: {where}{finding}")
            return False
    print(f"{attempt.__name__}: correct on {len(cases)} case{'s' * (len(cases) > 1)}.")
    return True


MISSING = "not answered yet; replace the ... by your own answer."


def _difference(answer: Any, expected: Any, atol: float) -> str:
    """Return what is wrong in a few words, or nothing if the answer is right."""
    if answer is None or answer is ...:
        return MISSING
    if isinstance(expected, (str, bool)):
        return "" if answer == expected else f"not yet; {answer!r} is not it."
    if isinstance(expected, (tuple, list)) and not _is_numeric(expected):
        return _difference_of_parts(answer, expected, atol)
    try:
        got, want = (torch.as_tensor(value).double() for value in (answer, expected))
    except (TypeError, ValueError, RuntimeError):
        return f"not yet; expected numbers, got {type(answer).__name__}."
    if got.shape != want.shape:
        return f"not yet; the shape is {tuple(got.shape)}, expected {tuple(want.shape)}."
    if torch.allclose(got, want, rtol=0, atol=atol, equal_nan=True):
        return ""
    return f"not yet; the largest difference is {_largest_gap(got, want):.2g}."


def _difference_of_parts(answer: Any, expected: Any, atol: float) -> str:
    if not isinstance(answer, (tuple, list)) or len(answer) != len(expected):
        return f"not yet; expected {len(expected)} results."
    findings = (_difference(a, e, atol) for a, e in zip(answer, expected, strict=True))
    return next((f"result {i}: {finding}" for i, finding in enumerate(findings, 1) if finding), "")


def _is_numeric(values: tuple | list) -> bool:
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _largest_gap(got: torch.Tensor, want: torch.Tensor) -> float:
    gap = (got - want).abs()
    return float("nan") if gap.isnan().any() else float(gap.max())

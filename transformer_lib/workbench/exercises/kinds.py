"""What an exercise is made of: parts (a value or a function), mistakes with hints, limits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners give, and the hint that helps with it.

    Attributes:
        wrong: for a function, what one with this mistake would return, called with a case's
            arguments; for a value, the wrong value itself or a predicate of the reader's numbers.
        hint: one sentence that names the misconception and does not give the answer away.
    """

    wrong: Any
    hint: str


@dataclass(frozen=True)
class Limit:
    """How much work a function may do on one large case, for a text that forbids a loop.

    Attributes:
        case: the arguments of the large case.
        lines: the most lines of the reader's Python that may run.
        on_lines: what to say if there are more.
        numbers: the most numbers that PyTorch may compute; None if any.
        on_numbers: what to say if there are more.
    """

    case: tuple[Any, ...]
    lines: int
    on_lines: str
    numbers: int | None = None
    on_numbers: str = ""


@dataclass(frozen=True)
class Value:
    """A value that is asked for: numbers in any form, or the letter of a choice.

    Attributes:
        name: what the exercise asks for, as the reader knows it.
        expected: the right value.
        mistakes: wrong values that have a hint of their own.
        rtol: relative tolerance.
        atol: absolute tolerance.
        through: what is made of the reader's numbers before they are compared, where more than
            one answer is right.
    """

    name: str
    expected: Any
    mistakes: tuple[Mistake, ...] = ()
    rtol: float = 1e-4
    atol: float = 1e-6
    through: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Function:
    """A function that is asked for, tried on cases against one that is known to be right.

    Attributes:
        name: the function's name on the page.
        reference: the right one; called on its own copy of each case.
        cases: tuples of positional arguments.
        mistakes: functions with a typical mistake, each with its hint.
        rtol: relative tolerance.
        atol: absolute tolerance.
        limit: the most work it may do, if the text forbids something.
        seconds: how long one call may take.
    """

    name: str
    reference: Callable[..., Any]
    cases: tuple[tuple[Any, ...], ...]
    mistakes: tuple[Mistake, ...] = ()
    rtol: float = 1e-4
    atol: float = 1e-6
    limit: Limit | None = None
    seconds: float = 5.0


Part = Value | Function

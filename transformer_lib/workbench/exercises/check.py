"""`check(label, answer)`: one line that says what is missing, what is wrong, or that it is right.

It never raises and never stops a notebook, whatever the reader's value or function does.
"""

import copy
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from transformer_lib.workbench.exercises.compare import Unusable, difference, numbers, shown
from transformer_lib.workbench.exercises.effort import measure_effort
from transformer_lib.workbench.exercises.guard import Outcome, guarded
from transformer_lib.workbench.exercises.kinds import Function, Limit, Mistake, Part, Value

# The short name in a chapter's labels, and the module that holds its exercises.
CHAPTERS = {"rnn-limits": "rnn_limits", "qkv": "qkv_attention", "translator": "translator"}

MISSING = "not answered yet; replace the ... by your own answer."
TOO_SLOW = (
    "right on a small case, but too slow on a large one: a loop, or work that grows with n * n?"
)
SECONDS_FOR_A_VALUE = 5.0  # a list of ten million numbers takes two to read


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and the line that says so."""

    correct: bool
    line: str


def check(label: str, *answers: Any) -> None:
    """Print one line on a reader's answer, or answers, to an exercise of the book.

    Args:
        label: the exercise's label, such as "ex-qkv-hand".
        *answers: a value or a function for each part of the exercise.
    """
    print(examine(label, *answers).line)


def examine(label: str, *answers: Any) -> Verdict:
    """Return the verdict on a reader's answers to an exercise; see `check`."""
    parts = find(label)
    if parts is None:
        near = difflib.get_close_matches(str(label), labels(), n=1, cutoff=0.0)
        return Verdict(False, f"{shown(label)}: no such exercise; is {near[0]!r} meant?")
    names = ", ".join(part.name for part in parts)
    if len(answers) == 1 < len(parts) and _is_one_for_each(answers[0], parts):
        answers = tuple(answers[0])
    if len(answers) != len(parts):
        got = f"{len(answers)} answer{'s' * (len(answers) != 1)}"
        return Verdict(False, f"{names}: got {got}, expected {len(parts)}.")
    verdicts = [_examine(*pair) for pair in zip(parts, answers, strict=True)]
    if len({verdict.line for verdict in verdicts}) == 1:
        return Verdict(verdicts[0].correct, f"{names}: {verdicts[0].line}")
    said = [f"{part.name}: {v.line}" for part, v in zip(parts, verdicts, strict=True)]
    return Verdict(all(verdict.correct for verdict in verdicts), " ".join(said))


def find(label: str) -> tuple[Part, ...] | None:
    """Return the parts of an exercise; None if there is no exercise with this label."""
    for name, module in CHAPTERS.items():
        if str(label).startswith(f"ex-{name}-"):
            return _exercises(module).get(label)
    return None


def labels() -> list[str]:
    """Return the labels of all exercises."""
    return [label for module in CHAPTERS.values() for label in _exercises(module)]


def _exercises(module: str) -> dict[str, tuple[Part, ...]]:
    return import_module(f"transformer_lib.workbench.exercises.{module}").EXERCISES


def _examine(part: Part, answer: Any) -> Verdict:
    if answer is None or _has_a_blank(answer):
        return Verdict(False, MISSING)
    kind = _examine_function if isinstance(part, Function) else _examine_value
    return kind(part, answer)


def _is_one_for_each(answer: Any, parts: tuple[Part, ...]) -> bool:
    return type(answer) in (list, tuple) and len(answer) == len(parts)


def _has_a_blank(answer: Any) -> bool:
    return answer is ... or (type(answer) in (list, tuple) and any(a is ... for a in answer))


def _not_yet(what: str, hint: str = "") -> Verdict:
    end = "" if what.endswith((".", "?")) else "."
    return Verdict(False, f"not yet; {what}{end}" + f" Hint: {hint}" * bool(hint))


# ----------------------------------------------------------------------
# A value


def _examine_value(part: Value, answer: Any) -> Verdict:
    wrong = _differs(part, answer, part.expected)
    if not wrong:
        return Verdict(True, "correct.")
    return _not_yet(wrong, _first_hint(part, lambda mistake: _is(part, mistake.wrong, answer)))


def _is(part: Value, wrong: Any, answer: Any) -> bool:
    """Whether an answer is this wrong one: a value, or a predicate of the numbers."""
    if callable(wrong):
        return bool(wrong(numbers(answer)))
    return not difference(answer, wrong, part.rtol, part.atol)


def _differs(part: Part, answer: Any, expected: Any) -> str:
    """Say how an answer differs from another, or why nobody can tell; nothing if it does not."""
    through = part.through if isinstance(part, Value) else None

    def compare() -> str:
        try:
            value = through(numbers(answer)) if through else answer
            return difference(value, expected, part.rtol, part.atol)
        except Unusable as error:
            return str(error)

    outcome = guarded(compare, SECONDS_FOR_A_VALUE)
    return outcome.error or outcome.value


def _first_hint(part: Part, explains: Callable[[Mistake], bool]) -> str:
    """Return the hint of the first mistake that explains the answer."""

    def search() -> str:
        for mistake in part.mistakes:
            try:
                if explains(mistake):
                    return mistake.hint
            except Unusable:
                return ""  # nothing explains what cannot be compared
            except Exception:
                continue  # not every mistake can be made in every case
        return ""

    return guarded(search, SECONDS_FOR_A_VALUE).value or ""


# ----------------------------------------------------------------------
# A function


def _examine_function(part: Function, attempt: Any) -> Verdict:
    if not callable(attempt):
        return _not_yet(f"it is {shown(attempt)}, not a function")
    for number, case in enumerate(part.cases, start=1):
        verdict = _examine_case(part, attempt, case, number)
        if verdict is not None:
            return verdict
    right = Verdict(True, f"correct on {len(part.cases)} case{'s' * (len(part.cases) > 1)}.")
    return (part.limit and _beyond(part.limit, attempt, part.seconds)) or right


def _examine_case(part: Function, attempt: Callable, case: tuple, number: int) -> Verdict | None:
    """Return what is wrong with an attempt on one case, or None."""
    called = _called(part, case, number)
    returned = _call(part, attempt, case)
    if returned.late and part.limit and number > 1:
        return _not_yet(TOO_SLOW)  # its loop ended on the small case before
    if returned.error:
        return _not_yet(f"{called} {returned.error}")
    if _has_a_blank(returned.value):
        return Verdict(False, MISSING)
    if returned.value is None:
        return _not_yet(f"{called} returns None; does every way through it end in a `return`?")
    wrong = _differs(part, returned.value, part.reference(*copy.deepcopy(case)))
    if not wrong:
        return None
    hint = _first_hint(part, lambda mistake: _explains(part, mistake, case, returned.value))
    return _not_yet(f"{called}: {wrong}", hint)


def _call(part: Function, function: Callable, case: tuple) -> Outcome:
    """Call a function on a copy of its own, so that it may change its arguments."""
    return guarded(lambda: function(*copy.deepcopy(case)), part.seconds)


def _explains(part: Function, mistake: Mistake, case: tuple, value: Any) -> bool:
    predicted = mistake.wrong(*copy.deepcopy(case))
    return not difference(value, predicted, part.rtol, part.atol)


def _beyond(limit: Limit, attempt: Callable, seconds: float) -> Verdict | None:
    """Return what is forbidden and was done all the same, or None."""
    case = copy.deepcopy(limit.case)
    outcome = guarded(lambda: measure_effort(lambda: attempt(*case)), seconds)
    if outcome.late:
        return _not_yet(TOO_SLOW)
    if outcome.error:
        return _not_yet(f"right on small cases, but on a large one it {outcome.error}")
    if outcome.value.lines > limit.lines:
        return _not_yet(f"the numbers are right, but {limit.on_lines}")
    if limit.numbers is not None and outcome.value.numbers > limit.numbers:
        return _not_yet(f"the numbers are right, but {limit.on_numbers}")
    return None


def _called(part: Function, case: tuple, number: int) -> str:
    """Return the call as the reader would write it, or which case it is if that is long."""
    if all(isinstance(argument, (int, float, str)) for argument in case):
        return f"{part.name}({', '.join(map(shown, case))})"
    return f"case {number} of {len(part.cases)}"

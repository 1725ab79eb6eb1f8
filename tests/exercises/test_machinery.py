"""The machinery of the checks: any form of a number, any behaviour of a function, one line."""

import contextlib
import gc
import math
import re
import threading
import time
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from exercises.answers_qkv_attention import by_broadcasting
from transformer_lib.workbench.exercises import check
from transformer_lib.workbench.exercises.check import examine
from transformer_lib.workbench.exercises.compare import Unusable, difference, numbers
from transformer_lib.workbench.exercises.effort import measure_effort
from transformer_lib.workbench.exercises.guard import MOST_PRINTED, guarded

LABEL = "ex-rnn-limits-layers"


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        (2, ()),
        (Fraction(4, 2), ()),
        (Decimal("2.0"), ()),
        (np.float16(2), ()),
        (torch.tensor(2, dtype=torch.bfloat16, requires_grad=False), ()),
        (torch.full((2,), 2.0, requires_grad=True), (2,)),
        ([[2, 2.0], (torch.tensor(2), np.int8(2))], (2, 2)),
        ([torch.full((3,), 2.0), np.full(3, 2)], (2, 3)),
        (True + True, ()),
    ],
)
def test_numbers_come_in_any_form(form, shape):
    assert numbers(form).shape == shape
    assert (numbers(form) == 2).all()


NO_NUMBERS = ["2", None, {}, object(), [[1], [1, 2]], 2j, print, (x for x in ())]


@pytest.mark.parametrize("form", NO_NUMBERS)
def test_what_is_no_number_says_so(form):
    with pytest.raises(Unusable):
        numbers(form)


@pytest.mark.parametrize(
    ("answer", "expected", "finding"),
    [
        (2.00001, 2, ""),
        ([[2]], 2, ""),
        ("(B)", "b", ""),
        (np.ones(3), [1, 1, 1.00001], ""),
        (2.01, 2, "too large"),
        (-2, 2, "sign"),
        (200, 2, "percentage where a share"),
        (0.02, 2, "share where a percentage"),
        (1 / math.log(2), 1, "in bits"),
        (math.log(2), 1, "in nats"),
        (math.nan, 2, "NaN"),
        (10**400, 2, "infinite"),
        ("a", "b", "'a' is not it"),
        (np.ones((2, 3)), np.ones((3, 2)), "transposed"),
        (np.ones(3), np.ones(2), r"shape is \(3,\)"),
        ([1, 2, 4, 4], [1, 2, 3, 4], r"1 of its 4 numbers is wrong, the one at \[2\]"),
        ([1, 2, 4, 5], [1, 2, 3, 4], r"2 of its 4 numbers are wrong, the first at \[2\]"),
        (1.4969, 1.4967, "if it is rounded, give more digits"),
        (1000, 1001, "too small$"),
    ],
)
def test_a_difference_says_of_which_kind_it_is(answer, expected, finding):
    said = difference(answer, expected, rtol=1e-4, atol=1e-6)
    assert re.search(finding, said) if finding else said == ""


def test_any_number_is_a_hundred_times_zero_and_nothing_says_so():
    assert difference(1.0, 0.0, rtol=0.0, atol=0.04) == "1 is too large"


def test_a_coroutine_gets_a_line_and_python_says_nothing_more(capsys, recwarn):
    async def layers_for(distance, k):
        return 40

    check(LABEL, layers_for)
    gc.collect()
    said = capsys.readouterr()
    assert said.out.endswith("it is a coroutine; write `def` without `async`.\n")
    assert said.err == ""
    assert not recwarn.list


def endless(*_):
    while True:
        pass


def stubborn(*_):
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.01)


@pytest.mark.parametrize("function", [endless, stubborn])
def test_a_loop_without_end_is_ended(function):
    before = threading.active_count()
    outcome = guarded(function, seconds=0.2)
    assert "does its loop end?" in outcome.error
    assert threading.active_count() == before, "the thread goes on and takes the notebook's time"


def test_a_flood_of_prints_is_cut(capsys):
    def floods():
        for _ in range(10_000):
            print("here")
        return 1

    assert guarded(floods, seconds=10.0).value == 1
    assert 100 < len(capsys.readouterr().out) < MOST_PRINTED + 10


def test_what_a_function_prints_is_left(capsys):
    check(LABEL, lambda distance, k: print(distance, k) or 1)
    assert capsys.readouterr().out.startswith("80 5\nlayers_for: not yet;")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OverflowError("math range error"), "raises OverflowError: math range error"),
        (SystemExit(), "raises SystemExit"),
        (KeyboardInterrupt(), "raises KeyboardInterrupt"),
        (ValueError("a\n\nb" + "c" * 500), "raises ValueError: a b"),
    ],
)
def test_whatever_is_raised_becomes_words(error, said):
    def fails():
        raise error

    outcome = guarded(fails, seconds=1.0)
    assert outcome.error.startswith(said)
    assert len(outcome.error) < 160
    assert "\n" not in outcome.error


def test_a_function_may_spoil_its_arguments():
    def spoils(q, k, W, U, v):
        scores = by_broadcasting(q, k, W, U, v)
        for array in (q, k, W, U, v):
            array[:] = 0
        return scores

    assert examine("ex-qkv-additive", spoils).correct
    assert examine("ex-qkv-additive", spoils).correct


def test_an_unknown_label_and_a_wrong_number_of_answers_get_a_line(capsys):
    check("ex-rnn-limits-layer", 1)
    check("nothing", 1)
    check(LABEL)
    check("ex-rnn-limits-two-layers", 101)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("no such exercise; is 'ex-rnn-limits-layers' meant?")
    assert "no such exercise" in lines[1]
    assert lines[2] == "layers_for: got 0 answers, expected 1."
    assert lines[3] == "one direction, two directions: got 1 answer, expected 2."


def test_effort_counts_the_readers_lines_and_the_numbers_computed():
    def in_a_loop(x):
        total = 0
        for value in x.tolist():
            total += value
        return total

    few = measure_effort(lambda: in_a_loop(torch.ones(10)))
    many = measure_effort(lambda: in_a_loop(torch.ones(1000)))
    assert many.lines - few.lines == pytest.approx(2 * 990, abs=5)
    at_once = measure_effort(lambda: torch.ones(1000).cumsum(0) * 2)
    assert at_once.lines < 5
    assert at_once.numbers == 3000

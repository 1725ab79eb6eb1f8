"""A check passes no wrong answer, fails no right one, and never stops the notebook."""

import math

import numpy as np
import pytest
import torch

from transformer_lib.evaluation.exercises import check_answer, check_function


@pytest.mark.parametrize("unanswered", [None, ...])
def test_an_untouched_answer_says_what_is_missing(unanswered, capsys):
    assert not check_answer("size", unanswered, 3)
    assert capsys.readouterr().out == (
        "size: not answered yet; replace the ... by your own answer.\n"
    )


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (2, 2),
        (2.0000001, 2),
        ("keys", "keys"),
        (True, True),
        ([1, 2], (1, 2)),
        (np.ones(3), torch.ones(3)),
        ((torch.ones(2), "a"), (torch.ones(2), "a")),
        (math.nan, math.nan),
    ],
)
def test_a_right_answer_passes(answer, expected, capsys):
    assert check_answer("it", answer, expected)
    assert capsys.readouterr().out == "it: correct.\n"


@pytest.mark.parametrize(
    ("answer", "expected", "finding"),
    [
        (3, 2, "not yet; the largest difference is 1."),
        (math.nan, 2, "not yet; the largest difference is nan."),
        ("keys", "values", "not yet; 'keys' is not it."),
        (True, False, "not yet; True is not it."),
        ("two", 2, "not yet; expected numbers, got str."),
        (torch.ones(2), torch.ones(3), "not yet; the shape is (2,), expected (3,)."),
        (torch.ones(3), 1.0, "not yet; the shape is (3,), expected ()."),
        (("a",), ("a", "b"), "not yet; expected 2 results."),
        (("a", "c"), ("a", "b"), "result 2: not yet; 'c' is not it."),
        (
            ("a", None),
            ("a", "b"),
            "result 2: not answered yet; replace the ... by your own answer.",
        ),
    ],
)
def test_a_wrong_answer_is_told_what_differs(answer, expected, finding, capsys):
    assert not check_answer("it", answer, expected)
    assert capsys.readouterr().out == f"it: {finding}\n"


def double(x):
    return 2 * x


def test_a_right_function_passes_on_all_its_cases(capsys):
    assert check_function(double, lambda x: x + x, (1,), (torch.ones(2),))
    assert capsys.readouterr().out == "double: correct on 2 cases.\n"


def test_a_function_wrong_on_a_later_case_is_found(capsys):
    assert not check_function(double, lambda x: x**2, (2,), (3,))
    assert capsys.readouterr().out == "double: case 2: not yet; the largest difference is 3.\n"


def test_a_function_that_raises_does_not_stop_the_notebook(capsys):
    assert not check_function(double, lambda x: x, (None,))
    assert "double: case 1 raises TypeError:" in capsys.readouterr().out


def test_a_check_without_cases_is_refused():
    with pytest.raises(ValueError, match="got 0 cases"):
        check_function(double, double)

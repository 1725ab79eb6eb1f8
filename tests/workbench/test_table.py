"""A table is aligned whatever it holds, and says where its rows and columns do not fit."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from transformer_lib.workbench.intervals import Interval
from transformer_lib.workbench.table import markdown_table, table, table_lines

words = st.text("abcxyzäß ", min_size=1, max_size=8).map(str.strip).filter(bool)
rows = st.lists(st.tuples(words, st.integers(-9999, 9999), words), min_size=1, max_size=6)


def test_words_go_left_and_numbers_right(capsys):
    table(
        [["post-norm", 12_500, 0.01331], ["pre-norm", 500, None]],
        ["norm", "target\ntokens", "nats"],
        ["", "", ".3f"],
        title="validation loss",
    )
    assert capsys.readouterr().out == (
        "validation loss\n"
        "           target\n"
        "norm       tokens          nats\n"
        "post-norm  12,500         0.013\n"
        "pre-norm      500  not recorded\n"
    )


def test_rows_may_be_dicts_and_the_header_chooses_among_their_columns():
    found = [{"seed": 1, "kind": "pre", "loss": 0.5}, {"seed": 2, "kind": "post", "loss": 0.25}]
    assert table_lines(found) == ["seed  kind  loss", "   1  pre    0.5", "   2  post  0.25"]
    assert table_lines(found, ["loss", "seed"], {"loss": ".2f"}) == [
        "loss  seed", "0.50     1", "0.25     2"
    ]  # fmt: skip


def test_each_kind_of_cell_is_written_in_its_way():
    cells = [True, np.int64(1234), torch.tensor(0.12344), np.float32(0.5), Interval(0.4, 0.3, 0.5)]
    assert table_lines([cells])[0].split("  ") == ["yes", "1,234", "0.1234", "0.5", "0.40 ± 0.10"]
    assert table_lines([cells[1:]], formats=".1f") == ["1234.0  0.1  0.5  0.4 ± 0.1"]


def test_a_word_among_numbers_stands_where_the_numbers_stand():
    assert table_lines([["-"], [1000], ["-"]]) == ["    -", "1,000", "    -"]


@given(rows)
def test_every_column_begins_or_ends_at_the_same_place(cells):
    lines = table_lines(cells, ["word", "number", "other"])
    ends = {line.index("number") + 6 for line in lines[:1]} | {
        len(line)
        - len(line.rstrip(" "))
        + line.rindex(f"{row[1]:,}  {row[2]}")
        + len(f"{row[1]:,}")
        for line, row in zip(lines[1:], cells, strict=True)
    }
    assert len(ends) == 1
    assert all(line.startswith(row[0]) for line, row in zip(lines[1:], cells, strict=True))
    assert all(line == line.rstrip() for line in lines)


@given(rows)
def test_a_table_can_be_read_back(cells):
    spaced = [[word.replace(" ", "_"), number, other.replace(" ", "_")]
              for word, number, other in cells]  # fmt: skip
    read = [line.split() for line in table_lines(spaced, formats="d")]
    assert [[one, int(number), other] for one, number, other in read] == spaced


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: table_lines([]), "no row"),
        (lambda: table_lines([[1, 2], [3]]), "row 2 has 1 cells, but there are 2 columns"),
        (lambda: table_lines([[1, 2]], ["one"]), "row 1 has 2 cells, but there are 1 columns"),
        (lambda: table_lines([{"a": 1}], ["b"]), "a row has no 'b'; it has a"),
        (lambda: table_lines([[1, 2]], formats=[".1f"]), "1 formats for 2 columns"),
        (lambda: table_lines([{"a": 1}], formats={"b": ".1f"}), "a format for 'b'.* are a"),
        (lambda: table_lines([["x" * 81]]), "81 columns wide, more than 80"),
    ],
)
def test_a_wrong_table_is_refused_with_its_numbers(wrong, said):
    with pytest.raises(ValueError, match=said):
        wrong()


def test_a_table_for_a_page_has_text_to_the_left_and_numbers_to_the_right():
    rows = [{"run": "ours", "BLEU": 40.873}, {"run": "theirs", "BLEU": None}]
    assert markdown_table(rows, formats={"BLEU": ".1f"}).splitlines() == [
        "| run | BLEU |",
        "| :-- | --: |",
        "| ours | 40.9 |",
        "| theirs | not recorded |",
    ]

"""Aligned tables of plain text, so that a cell of a chapter holds the rows and no column widths."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

NOT_RECORDED = "not recorded"  # what a value of None says
WIDEST = 80  # columns; wider lines scroll on the page

Row = Mapping[str, Any] | Iterable[Any]
Formats = str | Mapping[str, str] | Sequence[str]


def table(
    rows: Iterable[Row],
    header: Sequence[Any] | None = None,
    formats: Formats = "",
    title: str | None = None,
) -> None:
    r"""Print rows as a table: text to the left, numbers to the right.

        table([["post-norm", 0.0133], ["pre-norm", 0.0122]], ["", "nats"], ".3f")

    Args:
        rows: lists of cells, or dicts by column.
        header: the names of the columns, `\n` for a second line; None: none, or the keys of the
            first dict. With dicts it chooses and orders the columns.
        formats: how numbers are written: one format for all, such as ".2f" or ".0%", or one for
            each column, in order or by the column's name. "" writes 1,234 and four digits.
        title: a line above.

    Raises:
        ValueError: see `table_lines`.
    """
    print("\n".join(([title] if title else []) + table_lines(rows, header, formats)))


def table_lines(
    rows: Iterable[Row], header: Sequence[Any] | None = None, formats: Formats = ""
) -> list[str]:
    """Return the lines that `table` prints.

    Raises:
        ValueError: there is no row, rows differ in length, a format is of no column, or the table
            is wider than `WIDEST`.
    """
    names, cells, specs = read(list(rows), header, formats)
    to_right = [not all(map(is_text, column)) for column in zip(*cells, strict=True)]
    texts = [list(map(text_of, row, specs)) for row in cells]
    return aligned(header_lines(names) + texts, to_right)


def read(
    rows: list[Row], header: Sequence[Any] | None, formats: Formats
) -> tuple[list[str], list[list[Any]], list[str]]:
    """Return the columns' names, the rows' cells, and a format for each column.

    Raises:
        ValueError: there is no row.
    """
    if not rows:
        raise ValueError("the table has no row; give at least one")
    if header is None and isinstance(rows[0], Mapping):
        header = list(rows[0])
    names = [str(name) for name in header or ()]
    cells = [cells_of(row, names) for row in rows]
    check_lengths(cells, names)
    return names, cells, specs_of(formats, names, len(cells[0]))


def markdown_table(
    rows: Iterable[Row], header: Sequence[Any] | None = None, formats: Formats = ""
) -> str:
    """Return rows as a table in Markdown, for a page that is made from results.

    Args:
        rows: as in `table`.
        header: as in `table`; without one, rows must be dicts.
        formats: as in `table`.

    Raises:
        ValueError: there is no row, rows differ in length, or a format is of no column.
    """
    names, cells, specs = read(list(rows), header, formats)
    marks = [":--" if all(map(is_text, column)) else "--:" for column in zip(*cells, strict=True)]
    texts = [list(map(text_of, row, specs)) for row in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, marks, *texts])


def cells_of(row: Row, names: list[str]) -> list[Any]:
    """Return a row's cells in order; numbers of NumPy and PyTorch become Python's.

    Raises:
        ValueError: a dict lacks a column.
    """
    if isinstance(row, Mapping):
        if missing := [name for name in names if name not in row]:
            raise ValueError(f"a row has no {missing[0]!r}; it has {', '.join(map(str, row))}")
        row = [row[name] for name in names]
    return [cell.item() if hasattr(cell, "item") else cell for cell in row]


def check_lengths(cells: list[list[Any]], names: list[str]) -> None:
    """Refuse rows that do not fit under one header.

    Raises:
        ValueError: one has another number of cells.
    """
    width = len(names or cells[0])
    for number, row in enumerate(cells, start=1):
        if len(row) != width:
            raise ValueError(
                f"row {number} has {len(row)} cells, but there are {width} columns; "
                "give None where nothing was recorded"
            )


def specs_of(formats: Formats, names: list[str], n_columns: int) -> list[str]:
    """Return a format for each column.

    Raises:
        ValueError: another number of formats than columns, or one for a column that is not there.
    """
    if isinstance(formats, str):
        return [formats] * n_columns
    if isinstance(formats, Mapping):
        if unknown := [name for name in formats if name not in names]:
            raise ValueError(
                f"there is a format for {unknown[0]!r}, but the columns are {', '.join(names)}"
            )
        return [formats.get(name, "") for name in names]
    if len(formats) != n_columns:
        raise ValueError(
            f"there are {len(formats)} formats for {n_columns} columns; "
            'give one for each ("" for text), or one string for all'
        )
    return list(formats)


def is_text(cell: Any) -> bool:
    """Whether a cell is words; a column of nothing else goes to the left."""
    return isinstance(cell, (str, bool))


def text_of(cell: Any, spec: str) -> str:
    """Write one cell."""
    if cell is None:
        return NOT_RECORDED
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return cell
    default = {int: ",", float: ".4g"}.get(type(cell), "")
    return format(cell, spec or default)


def header_lines(names: list[str]) -> list[list[str]]:
    """Split the names at their line breaks; short ones stand at the bottom."""
    upward = zip_longest(*(name.split("\n")[::-1] for name in names), fillvalue="")
    return [list(line) for line in upward][::-1]


def aligned(lines: list[list[str]], to_right: list[bool]) -> list[str]:
    """Fill every column up to its widest text; two spaces between columns, none at the end.

    Raises:
        ValueError: the lines are too wide for the page.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    places = list(zip(widths, to_right, strict=True))
    filled = [
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, (width, right) in zip(line, places, strict=True)
        ).rstrip()
        for line in lines
    ]
    if (widest := max(map(len, filled))) > WIDEST:
        raise ValueError(
            f"the table is {widest} columns wide, more than {WIDEST}; "
            r"break its headers with \n, or leave a column out"
        )
    return filled

"""README.md holds a copy of the reading order, for those who see it without the book."""

import re
from pathlib import Path

from measured.chapters import reading_order

PLACE = re.compile(
    r"(<!-- made by tools/fill_readme\.py .*?-->\n\n).*?(\n\n<!-- end -->)", re.DOTALL
)


def filled(text: str, root: Path) -> str:
    """Return the README with its reading order made anew.

    Raises:
        ValueError: the two comments between which it belongs are not there.
    """
    made, n_places = PLACE.subn(lambda at: at[1] + reading_order(root) + at[2], text)
    if n_places != 1:
        raise ValueError(f"{n_places} places for the reading order; README.md needs exactly one")
    return made

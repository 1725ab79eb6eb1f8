"""Exercises that check themselves: `check("ex-qkv-hand", first_weight)` in the reader's cell.

References, cases, tolerances and hints stand in one module a chapter and never on the page, so
that no cell shows the answer to whoever reads it. `kinds` says what an exercise is made of.
"""

from transformer_lib.workbench.exercises.check import check

__all__ = ["check"]

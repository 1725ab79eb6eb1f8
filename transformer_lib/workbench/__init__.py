"""What the book's chapters share, so that each derives its idea alone.

`exercises` lets the reader's cells check themselves; `table` prints rows; `intervals` says how sure
a figure is, `cost` what an idea takes; `fit` trains a model on a toy task. `lab` is the short
standard training that chapters vary one thing at a time. `results` writes and reads a recorded
result, `experiment` makes one, job by job, and `programme` says which results there are, what is
missing, and which are older than their code.
"""

from transformer_lib.workbench.exercises import check
from transformer_lib.workbench.results import by_seed, provenance, recorded, shown
from transformer_lib.workbench.table import table

__all__ = ["by_seed", "check", "provenance", "recorded", "shown", "table"]

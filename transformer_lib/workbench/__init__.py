"""What the book's chapters share, so that each derives its idea alone.

`results` writes and reads a recorded result; `experiment` makes one, job by job; `programme` says
which results there are, what is missing, and which are older than their code.
"""

from transformer_lib.workbench.results import over_seeds, provenance, recorded, shown

__all__ = ["over_seeds", "provenance", "recorded", "shown"]

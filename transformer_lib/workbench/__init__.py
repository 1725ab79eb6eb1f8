"""What the book's chapters share: a chapter derives an idea once and imports everything else."""

from transformer_lib.workbench.exercises import check

__all__ = ["check"]

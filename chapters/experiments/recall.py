"""How much of a sequence does a state of fixed size keep? (chapter 01, section 1 of the paper)

A GRU reads n random words; from its last state alone, one linear map has to name each of them.

    python chapters/experiments/recall.py       # about 15 minutes of one core

writes chapters/results/recall.json.
"""

from itertools import product
from typing import Any

from transformer_lib.exits import exit_with
from transformer_lib.workbench.experiment import Experiment, grid
from transformer_lib.workbench.recall import N_WORDS, recall


def run(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train one network; return its share of right words by position."""
    names = ("d_state", "length", "steps")
    return {"right": recall(*(settings[name] for name in names), seed)}


VARIANTS = {
    f"state of {d}, {n} words": {"d_state": d, "length": n, "steps": 600}
    for d, n in product((16, 64), (2, 4, 8, 16, 32))
}
LONGER = {  # is the budget what limits it?
    f"state of 16, {n} words, trained longer": {
        "d_state": 16, "length": n, "steps": 2400
    }
    for n in (8, 16)
}  # fmt: skip
EXPERIMENT = Experiment(
    __file__,
    __doc__,
    run,
    jobs=grid(VARIANTS, (1, 2, 3, 4, 5), minutes=0.2)
    + grid(LONGER, (1, 2, 3), minutes=0.8),
    fixed={"n_words": N_WORDS, "batch": 64, "optimizer": "Adam", "lr": 0.01},
    quick={"steps": 2},
)
main = EXPERIMENT.main

if __name__ == "__main__":
    exit_with(main)

"""The baseline of the grammar's lab run, at ten seeds: what chapters 03 to 13 compare with.

python chapters/experiments/lab_baseline.py     # ten runs of 3 minutes, two side by side
"""

from transformer_lib.exits import exit_with
from transformer_lib.workbench.lab_experiment import lab_experiment
from transformer_lib.workbench.labs import GRAMMAR

EXPERIMENT = lab_experiment(
    __file__, __doc__, GRAMMAR, {"baseline": ()}, range(1, 11), minutes=3
)
main = EXPERIMENT.main

if __name__ == "__main__":
    exit_with(main)

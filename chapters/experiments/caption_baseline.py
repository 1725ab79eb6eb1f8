"""The baseline of the captions' lab run, at five seeds, for what the grammar cannot test.

    python chapters/experiments/caption_baseline.py     # five runs of 10 minutes, two side by side

It reads Multi30k, which is downloaded once; BLEU is of its validation captions, never of a test.
"""

from transformer_lib.exits import exit_with
from transformer_lib.workbench.lab_experiment import lab_experiment
from transformer_lib.workbench.labs import CAPTIONS

EXPERIMENT = lab_experiment(
    __file__, __doc__, CAPTIONS, {"baseline": ()}, range(1, 6), minutes=10
)
main = EXPERIMENT.main

if __name__ == "__main__":
    exit_with(main)

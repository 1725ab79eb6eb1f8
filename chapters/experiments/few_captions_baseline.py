"""The baseline of the lab run of few captions, at five seeds: where regularisation is the subject.

    python chapters/experiments/few_captions_baseline.py     # five runs of 3 minutes, two side by side

It reads Multi30k, which is downloaded once; BLEU is of its validation captions, never of a test.
"""

from transformer_lib.exits import exit_with
from transformer_lib.workbench.lab_experiment import lab_experiment
from transformer_lib.workbench.labs import FEW_CAPTIONS

EXPERIMENT = lab_experiment(
    __file__, __doc__, FEW_CAPTIONS, {"baseline": ()}, range(1, 6), minutes=3
)
main = EXPERIMENT.main

if __name__ == "__main__":
    exit_with(main)

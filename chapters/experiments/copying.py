"""What attention repairs: copying sentences of growing length (chapter 01, sections 1 and 2).

A recurrent encoder-decoder with and without additive attention learns to say random words back.
Words are random, so only the source tells the next one.

    python chapters/experiments/copying.py      # about 10 minutes of one core

writes chapters/results/copying.json.
"""

from typing import Any

from transformer_lib.exits import exit_with
from transformer_lib.workbench.copying import (
    N_WORDS,
    share_copied,
    train_copier,
)
from transformer_lib.workbench.experiment import Experiment, grid


def run(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train one copier; return its accuracy by length."""
    names = ("attention", "steps", "longest", "d_model")
    model = train_copier(seed=seed, **{n: settings[n] for n in names})
    return {"right": [share_copied(model, n) for n in settings["lengths"]]}


EXPERIMENT = Experiment(
    __file__,
    __doc__,
    run,
    jobs=grid(
        {
            "one vector": {"attention": False},
            "with attention": {"attention": True},
        },
        seeds=(1, 2, 3, 4, 5),
        minutes=1,
    ),
    settings={
        "steps": 600,
        "longest": 24,
        "d_model": 64,
        "lengths": [4, 8, 12, 16, 20, 24, 32, 48],
    },
    fixed={
        "n_words": N_WORDS,
        "batch": 32,
        "optimizer": "Adam",
        "lr": 0.01,
        "cell": "lstm",
    },
    quick={"steps": 2, "lengths": [4]},
)
main = EXPERIMENT.main

if __name__ == "__main__":
    exit_with(main)

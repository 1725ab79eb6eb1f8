"""An experiment whose jobs are lab runs: variants of one lab, each with some seeds."""

from collections.abc import Iterable
from typing import Any

from transformer_lib.workbench.experiment import Experiment
from transformer_lib.workbench.jobs import grid
from transformer_lib.workbench.lab import Lab, lab_run
from transformer_lib.workbench.labs import quick
from transformer_lib.workbench.rates import Variants


def lab_experiment(
    script: str,
    asks: str,
    lab: Lab,
    variants: Variants,
    seeds: Iterable[int],
    minutes: float | None = None,
) -> Experiment:
    """Return the experiment; its recorded settings are the whole lab and each variant's changes.

    Args:
        script: its file, `__file__`.
        asks: what it asks, `__doc__`.
        lab: the standard training.
        variants: what each changes, by name; the baseline changes nothing.
        seeds: of every variant.
        minutes: how long a job takes, by estimate.
    """
    jobs = grid(
        {name: {"changes": [*changes]} for name, changes in variants.items()}, seeds, minutes
    )
    settings, rehearsed = {"lab": lab.to_dict()}, {"lab": quick(lab).to_dict()}
    return Experiment(script, asks, run_job, jobs, settings=settings, quick=rehearsed)


def run_job(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Run one job as its settings say."""
    return lab_run(Lab.from_dict(settings["lab"]), seed, settings["changes"])

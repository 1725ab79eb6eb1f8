"""A variant of a lab run: its settings, with the changes that make it one."""

import dataclasses
from collections.abc import Sequence

from transformer_lib.config import RunConfig

FAMILY = "model.family="
OF_THE_LAB = (
    "train.steps", "train.seed", "train.device", "train.log_every", "train.evaluate_every",
)  # fmt: skip


def changed(config: RunConfig, changes: Sequence[str]) -> RunConfig:
    """Return the settings of a variant.

    Raises:
        ValueError: no `section.key=value`, an unknown setting or value, or one that is the lab's.
    """
    for change in sorted(changes, key=lambda change: not change.startswith(FAMILY)):
        name = change.partition("=")[0]
        if name in OF_THE_LAB:
            raise ValueError(
                f"{name} is not for a variant to change; seed, length and device belong to the lab "
                "run: give another seed, or a Lab with other target_tokens"
            )
        if change.startswith(FAMILY):
            config = of_family(config, change.removeprefix(FAMILY))
        else:
            config = config.with_settings(change)
    return config


def of_family(config: RunConfig, family: str) -> RunConfig:
    """Return the settings of a model of another family, with the old ones that it knows too."""
    default = RunConfig.from_dict({"model": {"family": family}}).model
    shared = {
        name: value for name, value in config.model.to_dict().items() if hasattr(default, name)
    }
    return dataclasses.replace(config, model=default.updated(**shared))


def fixed(config: RunConfig, seed: int, every: int, steps: int) -> RunConfig:
    """Return the settings with those that the lab decides."""
    settings = config.train.updated(
        seed=seed, steps=steps, log_every=every, evaluate_every=every, device="cpu"
    )
    return dataclasses.replace(config, train=settings)

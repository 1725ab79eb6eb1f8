"""When training is over, and what to do when it fails."""

from typing import Literal

from transformer_lib.config import TrainConfig

ADVICE = "in a new run lower train.peak_lr, lengthen train.warmup or set train.clip_norm=1"


def why_over(
    config: TrainConfig, step: int, waited: int
) -> Literal["finished", "no better"] | None:
    """Return why no update follows, or None.

    Args:
        config: how long to train.
        step: the updates made.
        waited: the evaluations since the best one.
    """
    if step >= config.steps:
        return "finished"
    return "no better" if 0 < config.patience <= waited else None

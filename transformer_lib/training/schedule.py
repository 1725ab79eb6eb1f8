"""The learning rate: up in a straight line, then down with the root of the step (5.3).

A constant rate, and a cool-down at the end, are our choice, and off by default.
"""

from collections.abc import Callable

from transformer_lib.config import TrainConfig


def noam(step: int, d_model: int, warmup: int) -> float:
    """Return the learning rate of update `step` (eq. 3).

    The first update is step 1. The two branches meet at `warmup`, where the rate is highest:
    1 / sqrt(d_model * warmup).

    Raises:
        ValueError: `step`, `d_model` or `warmup` is below 1.
    """
    check_schedule(step, warmup, d_model=d_model)
    return d_model**-0.5 * min(step**-0.5, step * warmup**-1.5)


def warmup_to_peak(step: int, peak_lr: float, warmup: int) -> float:
    """Return the same curve with its height chosen freely: `peak_lr` at step `warmup`.

    `noam` is this curve with peak_lr = 1 / sqrt(d_model * warmup). Naming the peak lets the
    warm-up change without changing the height.

    Raises:
        ValueError: `step` or `warmup` is below 1.
    """
    check_schedule(step, warmup)
    return peak_lr * min(step / warmup, (warmup / step) ** 0.5)


def constant(step: int, peak_lr: float, warmup: int) -> float:
    """Return `peak_lr`, after a straight line up to it; with warmup 1 it is the same at every step.

    Not the paper's, whose rate falls from step `warmup` on, also where that is 1.
    """
    check_schedule(step, warmup)
    return peak_lr * min(step / warmup, 1.0)


def check_schedule(step: int, warmup: int, d_model: int = 1) -> None:
    """Refuse what has no learning rate; the formula would divide by zero."""
    if min(step, warmup, d_model) < 1:
        raise ValueError(
            f"step {step}, warmup {warmup} and d_model {d_model} must be 1 or more; "
            "the first update is step 1"
        )


def cool_down(step: int, steps: int, share: float) -> float:
    """Return what the rate is multiplied by: 1, then a straight line down over the last updates.

    The paper has none. Ending near zero lets the weights settle, which the root of the step alone
    does only after a long training (Hägele et al. 2024). The line would reach 0 one update after
    the last, number `steps`; `share` is the part of all updates that it takes.
    """
    return min(1.0, (steps + 1 - step) / (share * steps + 1))


def schedule(config: TrainConfig, d_model: int) -> Callable[[int], float]:
    """Return the function from the step to the learning rate that `config` asks for."""

    def lr(step: int) -> float:
        if config.peak_lr is None:
            rate = noam(step, d_model, config.warmup)
        elif config.schedule == "constant":
            rate = constant(step, config.peak_lr, config.warmup)
        else:
            rate = warmup_to_peak(step, config.peak_lr, config.warmup)
        return rate * cool_down(step, config.steps, config.cooldown)

    return lr

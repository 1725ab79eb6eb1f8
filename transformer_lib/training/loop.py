"""Training, as section 5 tells it: update, report, validate, save, until there is reason to stop.

One update is in `update.py`. Nothing in here reads a value from the device between two reports,
since reading would make the host wait for it.
"""

import math
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import nn

from transformer_lib.config import TrainConfig
from transformer_lib.data.batching import Batch
from transformer_lib.models.seq2seq import Seq2Seq
from transformer_lib.training import checkpoint, consistency, update
from transformer_lib.training.checkpoint import Checkpoint, checkpoint_path
from transformer_lib.training.clock import Clock
from transformer_lib.training.distributed import World
from transformer_lib.training.ending import ADVICE, why_over
from transformer_lib.training.fast import graphs, memory
from transformer_lib.training.loss import token_nll
from transformer_lib.training.progress import Progress
from transformer_lib.training.run import RunFolder
from transformer_lib.training.schedule import schedule
from transformer_lib.training.signals import StopSignal

OnEvaluate = Callable[[nn.Module, int], dict[str, float]]
Reason = Literal["finished", "no better", "interrupted"]


@runtime_checkable
class BatchStream(Protocol):
    """Batches without end, whose place can be written down and found again."""

    def __next__(self) -> Batch: ...

    def state(self) -> dict[str, Any]:
        """Return the place, as plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go to the place that `state` returned."""
        ...


class Outcome(NamedTuple):
    """How training ended."""

    step: int  # updates made in all
    reason: Reason
    history: list[dict[str, Any]]  # what was recorded, as in metrics.jsonl


@dataclass
class Standing:
    """Where training stands: plain values, saved with every checkpoint."""

    step: int = 0
    best_nll: float | None = None
    best_step: int | None = None
    waited: int = 0  # evaluations since the best one
    elapsed_s: float = 0.0


def train(
    model: nn.Module,
    batches: BatchStream,
    valid_batches: Iterable[Batch],
    config: TrainConfig,
    d_model: int,
    run: RunFolder | None = None,
    world: World | None = None,
    progress: Progress | None = None,
    on_evaluate: OnEvaluate | None = None,
) -> Outcome:
    """Train `model` in place until `config.steps` updates are made; go on where `run` stopped.

    Args:
        model: a `Seq2Seq`; training moves it to its device.
        batches: this process's share of the training batches, on the host or resident.
        valid_batches: this process's share of the validation batches, read at each evaluation;
            may be empty.
        config: how to train.
        d_model: sets the height of the schedule (eq. 3) unless `config.peak_lr` does.
        run: where checkpoints and figures are kept; None keeps nothing.
        world: the processes that train together; None is this one alone, on `config.device`.
        progress: tells how it goes; None is silent.
        on_evaluate: called with the model, in eval mode, and the step at each evaluation, in the
            main process; what it returns is recorded.

    Raises:
        FloatingPointError: a loss or a weight became infinite or not a number.
        OSError: the disk is full; the last checkpoint is intact.
        ValueError: the checkpoints of `run` are damaged or of another model.
    """
    world = world or World.from_env(config.device)
    progress = progress or Progress(config.steps, quiet=True)
    return Trainer(
        model, batches, valid_batches, config, d_model, run, world, progress, on_evaluate
    ).train()


def gradient_adder(
    wrapped: nn.Module, model: Seq2Seq, config: TrainConfig, device: torch.device
) -> graphs.Add:
    """Return what adds a micro-batch's gradient: `update.add_gradient`, or that of consistency."""
    add = consistency.add_gradient if config.consistency else update.add_gradient
    return partial(add, wrapped, model, config, device)


class Trainer:
    """One training: the model, the optimizer, the data and where it stands. Use `train`."""

    def __init__(
        self,
        model: nn.Module,
        batches: BatchStream,
        valid_batches: Iterable[Batch],
        config: TrainConfig,
        d_model: int,
        run: RunFolder | None,
        world: World,
        progress: Progress,
        on_evaluate: OnEvaluate | None,
    ) -> None:
        self.model, self.batches, self.valid_batches = model, batches, valid_batches
        self.config, self.run, self.world = config, run, world
        self.progress, self.on_evaluate = progress, on_evaluate
        self.lr = schedule(config, d_model)
        self.wrapped = world.wrap(model)
        self.optimizer = update.adam(model, config)
        add = gradient_adder(self.wrapped, model, config, world.device)
        self.add_gradient = graphs.Recorded(add, model) if graphs.wanted(config, world) else add
        self.standing, self.clock = Standing(), Clock()
        self.history: list[dict[str, Any]] = []
        # Loss, likelihood and tokens of every update since the last report.
        self.window = torch.zeros(config.log_every, 3, device=world.device)

    def train(self) -> Outcome:
        """Update, report, evaluate and save until there is a reason to stop."""
        if self.world.device.type == "cpu":
            memory.keep_freed_memory()
            memory.keep_few_kernels()
        with self.run.locked() if self.run and self.world.is_main else nullcontext():
            return self.train_alone()

    def train_alone(self) -> Outcome:
        """Do it, with the run folder to ourselves."""
        self.resume()
        self.clock.start(self.standing.step, self.standing.elapsed_s)
        with StopSignal(self.world, self.config.log_every) as stop:
            while not (reason := self.reason_to_stop(stop)):
                self.update()
                if self.standing.step % self.config.log_every == 0:
                    self.report()
                if self.is_evaluated(self.standing.step):
                    self.evaluate()
        self.finish(reason)
        return Outcome(self.standing.step, reason, self.history)

    def reason_to_stop(self, stop: StopSignal) -> Reason | None:
        """Return why training ends here, or nothing."""
        config, standing = self.config, self.standing
        over = why_over(config, standing.step, standing.waited)
        return over or ("interrupted" if stop.wanted(standing.step) else None)

    def is_evaluated(self, step: int) -> bool:
        """Whether validation and a checkpoint follow update `step`."""
        return step % self.config.evaluate_every == 0 or step == self.config.steps

    def update(self) -> None:
        """Make the next update."""
        config, step = self.config, self.standing.step + 1
        self.world.seed(config.seed, step)
        self.wrapped.train()
        micro_batches = [next(self.batches) for _ in range(config.accumulate)]
        sums = update.add_gradients(self.wrapped, micro_batches, self.add_gradient, self.world)
        update.step(self.model, self.optimizer, self.lr(step), config.clip_norm)
        self.window[(step - 1) % config.log_every] = sums
        self.standing.step = step

    def report(self) -> None:
        """Read the sums since the last report and record their means.

        Raises:
            FloatingPointError: a loss is infinite or not a number; the line names the first step.
        """
        step = self.standing.step
        rows = self.world.sum(self.window).cpu().double()
        self.window.zero_()
        bad = (~rows.isfinite().all(dim=1)).nonzero()
        if len(bad):
            row = int(bad[0])
            raise FloatingPointError(self.diverged(rows[row, 0].item(), step - len(rows) + 1 + row))
        loss, nll, n_tokens = rows.sum(dim=0).tolist()
        record = {"step": step, "loss": loss / n_tokens, "nll": nll / n_tokens, "lr": self.lr(step)}
        record["tokens_per_s"] = round(n_tokens / self.clock.lap(), 1)
        self.record(record)
        if self.world.is_main:
            self.progress.update(record, self.clock.seconds_left(step, self.config.steps))

    def diverged(self, loss: float, step: int) -> str:
        """Say what to do about a loss that is not finite."""
        return f"the loss is {loss} at step {step} (learning rate {self.lr(step):.2g}); {ADVICE}"

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return likelihood, perplexity and accuracy per validation token; {} if there is none."""
        self.model.eval()
        sums = torch.zeros(3, device=self.world.device)
        for batch in self.valid_batches:
            precision, device = self.config.precision, self.world.device
            hidden, targets = update.hidden_states(self.model, batch, precision, device)
            logits = self.model.logits(hidden.to(self.model.token_vectors.dtype))
            right = logits.argmax(dim=-1).eq(targets).sum()
            n_tokens = torch.tensor(targets.numel(), device=device)
            sums += torch.stack([token_nll(logits, targets).nll, right, n_tokens])
        nll, right, n_tokens = self.world.sum(sums).tolist()
        if not n_tokens:
            return {}
        mean = nll / n_tokens
        perplexity = math.exp(min(mean, 700.0))  # above, a float overflows
        return {"valid_nll": mean, "valid_ppl": perplexity, "accuracy": right / n_tokens}

    def evaluate(self) -> None:
        """Validate, remember whether this was the best, and save a checkpoint.

        Raises:
            FloatingPointError: the validation loss or a weight is not finite; nothing is saved.
        """
        standing = self.standing
        with self.clock.paused():
            figures = self.validate()
            if not math.isfinite(figures.get("valid_nll", 0.0)):
                raise FloatingPointError(self.diverged(figures["valid_nll"], standing.step))
            self.compare(figures.get("valid_nll"))
            if self.on_evaluate and self.world.is_main:
                figures |= self.on_evaluate(self.model, standing.step)
            if figures:
                self.record({"step": standing.step, **figures})
                self.say("  ".join(f"{k} {v:.4g}" for k, v in self.history[-1].items()))
            self.save()

    def compare(self, valid_nll: float | None) -> None:
        """Remember the best validation, and how many evaluations ago it was."""
        standing = self.standing
        if valid_nll is None:
            return
        standing.waited += 1
        if standing.best_nll is None or valid_nll < standing.best_nll:
            standing.best_nll, standing.best_step, standing.waited = valid_nll, standing.step, 0

    def save(self, interrupted: bool = False) -> None:
        """Write a checkpoint, then delete those no longer needed."""
        if not (self.run and self.world.is_main):
            return
        self.standing.elapsed_s = self.clock.elapsed()
        tensors = update.optimizer_tensors(self.model, self.optimizer)
        content = Checkpoint(
            checkpoint.weights(self.model),
            {**tensors, "window": self.window},
            {"standing": asdict(self.standing), "batches": self.batches.state()},
        )
        folder = self.run.checkpoint_folder
        checkpoint.save(checkpoint_path(folder, self.standing.step, interrupted), content)
        checkpoint.prune(folder, self.config.average, self.standing.best_step)

    def resume(self) -> None:
        """Go back to the newest checkpoint that is whole, if there is one."""
        if not self.run:
            return
        found = checkpoint.load_latest(self.run.checkpoint_folder, self.warn)
        if found:
            path, (weights, optimizer, state) = found
            checkpoint.load_weights(self.model, weights, str(path))
            self.window.copy_(optimizer.pop("window"))
            update.restore_optimizer(self.model, self.optimizer, optimizer)
            self.standing = Standing(**state["standing"])
            self.batches.restore(state["batches"])
            self.say(f"going on from {path.name}")
        self.world.barrier()  # all have read before one deletes
        if self.world.is_main:
            checkpoint.forget_after(self.run.checkpoint_folder, self.standing.step)
            self.history = self.run.rewind(self.standing.step)

    def finish(self, reason: Reason) -> None:
        """Save what an interruption would lose, write the averaged weights, say how to go on."""
        step = self.standing.step
        if reason == "interrupted" and not self.is_evaluated(step) and step:
            self.save(interrupted=True)
        if self.run and self.world.is_main and step:
            self.run.write_weights()
        line = {
            "finished": f"finished after {step:,} steps",
            "no better": f"stopped at step {step:,}: no better validation since step "
            f"{self.standing.best_step}",
            "interrupted": f"interrupted at step {step:,}"
            + ("; the same command again goes on from here" if self.run else ""),
        }
        self.say(line[reason])

    def record(self, values: dict[str, Any]) -> None:
        """Keep figures, in memory and in the run folder."""
        values["elapsed_s"] = round(self.clock.elapsed(), 2)
        self.history.append(values)
        if self.run and self.world.is_main:
            self.run.record(values)

    def say(self, line: str, always: bool = False) -> None:
        """Tell the user and the log."""
        if self.world.is_main:
            self.progress.say(line, always)
            if self.run:
                self.run.log(line)

    def warn(self, line: str) -> None:
        """Tell the user even if they asked for quiet."""
        self.say(line, always=True)

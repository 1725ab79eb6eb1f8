"""From settings to a trained run: text, pieces, batches, a model and the loop, put together (5)."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from transformer_lib.config import RunConfig
from transformer_lib.data.base_corpus import TRAIN, VALID, TrainingText
from transformer_lib.data.batching import Batches, evaluation_batches, padding_share
from transformer_lib.data.corpus import load_corpus
from transformer_lib.data.pairs import MOST_TOKENS, EncodedPairs, encode_pairs
from transformer_lib.data.resident import ResidentBatches
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.files import replace_file
from transformer_lib.models import build_model
from transformer_lib.training.distributed import World
from transformer_lib.training.loop import OnEvaluate, Outcome, train
from transformer_lib.training.progress import Progress
from transformer_lib.training.run import RunFolder

Say = Callable[[str], None]


class Prepared(NamedTuple):
    """Everything that training reads, ready in memory, and the folder that it writes to."""

    run: RunFolder
    corpus: TrainingText
    tokenizer: Tokenizer
    train: EncodedPairs
    valid: EncodedPairs


def prepare(config: RunConfig, path: str | Path, say: Say = print) -> Prepared:
    """Load the text, learn the pieces on its training split, and make the run folder.

    Everything that can be refused is refused before anything is written.

    Args:
        config: what to prepare for; the model's vocabulary follows `data.n_pieces`.
        path: the run folder; one that is there must be of the same settings.
        say: told what is being done, a line at a time.
    """
    prepared = examine(config, path, say)
    write(prepared)
    return prepared


def examine(config: RunConfig, path: str | Path, say: Say = print) -> Prepared:
    """Do all of `prepare` but the writing, as every process of a training needs."""
    started = time.monotonic()
    run = RunFolder.create(path, config, write=False)
    corpus = load_corpus(config.data)
    say(f"{config.data.corpus}: {len(corpus.train.src):,} pairs to train on, "
        f"{len(corpus.valid.src):,} to validate")  # fmt: skip
    require_known_text(run, corpus)
    tokenizer = tokenizer_of(run, corpus, say)
    pairs = encode_pairs(tokenizer, corpus.train, config.data.max_tokens)
    valid = encode_pairs(tokenizer, corpus.valid, MOST_TOKENS)
    require_room(config, {TRAIN: pairs, VALID: valid}, tokenizer)
    Batches(pairs, config.data.batch_tokens, config.data.seed)  # refuses a budget that is too small
    with torch.device("meta"):  # refuses settings that do not fit together, and costs no memory
        build_model(config.model)
    say(f"{tokenizer.vocab_size:,} pieces, {int(pairs.lengths.sum()):,} tokens; left out "
        f"{pairs.n_left_out:,} pairs of more than {config.data.max_tokens} tokens")  # fmt: skip
    if valid.n_left_out:
        say(f"left out {valid.n_left_out:,} validation pairs of more than {MOST_TOKENS:,} tokens, "
            "which nothing here can read")  # fmt: skip
    say(f"prepared in {time.monotonic() - started:.0f} s")
    return Prepared(run, corpus, tokenizer, pairs, valid)


def write(prepared: Prepared) -> None:
    """Make the run folder, with the settings, the tokenizer and the digests of the text."""
    run = RunFolder.create(prepared.run.path, prepared.run.config)
    prepared.tokenizer.save(run.tokenizer_path)
    run.note_text(digests_of(prepared.corpus))


def digests_of(corpus: TrainingText) -> dict[str, str]:
    """Return what the text of each split is known by."""
    return {split: text.digest for split, text in corpus._asdict().items()}


def require_known_text(run: RunFolder, corpus: TrainingText) -> None:
    """Refuse to go on with other text than a run began with, wherever that lies now.

    Raises:
        ValueError: names the split whose text is another.
    """
    known = run.known_text() if run.has_begun else {}
    for split, digest in digests_of(corpus).items():
        if known.get(split, digest) != digest:
            raise ValueError(
                f"the {split} text is not the one that {run.path} was made with; give that text, "
                "or name another folder"
            )


def tokenizer_of(run: RunFolder, corpus: TrainingText, say: Say) -> Tokenizer:
    """Return the run's tokenizer, or learn one from the training split."""
    learned_from = corpus.train.digest
    if run.tokenizer_path.exists():
        there = Tokenizer.load(run.tokenizer_path)
        if run.has_begun or there.learned_from in (learned_from, None):
            return there
        say("the text has changed since it was prepared, so its pieces are learned anew")
    lines = [*corpus.train.src, *corpus.train.tgt]
    return Tokenizer.train(lines, run.config.data.n_pieces, learned_from)


def require_room(config: RunConfig, encoded: dict[str, EncodedPairs], tokenizer: Tokenizer) -> None:
    """Refuse a model with too few positions for the text, or for a translation of it.

    Raises:
        ValueError: quotes the longest sentence and the number of positions that are needed.
    """
    extra, room = config.decode.extra_length, config.model.longest
    split, pairs = max(encoded.items(), key=lambda item: item[1].lengths.max())
    row, side = divmod(int(pairs.lengths.argmax()), 2)
    longest = int(pairs.lengths[row, side])
    if room is not None and room < longest + extra:
        begins = tokenizer.decode((pairs.src(row), pairs.tgt(row))[side].tolist())[:20]
        raise ValueError(
            f"model.max_length is {room}, but the longest sentence, of the {split} text, which "
            f"begins {begins!r}, has {longest} tokens, and decode.extra_length lets a translation "
            f"have {extra} more; set model.max_length={longest + extra} or more"
        )


def padding_of(prepared: Prepared) -> float:
    """Return the share of padding in one epoch of training batches."""
    data = prepared.run.config.data
    batches = Batches(prepared.train, data.batch_tokens, data.seed)
    return padding_share(next(batches) for _ in range(len(batches)))


def train_run(
    config: RunConfig,
    path: str | Path,
    quiet: bool = False,
    on_evaluate: OnEvaluate | None = None,
) -> Outcome:
    """Train what `config` describes in the folder `path`, or go on where it stopped.

    Args:
        config: all settings.
        path: the run folder, made if it is not there.
        quiet: say nothing but warnings.
        on_evaluate: see `training.loop.train`.
    """
    world = World.from_env(config.train.device)
    progress = Progress(config.train.steps, quiet=quiet or not world.is_main)
    prepared = examine(config, path, progress.say)
    prepared.run.require_own_weights()
    world.barrier()  # all have looked before one writes
    if world.is_main:
        write(prepared)
    run, _, _, pairs, valid = prepared
    config, data = run.config, run.config.data
    torch.manual_seed(config.train.seed)
    model = build_model(config.model)
    progress.say(f"{sum(p.numel() for p in model.parameters()):,} parameters on {world.device}")
    batches = training_batches(config, pairs, world, model.pads_matter)
    if isinstance(batches, ResidentBatches):
        progress.say(f"the pairs lie on {world.device}; {batches.padding_share():.1%} of each "
                     "batch is padding")  # fmt: skip
    outcome = train(
        model,
        batches,
        evaluation_batches(valid, data.batch_tokens)[world.rank :: world.size],
        config.train,
        config.model.d_model,
        run,
        world,
        progress,
        on_evaluate,
    )
    if world.is_main:
        write_curve(run)
    world.close()
    return outcome


def training_batches(
    config: RunConfig, pairs: EncodedPairs, world: World, pads_matter: bool
) -> Batches:
    """Return this process's share of the training batches; on CUDA they are resident.

    Not where the model's `pads_matter`: resident batches have more padding, in rows of their own.
    """
    data = config.data
    where = (data.batch_tokens, data.seed, world.rank, world.size)
    if world.device.type == "cuda" and not pads_matter:
        return ResidentBatches(pairs, *where, world.device)
    return Batches(pairs, *where)


def trained(
    config: RunConfig,
    path: str | Path,
    quiet: bool = False,
    on_evaluate: OnEvaluate | None = None,
) -> RunFolder:
    """Return the run in the folder `path`, trained to its end; one that is there is left as it is.

    Args:
        config: as in `train_run`.
        path: as in `train_run`.
        quiet: as in `train_run`.
        on_evaluate: as in `train_run`.

    Raises:
        OSError: as `train_run`.
        ValueError: as `train_run`.
        FloatingPointError: as `train_run`.
        KeyboardInterrupt: training was interrupted, so there is nothing to go on with.
    """
    run = RunFolder.create(path, config, write=False)
    if (
        not run.is_finished()
        and train_run(config, path, quiet, on_evaluate).reason == "interrupted"
    ):
        raise KeyboardInterrupt
    return run


def write_curve(run: RunFolder) -> None:
    """Write `curve.svg`, the losses against the step, where matplotlib is installed."""
    try:
        from transformer_lib.figures import plot_run, to_svg
    except ImportError:  # training itself needs no matplotlib
        return
    metrics = run.metrics()
    if any("nll" in record or "valid_nll" in record for record in metrics):
        figure = plot_run(metrics, f"{run.path.name}: {metrics[-1]['step']:,} steps")
        replace_file(run.path / "curve.svg", to_svg(figure).encode())

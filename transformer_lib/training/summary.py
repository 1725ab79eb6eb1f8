"""What a run is and how it went, in a few lines: read from its folder alone."""

from typing import Any

from transformer_lib.config import AnyModelConfig, ModelConfig
from transformer_lib.training import checkpoint
from transformer_lib.training.progress import duration
from transformer_lib.training.run import RunFolder


def describe(run: RunFolder) -> str:
    """Return what a run is and how it went, for people to read."""
    metrics, config = run.metrics(), run.config
    data, train, decode = config.data, config.train, config.decode
    source = f"{data.src} → {data.tgt or '(second column)'}" if data.src else data.corpus
    rows = {
        "run": str(run.path),
        "text": f"{source}, {data.n_pieces:,} pieces{', lowercased' if data.lowercase else ''}",
        "model": describe_model(config.model),
        "training": f"{train.steps:,} steps of {data.batch_tokens * train.accumulate:,} tokens, "
        f"warm-up {train.warmup:,}, cool-down {train.cooldown:.0%}, "
        f"label smoothing {train.label_smoothing:g}, seed {train.seed}",
        "search": f"beam {decode.beam_size}, length penalty {decode.length_penalty:g} "
        f"({decode.penalty})",
        **describe_progress(run, metrics),
        "made with": describe_environment(run),
    }
    return "\n".join(f"{name:<11} {value}" for name, value in rows.items() if value)


def describe_model(model: AnyModelConfig) -> str:
    """Return a model's size in a line."""
    if not isinstance(model, ModelConfig):
        return f"{type(model).__name__.removesuffix('Config')}, d_model {model.d_model}"
    return (
        f"Transformer, {model.n_encoder_layers}+{model.n_decoder_layers} layers, "
        f"d_model {model.d_model}, {model.n_heads} heads, d_ff {model.d_ff}, "
        f"{model.norm_order}-norm, dropout {model.dropout:g}"
    )


def describe_progress(run: RunFolder, metrics: list[dict[str, Any]]) -> dict[str, str]:
    """Return how far the run came, its best validation, and its speed."""
    saved = checkpoint.checkpoints(run.checkpoint_folder)
    kept = ", ".join(path.name for path in saved)
    weights = "model.safetensors" if run.weights_path.exists() else "none yet"
    rows = {"checkpoints": kept, "weights": weights}
    if not metrics:
        return {"progress": "no step recorded", **rows}
    last, steps = metrics[-1], run.config.train.steps
    state = "finished" if last["step"] >= steps else "the same train command goes on"
    speeds = [record["tokens_per_s"] for record in metrics if "tokens_per_s" in record]
    checked = [record for record in metrics if "valid_nll" in record]
    rows["progress"] = (
        f"step {last['step']:,} of {steps:,} in {duration(last['elapsed_s'])}; {state}"
    )
    if checked:
        best = min(checked, key=lambda record: record["valid_nll"])
        rows["best"] = (
            f"step {best['step']:,}: validation {best['valid_nll']:.4f} nats a token, "
            f"perplexity {best['valid_ppl']:.2f}, accuracy {best['accuracy']:.1%}"
        )
    if speeds:
        rows["speed"] = f"{sorted(speeds)[len(speeds) // 2]:,.0f} target tokens a second (median)"
    return {name: rows[name] for name in ("progress", "best", "speed", *rows) if name in rows}


def describe_environment(run: RunFolder) -> str:
    """Return versions and hardware, as they were noted."""
    try:
        values = run.environment()
    except (OSError, ValueError):
        return ""
    return ", ".join(f"{name} {value}" for name, value in values.items())

"""The translator that ships with the package: train it, store it in half precision, score it.

    python chapters/experiments/grammar_translator.py    # about 15 minutes on two cores

It trains the preset "grammar" in runs/grammar (the same command again goes on), writes the averaged
weights to transformer_lib/pretrained/ as float16, and scores what it wrote, not what it trained, on
the four test splits. The result is chapters/results/grammar_translator.json.
"""

import dataclasses
import json
import time
from pathlib import Path

from torch import nn
from transformer_lib.config import PRESETS, DecodeConfig
from transformer_lib.data.corpus import ParallelText, load_corpus
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.evaluation.bleu import exact_match
from transformer_lib.recipe import fitted, train_run
from transformer_lib.training.files import replace_file, tensors_to_bytes
from transformer_lib.training.run import RunFolder, environment, to_json
from transformer_lib.translator import SHIPPED, Translator

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "runs" / "grammar"
RESULT = ROOT / "chapters" / "results" / "grammar_translator.json"
GREEDY = DecodeConfig(beam_size=1)
CONFIG = fitted(PRESETS["grammar"])


def percent_exact(
    translator: Translator, text: ParallelText, decode: DecodeConfig | None
) -> float:
    """Return the percentage of sentences translated word for word."""
    return round(
        exact_match(translator.translate(text.src, decode), text.tgt), 3
    )


def watch(valid: ParallelText, started: float):
    """Return a callback that measures greedy exact match on 300 validation sentences."""
    few = ParallelText(valid.src[:300], valid.tgt[:300])

    def on_evaluate(model: nn.Module, step: int) -> dict[str, float]:
        tokenizer = Tokenizer.load(RUN / "tokenizer.json")
        exact = percent_exact(Translator(model, tokenizer, CONFIG), few, GREEDY)
        return {
            "exact_match": exact,
            "wall_s": round(time.monotonic() - started, 1),
        }

    return on_evaluate


def ship(run: RunFolder) -> None:
    """Write the run's averaged weights, in half precision, where the package looks for them."""
    SHIPPED.mkdir(exist_ok=True)
    half = {
        name: tensor.half() for name, tensor in run.averaged_weights().items()
    }
    replace_file(SHIPPED / "model.safetensors", tensors_to_bytes(half))
    replace_file(SHIPPED / "tokenizer.json", run.tokenizer_path.read_bytes())
    replace_file(SHIPPED / "config.json", to_json(run.config.to_dict()))


def main() -> None:
    """Train, ship, score, and write the result."""
    corpus = load_corpus(
        CONFIG.data.updated(n_pairs=1)
    )  # validation and tests only
    outcome = train_run(
        CONFIG, RUN, on_evaluate=watch(corpus.valid, time.monotonic())
    )
    ship(RunFolder.open(RUN))
    translator = Translator.load(device="cpu")
    history = [line for line in outcome.history if "exact_match" in line]
    result = {
        "command": "python chapters/experiments/grammar_translator.py",
        "config": dataclasses.asdict(CONFIG),
        "environment": environment(),
        "steps": outcome.step,
        "parameters": sum(p.numel() for p in translator.model.parameters()),
        "bytes": (SHIPPED / "model.safetensors").stat().st_size,
        "seconds": outcome.history[-1]["elapsed_s"],
        "history": history,
        "exact_match": {
            split: percent_exact(translator, text, None)
            for split, text in corpus.test.items()
        },
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["exact_match"], indent=1))


if __name__ == "__main__":
    main()

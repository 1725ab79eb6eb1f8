"""A translator so small that it trains in a second or two, for the tests of what stands on top."""

import atexit
import shutil
import tempfile
from functools import cache
from itertools import product
from pathlib import Path

from transformer_lib.config import RunConfig
from transformer_lib.presets import PRESETS
from transformer_lib.recipe import train_run

NOUNS = {"dog": "Hund", "cat": "Kater", "man": "Mann", "tree": "Baum", "bird": "Vogel"}
VERBS = {"sleeps": "schläft", "falls": "fällt", "waits": "wartet", "wins": "gewinnt"}
SETTINGS = [
    "data.n_pieces=300", "data.batch_tokens=200", "model.d_model=32", "model.d_ff=64",
    "model.n_encoder_layers=1", "model.n_decoder_layers=2", "model.dropout=0", "train.warmup=20",
    "train.peak_lr=0.01", "train.steps=80", "train.log_every=20", "train.evaluate_every=40",
    "train.device=cpu",
]  # fmt: skip


def write_text(folder: Path) -> tuple[Path, Path]:
    """Write two files of 20 sentences that translate each other."""
    pairs = [
        (f"The {noun} {verb}.", f"Der {NOUNS[noun]} {VERBS[verb]}.")
        for noun, verb in product(NOUNS, VERBS)
    ]
    paths = folder / "text.en", folder / "text.de"
    for path, lines in zip(paths, zip(*pairs, strict=True), strict=True):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def tiny_config(src: Path, tgt: Path) -> RunConfig:
    """Return settings for a translator of those files."""
    files = ["data.corpus=files", f"data.src={src}", f"data.tgt={tgt}"]
    return PRESETS["tiny"].with_settings(*files, *SETTINGS, "model.norm_order=pre")


@cache
def tiny_run() -> Path:
    """Train one, once for all tests of a process; return the run, which none of them may change."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    src, tgt = write_text(folder)
    train_run(tiny_config(src, tgt), folder / "run", quiet=True)
    return folder / "run"

"""What every job of the programme shares: how much is measured, the recipes, a way to compute."""

from typing import Any, NamedTuple

from transformer_lib.config import RunConfig
from transformer_lib.presets import PRESETS

Figures = dict[str, Any]


class Sizes(NamedTuple):
    """How much is measured."""

    matrix: int  # rows of the matrices whose product gives the peak
    seconds: float  # of products, and of the tutorial's training
    updates: int  # of ours, to measure the speed
    sentences: int | None  # to translate; None: the whole split
    score_every: int  # updates between two scores of the translator in training
    batch_size: int  # sentences translated at a time
    share: float  # of the time that jobs are expected to take
    settings: tuple[str, ...]  # what is changed in the presets


FULL = Sizes(8_192, 4.0, 200, None, 500, 512, 1.0, ())
TINY = Sizes(
    64, 0.05, 6, 4, 4, 4, 0.5,
    ("model.d_model=16", "model.n_heads=2", "model.n_encoder_layers=1", "model.n_decoder_layers=1",
     "model.d_ff=16", "data.n_pieces=400", "data.n_pairs=200", "train.steps=6", "train.warmup=2",
     "train.log_every=2", "train.evaluate_every=2", "train.average=2"),
)  # fmt: skip

RECIPE = "multi30k"  # ours
# The mean that translates is of the last thousand updates, as in the preset, from checkpoints that
# come every 250 updates and not every 200, so that one of them is due at every score.
RECIPES = {"multi30k": ("train.evaluate_every=250", "train.average=4"), "published": ()}


class Way(NamedTuple):
    """How an update is computed. Of several ways the programme takes the first that works."""

    graphs: bool
    precision: str


WAYS = (Way(True, "auto"), Way(False, "auto"), Way(False, "float32"))


def settings_of(recipe: str, sizes: Sizes, way: Way, seed: int = 1) -> RunConfig:
    """Return the settings of a run; the seed is that of the weights, of dropout and of the order.

    Raises:
        KeyError: there is no such recipe.
    """
    config = PRESETS[recipe]
    how = (f"train.graphs={way.graphs}", f"train.precision={way.precision}",
           f"train.seed={seed}", f"data.seed={seed}")  # fmt: skip
    return config.with_settings(*RECIPES[recipe], *sizes.settings, *how)

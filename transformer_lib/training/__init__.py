"""How to train a model (section 5).

To be read in this order: `loss` (5.4), `update` and `schedule` (5.3), `loop`; then what a long
training needs: `distributed`, `checkpoint` (6.1), `run`, `files`, `clock`, `progress`, `signals`,
`summary`. `consistency` is a loss that the paper does not have; `fast` is for speed.
"""

from transformer_lib.training.distributed import World
from transformer_lib.training.loop import Outcome, train
from transformer_lib.training.loss import TokenLoss, token_nll
from transformer_lib.training.run import RunFolder
from transformer_lib.training.schedule import constant, cool_down, noam, warmup_to_peak
from transformer_lib.training.update import adam

__all__ = [
    "Outcome",
    "RunFolder",
    "TokenLoss",
    "World",
    "adam",
    "constant",
    "cool_down",
    "noam",
    "token_nll",
    "train",
    "warmup_to_peak",
]

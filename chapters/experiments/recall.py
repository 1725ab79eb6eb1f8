"""How much of a sequence does a state of fixed size keep? (chapter 01, section 1 of the paper)

A GRU reads n random words; from its last state alone, one linear map has to name each of them.

    python chapters/experiments/recall.py       # writes chapters/results/recall.json; about 15 minutes on one core
"""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from transformer_lib.exits import exit_with

RESULT = Path(__file__).resolve().parents[1] / "results" / "recall.json"
N_WORDS = 8  # so chance is 1 in 8


class Recaller(nn.Module):
    """Read n words into one state, then name all of them from that state."""

    def __init__(self, d_state: int, length: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(N_WORDS, 16)
        self.reader = nn.GRU(16, d_state, batch_first=True)
        self.namer = nn.Linear(d_state, length * N_WORDS)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Take [sentences, length]; return [sentences, length, N_WORDS]."""
        last_state = self.reader(self.embedding(words))[1][0]
        return self.namer(last_state).unflatten(1, (-1, N_WORDS))


def recall(d_state: int, length: int, steps: int, seed: int) -> list[float]:
    """Train a new network; return its share of right words by position."""
    torch.manual_seed(seed)
    model = Recaller(d_state, length)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - step / steps)
        words = torch.randint(N_WORDS, (64, length))
        loss = F.cross_entropy(model(words).flatten(0, 1), words.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        words = torch.randint(N_WORDS, (1000, length))
        right = model(words).argmax(dim=-1).eq(words)
    return [round(share, 3) for share in right.float().mean(dim=0).tolist()]


def runs(
    d_states: list[int], lengths: list[int], steps: int, seeds: list[int]
) -> list[dict]:
    """Train one network for each setting and seed."""
    settings = [
        (d, n, seed) for seed in seeds for d in d_states for n in lengths
    ]
    return [
        {
            "d_state": d,
            "length": n,
            "steps": steps,
            "seed": seed,
            "right": recall(d, n, steps, seed),
        }
        for d, n, seed in settings
    ]


def main() -> None:
    """Run all settings and store the results."""
    from transformer_lib.training.run import environment

    torch.set_num_threads(1)
    found = runs([16, 64], [2, 4, 8, 16, 32], steps=600, seeds=[1, 2, 3, 4, 5])
    found += runs(
        [16], [8, 16], steps=2400, seeds=[1, 2, 3]
    )  # is the budget what limits it?
    settings = {
        "n_words": N_WORDS,
        "batch": 64,
        "optimizer": "Adam",
        "lr": 0.01,
    }
    result = {"settings": settings, "environment": environment(), "runs": found}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    exit_with(main)

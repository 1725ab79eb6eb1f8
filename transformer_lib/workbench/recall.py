"""Recalling: name every word of a sentence from the last state alone (chapter 01)."""

import torch
from torch import nn
from torch.nn import functional as F

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

"""Copying: say random words back, so that only the source tells the next one (chapter 01)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from transformer_lib.config import BOS, EOS, RNNConfig
from transformer_lib.models.rnn import RecurrentSeq2Seq

N_WORDS = 16


def random_sentences(n_sentences: int, length: int) -> tuple[Tensor, Tensor]:
    """Return the sources, which are the targets, and these shifted right."""
    src = torch.randint(EOS + 1, EOS + 1 + N_WORDS, (n_sentences, length))
    start = torch.full((n_sentences, 1), BOS)
    return src, torch.cat([start, src[:, :-1]], dim=1)


def train_copier(
    attention: bool, seed: int, steps: int, longest: int, d_model: int
) -> RecurrentSeq2Seq:
    """Train a new model on sentences of 2 to `longest` words; return it in eval mode."""
    torch.manual_seed(seed)
    size = EOS + 1 + N_WORDS
    model = RecurrentSeq2Seq(
        RNNConfig(vocab_size=size, d_model=d_model, attention=attention, dropout=0.0)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        rate = 0.01 * min(1, (step + 1) / 50) * (1 - step / steps)
        optimizer.param_groups[0]["lr"] = rate
        src, shifted = random_sentences(32, int(torch.randint(2, longest + 1, ())))
        loss = F.cross_entropy(model(src, shifted).flatten(0, 1), src.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


@torch.no_grad()
def share_copied(model: RecurrentSeq2Seq, length: int) -> float:
    """Return the share of words that the model predicts right, given the right ones before."""
    src, shifted = random_sentences(256, length)
    return round(model(src, shifted).argmax(dim=-1).eq(src).float().mean().item(), 3)

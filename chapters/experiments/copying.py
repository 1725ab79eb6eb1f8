"""What attention repairs: copying sentences of growing length (chapter 01, sections 1 and 2).

A recurrent encoder-decoder with and without additive attention learns to say random words back.
Words are random, so only the source tells the next one.

    python chapters/experiments/copying.py      # writes chapters/results/copying.json; about 10 minutes on one core
"""

import json
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformer_lib.config import BOS, EOS, RNNConfig
from transformer_lib.exits import exit_with
from transformer_lib.models.rnn import RecurrentSeq2Seq

RESULT = Path(__file__).resolve().parents[1] / "results" / "copying.json"
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
        RNNConfig(
            vocab_size=size, d_model=d_model, attention=attention, dropout=0.0
        )
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(steps):
        rate = 0.01 * min(1, (step + 1) / 50) * (1 - step / steps)
        optimizer.param_groups[0]["lr"] = rate
        src, shifted = random_sentences(
            32, int(torch.randint(2, longest + 1, ()))
        )
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
    return round(
        model(src, shifted).argmax(dim=-1).eq(src).float().mean().item(), 3
    )


def main() -> None:
    """Train five models with attention and five without, and store their accuracy by length."""
    from transformer_lib.training.run import environment

    torch.set_num_threads(1)
    settings = {"steps": 600, "longest": 24, "d_model": 64}
    lengths = [4, 8, 12, 16, 20, 24, 32, 48]
    found = []
    for seed in (1, 2, 3, 4, 5):
        for attention in (False, True):
            model = train_copier(attention, seed, **settings)
            right = [share_copied(model, length) for length in lengths]
            found.append({"attention": attention, "seed": seed, "right": right})
    settings |= {
        "n_words": N_WORDS,
        "batch": 32,
        "optimizer": "Adam",
        "lr": 0.01,
        "cell": "lstm",
    }
    result = {
        "settings": settings, "lengths": lengths, "environment": environment(), "runs": found
    }  # fmt: skip
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    exit_with(main)

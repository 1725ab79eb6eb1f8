"""How good is a model on one split? Loss and word accuracy by reading it, the rest by translating.

Two kinds of figure that fail differently. Reading gives every word its right beginning (teacher
forcing), so one mistake costs one word. Translating goes on from its own words, so one mistake
costs the sentence; on hard splits no sentence is right, and only the first kind tells models apart.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from transformer_lib.config import RunConfig
from transformer_lib.data.batching import by_length, collate, cut
from transformer_lib.data.corpus import corpus_of
from transformer_lib.data.pairs import EncodedPairs
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.evaluation import bleu
from transformer_lib.evaluation.alignment import NO_WORD, words_of_pieces
from transformer_lib.translator import Translator
from transformer_lib.workbench.cut_corpus import Split

WORD = re.compile(r"\w+|[^\w\s]+")  # letters and digits together, or marks together
TOKENS_AT_ONCE = 4096


class Reading(NamedTuple):
    """What a model predicts of a split when it is given the right target up to each place."""

    loss: float  # nats per target token, EOS counted, without smoothing
    loss_per_character: float  # nats per character: comparable between vocabularies
    word_accuracy: float  # share of the target words whose pieces are all the most probable ones


class Translating(NamedTuple):
    """What a model's own translations are worth, from 0 to 100."""

    exact_match: float
    bleu: float


def read_split(model: nn.Module, tokenizer: Tokenizer, split: Split) -> Reading:
    """Measure a model on every pair of a split, given the right beginnings.

    A word's accuracy, and not a piece's, is comparable between vocabularies (the paper's Table 3
    warns that its perplexities are not). EOS is no word.

    Args:
        model: a `Seq2Seq` model; it is put into eval mode.
        tokenizer: the one that cut the split.
        split: text and pairs.
    """
    nll, right = predicted(model.eval(), split.pairs)
    n_right = n_words = 0
    for row in range(len(split.pairs)):
        words = words_of(tokenizer, split.pairs.tgt(row)[:-1].tolist())
        missed = {word for word, hit in zip(words, right[row][:-1], strict=True) if not hit}
        n_words += len(set(words) - {NO_WORD})
        n_right += len(set(words) - {NO_WORD} - missed)
    n_characters = sum(map(len, split.text.tgt))
    n_tokens = int(split.pairs.lengths[:, 1].sum())
    return Reading(nll / n_tokens, nll / n_characters, n_right / n_words)


@torch.no_grad()
def predicted(model: nn.Module, pairs: EncodedPairs) -> tuple[float, list[np.ndarray]]:
    """Return the summed negative log-likelihood, and of each pair which tokens come out first."""
    total, right = 0.0, [np.empty(0, dtype=bool)] * len(pairs)
    rows = by_length(np.arange(len(pairs)), pairs.lengths)
    for part in cut(rows, pairs.lengths.max(axis=1), TOKENS_AT_ONCE):
        batch = collate(pairs, part)
        log_probs = model(batch.src, batch.tgt_in).log_softmax(dim=-1)
        hits = log_probs.argmax(dim=-1).eq(batch.tgt_out).numpy()
        of_target = log_probs.gather(-1, batch.tgt_out[..., None])[..., 0].double()
        for place, row in enumerate(part):
            length = pairs.lengths[row, 1]
            total -= of_target[place, :length].sum().item()
            right[row] = hits[place, :length]
    return total, right


def words_of(tokenizer: Tokenizer, ids: Sequence[int]) -> list[int]:
    """Return the number of the word that each piece belongs to.

    A piece that is a space, or only the first byte of a letter, belongs to the word that it begins.
    """
    labels = tokenizer.labels(ids)
    words = words_of_pieces(labels, WORD.findall("".join(labels)))
    for place in reversed(range(len(words) - 1)):
        if words[place] == NO_WORD:
            words[place] = words[place + 1]
    return words


def translate_split(
    model: nn.Module, tokenizer: Tokenizer, config: RunConfig, split: Split, n_sentences: int
) -> Translating:
    """Translate the first sentences of a split as `config.decode` says, and count.

    Args:
        model: a `Seq2Seq` model; it is put into eval mode.
        tokenizer: the one that cut the split.
        config: the settings of the run; its corpus says whether BLEU is to take text as it is.
        split: text and pairs.
        n_sentences: how many; all, if there are fewer.
    """
    translator = Translator(model, tokenizer, config)
    references = split.text.tgt[:n_sentences]
    translations = translator.translate(split.text.src[:n_sentences])
    scores = bleu.score(translations, references, corpus_of(config.data).tokenised)
    return Translating(scores.exact_match, scores.bleu)

"""How good is a run? Its corpus has splits for that: translate them and count (section 6.1)."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch

from transformer_lib.config import BOS, DataConfig, DecodeConfig
from transformer_lib.data.base_corpus import VALID
from transformer_lib.data.batching import pad
from transformer_lib.data.corpus import corpus_of
from transformer_lib.data.grammar import Pair
from transformer_lib.data.parallel_text import ParallelText
from transformer_lib.data.streams import chunks
from transformer_lib.evaluation import bleu
from transformer_lib.evaluation.alignment import (
    NO_WORD,
    Alignment,
    alignment_error_rate,
    merge_pieces,
    strongest,
    words_of_pieces,
)
from transformer_lib.settings import nearest
from transformer_lib.translator import Translator

logger = logging.getLogger(__name__)

Track = Callable[[list[list[str]]], Iterable[list[str]]]


class AlignmentScore(NamedTuple):
    """The alignment error rate of one decoder layer's cross-attention, its heads averaged."""

    error_rate: float
    layer: int  # counted from 1
    n_layers: int

    def __str__(self) -> str:
        return (
            f"alignment error rate {self.error_rate:.3f}  (cross-attention of decoder layer "
            f"{self.layer} of {self.n_layers}, the best on validation; mean over heads)"
        )


class SplitScore(NamedTuple):
    """One split, what the run made of it, and how good that is."""

    name: str
    text: ParallelText
    translations: list[str]
    scores: bleu.Scores
    alignment: AlignmentScore | None
    n_left_out: int = 0  # of the split's pairs, since the model cannot read so long a source

    def __str__(self) -> str:
        title = f"{self.name}: {len(self.translations):,} sentences"
        if self.n_left_out:
            title += f", {self.n_left_out:,} left out"
        return "\n".join([title, str(self.scores), *([str(self.alignment)] * bool(self.alignment))])

    def figures(self) -> dict[str, Any]:
        """Return the figures as plain values, without the translations."""
        alignment = self.alignment._asdict() if self.alignment else None
        return {
            "n": len(self.translations), "n_left_out": self.n_left_out,
            **self.scores._asdict(), "alignment": alignment,
        }  # fmt: skip


def splits_to_score(data: DataConfig, named: str | None = None) -> list[str]:
    """Return the test splits of a corpus, validation where it has none, or the one that is named.

    Raises:
        ValueError: there is no such split.
    """
    known = [VALID, *corpus_of(data).tests]
    if named and named not in known:
        hint = nearest(named, known)
        told = hint if hint.startswith("known") else f"{hint} known: {', '.join(known)}"
        raise ValueError(f"{data.corpus} has no split {named!r} to score; {told}")
    return [named] if named else known[1:] or known


def score_split(
    translator: Translator,
    name: str,
    layer: int | None = None,
    track: Track = iter,
    decode: DecodeConfig | None = None,
) -> SplitScore:
    """Translate one split of a run's corpus and score it.

    Args:
        translator: the run, which knows its corpus and how to search.
        name: one of `splits_to_score`.
        layer: whose attention is compared with the gold alignment, as `best_layer` returns it.
        track: takes the sentences in groups and gives them back one by one, to show progress.
        decode: how to search; None is as the run's configuration says.
    """
    corpus = corpus_of(translator.config.data)
    decode = decode or translator.config.decode
    whole = known_text(translator, name, corpus.load(name))
    rows = readable(translator, name, whole)
    text = ParallelText(*([side[row] for row in rows] for side in whole))
    n_left_out = len(whole.src) - len(rows)
    groups = track(list(chunks(text.src, 2 * decode.batch_size)))
    translations = [line for group in groups for line in translator.translate(group, decode)]
    scores = bleu.score(translations, text.tgt, corpus.tokenised)
    gold = corpus.gold(name) if layer is not None else None
    if not gold:
        return SplitScore(name, text, translations, scores, None, n_left_out)
    rates = error_rate_by_layer(translator, [gold[row] for row in rows])
    alignment = AlignmentScore(rates[layer], layer + 1, len(rates))
    return SplitScore(name, text, translations, scores, alignment, n_left_out)


def readable(translator: Translator, name: str, text: ParallelText) -> list[int]:
    """Return which pairs have a source that the model can read, and warn of the others.

    All are looked at before the first is translated. What training's validation leaves out, scoring
    leaves out too.

    Raises:
        ValueError: none has.
    """
    rows = [row for row, src in enumerate(text.src) if not translator.is_too_long(src)]
    long = sorted({*range(len(text.src))} - {*rows})
    if long:
        told = ", ".join(f"{row + 1:,}" for row in long[:5]) + ", ..." * (len(long) > 5)
        what = (
            f"{len(long):,} of the {len(text.src):,} sentences of the {name} text have more than "
            f"the {translator.most_tokens:,} tokens that can be read: pair {told}"
        )
        if not rows:
            raise ValueError(f"{what}; split them")
        logger.warning("left out %s", what)
    return rows


def known_text(translator: Translator, name: str, text: ParallelText) -> ParallelText:
    """Return the text, if it is what the run was made with or nothing is known of it.

    Raises:
        ValueError: it is another text of that name.
    """
    if translator.known_text.get(name, text.digest) != text.digest:
        raise ValueError(
            f"the {name} text here is not the one that the run was made with; name that one with "
            "--set data.src=..., or score this one with: score HYP REF"
        )
    return text


def best_layer(translator: Translator) -> int | None:
    """Return the decoder layer whose attention aligns validation best, from 0; None without gold.

    Only some corpora have gold alignments, and only models with cross-attention align.
    """
    gold = corpus_of(translator.config.data).gold(VALID)
    rates = error_rate_by_layer(translator, gold) if gold else []
    return rates.index(min(rates)) if rates else None


def error_rate_by_layer(translator: Translator, pairs: Sequence[Pair]) -> list[float]:
    """Return the alignment error rate of each decoder layer; none without cross-attention.

    The decoder is given the reference, since the gold alignment is of its words. A word's attention
    is where the decoder looks when it predicts the word.
    """
    found = [
        layers
        for group in chunks(pairs, translator.config.decode.batch_size)
        for layers in alignments(translator, group)
    ]
    gold = [pair.alignment for pair in pairs]
    return [alignment_error_rate(layer, gold) for layer in zip(*found, strict=True)]


@torch.no_grad()
def alignments(translator: Translator, pairs: Sequence[Pair]) -> list[list[Alignment]]:
    """Return for each pair what each decoder layer aligns, from one forward pass."""
    src = translator.encode([pair.src for pair in pairs])
    tgt = translator.encode([pair.tgt for pair in pairs])
    shifted = pad([[BOS, *ids[:-1]] for ids in tgt])
    device, labels = translator.device, translator.tokenizer.labels
    output = translator.model(pad(src).to(device), shifted.to(device), returns="all")
    layers = [weights.mean(dim=1).cpu() for weights in output.cross_weights]
    found = []
    for row, pair in enumerate(pairs):
        # The last piece is EOS, which belongs to no word.
        tgt_words = [*words_of_pieces(labels(tgt[row][:-1]), pair.tgt_words), NO_WORD]
        src_words = [*words_of_pieces(labels(src[row][:-1]), pair.src_words), NO_WORD]
        mine = [layer[row, : len(tgt[row]), : len(src[row])] for layer in layers]
        found.append([strongest(merge_pieces(part, tgt_words, src_words)) for part in mine])
    return found

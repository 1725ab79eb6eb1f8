"""A trained run as one object: sentences in, translations out (section 6.1)."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from transformer_lib.config import DecodeConfig, RunConfig
from transformer_lib.data.batching import pad
from transformer_lib.data.pairs import MOST_TOKENS
from transformer_lib.data.text import located, normal, one_line
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.decoding.attention import cross_attention
from transformer_lib.decoding.beam import beam_search
from transformer_lib.decoding.fast import by_columns
from transformer_lib.decoding.greedy import greedy
from transformer_lib.decoding.hypothesis import Hypothesis, length_divisor
from transformer_lib.models import build_model
from transformer_lib.training.checkpoint import load_weights
from transformer_lib.training.distributed import pick_device
from transformer_lib.training.run import RunFolder

SHIPPED = Path(__file__).parent / "pretrained"


class Translation(NamedTuple):
    """One translation of a sentence."""

    text: str
    score: float  # log-probability over length penalty, in nats
    log_prob: float
    finished: bool  # False: cut at the length limit


class Attention(NamedTuple):
    """A translation, and where the decoder looked while it wrote it."""

    translation: Translation
    src_pieces: list[str]  # the last is </s>
    tgt_pieces: list[str]
    weights: Float[Tensor, "L H T S"]  # of every layer and head


class Translator:
    """A model with its tokenizer and its settings. `load` makes one.

    Args:
        model: a `Seq2Seq` model.
        tokenizer: the one it was trained with.
        config: the settings of its run; `decode` says how to search.

    Raises:
        ValueError: model and tokenizer have vocabularies of different sizes.
    """

    def __init__(self, model: nn.Module, tokenizer: Tokenizer, config: RunConfig) -> None:
        if model.vocab_size != tokenizer.vocab_size:
            raise ValueError(
                f"the model knows {model.vocab_size} pieces and the tokenizer "
                f"{tokenizer.vocab_size}; they belong to different runs"
            )
        self.model, self.tokenizer, self.config = model.eval(), tokenizer, config
        self.device = next(model.parameters()).device
        self.known_text: dict[str, str] = {}  # the digests of the text that it was made with

    @classmethod
    def load(cls, run: str | Path | None = None, device: str = "auto") -> "Translator":
        """Load a trained run, or the small model that ships with the package.

        Args:
            run: the run folder; None is the shipped model, which knows the words of the grammar.
            device: "auto" takes the first there is of cuda, mps and cpu.

        Raises:
            ValueError: no such run, files that do not fit together, or no such device.
        """
        if run is None and not (SHIPPED / "config.json").is_file():
            raise ValueError(
                "no model ships with this copy of the package; train one with "
                "'python -m transformer_lib train' and name its folder, --run runs/grammar"
            )
        folder = RunFolder.open(SHIPPED if run is None else run)
        if not folder.has_begun:
            raise ValueError(
                f"{folder.path} has no weights yet; train it first: "
                f"python -m transformer_lib train --run {shlex.quote(str(folder.path))}"
            )
        tokenizer = Tokenizer.load(folder.tokenizer_path)
        model = build_model(folder.config.model)
        load_weights(model, folder.averaged_weights(), str(folder.path))
        translator = cls(model.to(pick_device(device)), tokenizer, folder.config)
        translator.known_text = folder.known_text()
        return translator

    def translate(self, sentences: Sequence[str], decode: DecodeConfig | None = None) -> list[str]:
        """Translate sentences; a blank one becomes an empty one.

        Args:
            sentences: one string each, in any number and of any length.
            decode: how to search; None is as the run's configuration says.
        """
        return [best.text for best, *_ in self.n_best(sentences, 1, decode)]

    def n_best(
        self, sentences: Sequence[str], n_best: int, decode: DecodeConfig | None = None
    ) -> list[list[Translation]]:
        """Return the best translations of each sentence with their scores, the best first.

        There are `n_best` of each: of a blank sentence all are empty.
        """
        encoded = self.encode(sentences)
        nothing = [Translation("", 0.0, 0.0, True)] * n_best
        found = [nothing] * len(encoded)
        for rows in batches_by_length(encoded, (decode or self.config.decode).batch_size):
            results = self.search([encoded[row] for row in rows], n_best, decode)
            for row, hypotheses in zip(rows, results, strict=True):
                found[row] = [self.read(hypothesis) for hypothesis in hypotheses]
        return found

    def attention(self, sentence: str, decode: DecodeConfig | None = None) -> Attention:
        """Translate one sentence and show where the decoder looked.

        Raises:
            ValueError: as `translate`, a blank sentence, or a model without cross-attention.
        """
        (ids,) = self.encode([sentence])
        if not ids:
            raise ValueError("the sentence is blank, so there is nothing to look at")
        ((best,),) = self.search([ids], 1, decode)
        weights = cross_attention(self.model, torch.tensor(ids, device=self.device), best)
        labels = self.tokenizer.labels
        return Attention(
            self.read(best), labels(ids), labels(best.tokens), torch.stack(weights).cpu()
        )

    def unknown_words(self, sentence: str) -> list[str]:
        """Return the words that no sentence of the run's corpus can hold, where that is known.

        Where it is not: the letters of which no piece was learned, most often since the text that
        the run was trained on hardly has them.
        """
        from transformer_lib.data.corpus import CORPORA  # needed by few

        text, corpus = self.normal(sentence), CORPORA.get(self.config.data.corpus)
        words = corpus.unknown_words(text) if corpus else []
        return words or [letter for letter in text if letter not in self.tokenizer.alphabet]

    def is_usual(self, sentence: str) -> bool:
        """Whether a sentence has the outer form of the corpus's own, where that is known."""
        from transformer_lib.data.corpus import CORPORA

        text, corpus = self.normal(sentence), CORPORA.get(self.config.data.corpus)
        return not (text and corpus) or corpus.is_usual(text)

    def encode(
        self, sentences: Sequence[str], name: str = "sentence", first: int = 1
    ) -> list[list[int]]:
        """Return the ids of each sentence, none for a blank one.

        Args:
            sentences: one string each.
            name: what to call one in errors, before its number.
            first: the number of the first.

        Raises:
            ValueError: a single string, or a sentence that `encode_one` refuses, with its number.
        """
        if isinstance(sentences, str):
            raise ValueError("translate takes a list of sentences; write translate([sentence])")
        encoded = []
        for number, sentence in enumerate(sentences, start=first):
            try:
                encoded.append(self.encode_one(sentence))
            except ValueError as error:
                raise located(name, number, error) from None
        return encoded

    def encode_one(self, sentence: str) -> list[int]:
        """Return the ids of one sentence, none if it is blank.

        Raises:
            ValueError: no text, text that `text.checked` refuses, or too long.
        """
        if not isinstance(sentence, str):
            raise ValueError(f"the sentence is {sentence!r}; give text, or an empty string")
        text = self.normal(sentence)
        ids = self.ids(text)
        if len(ids) > self.most_tokens:
            raise ValueError(
                f"the sentence, which begins {text[:20]!r}, has {len(ids):,} tokens, more than the "
                f"{self.most_tokens:,} that can be read; split it"
            )
        return ids

    def is_too_long(self, sentence: str) -> bool:
        """Whether a sentence has more tokens than can be read."""
        return len(self.ids(self.normal(sentence))) > self.most_tokens

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text in the form of `normal`, of any length."""
        return self.tokenizer.encode(text) if text else []

    def normal(self, sentence: str) -> str:
        """Return the sentence in the form of the text that the run was trained on."""
        return normal(sentence, self.config.data.lowercase)

    @property
    def most_tokens(self) -> int:
        """How many tokens a sentence may have, EOS included."""
        longest = self.config.model.longest
        if longest is None:
            return MOST_TOKENS
        # The output may be longer than the source, and has a place for each of its tokens too.
        return max(1, min(MOST_TOKENS, longest - self.config.decode.extra_length))

    def search(
        self, encoded: Sequence[Sequence[int]], n_best: int, decode: DecodeConfig | None
    ) -> list[list[Hypothesis]]:
        """Search for the translations of one batch."""
        how = decode or self.config.decode
        src = pad(encoded).to(self.device)
        several = len(encoded) > 1 and self.device.type == "cpu"
        model = by_columns(self.model) if several else self.model
        if how.beam_size == n_best == 1:
            found = greedy(model, src, how.extra_length)
            divisors = (
                length_divisor(len(best.tokens), how.length_penalty, how.penalty) for best in found
            )
            return [
                [best._replace(score=best.log_prob / divisor)]
                for best, divisor in zip(found, divisors, strict=True)
            ]
        return beam_search(
            model,
            src,
            how.beam_size,
            how.length_penalty,
            how.penalty,
            how.extra_length,
            n_best,
        )

    def read(self, hypothesis: Hypothesis) -> Translation:
        """Turn tokens into one line of text."""
        text = one_line(self.tokenizer.decode(hypothesis.words))
        _, score, log_prob, finished = hypothesis
        return Translation(text, score, log_prob, finished)


def batches_by_length(encoded: Sequence[Sequence[int]], batch_size: int) -> Iterator[list[int]]:
    """Yield the rows that have tokens, long ones first, so that a batch has little padding.

    A batch holds `batch_size` sentences, or fewer of long ones: `batch_size` times 64 tokens.
    """
    rows = sorted((r for r, ids in enumerate(encoded) if ids), key=lambda r: -len(encoded[r]))
    while rows:
        n_rows = max(1, min(batch_size, batch_size * 64 // len(encoded[rows[0]])))
        yield rows[:n_rows]
        rows = rows[n_rows:]


def with_search(
    config: RunConfig, assignments: Sequence[str], also: tuple[str, ...] = ()
) -> RunConfig:
    """Return the settings of a run with its search changed, as typed on a command line.

    Args:
        config: the settings of the run.
        assignments: each `decode.key=value`.
        also: how other assignments begin that are allowed.

    Raises:
        ValueError: a setting that is fixed once a run is trained.
    """
    for assignment in assignments:
        if not assignment.startswith(("decode.", *also)):
            raise ValueError(
                f"{assignment!r} cannot be changed after training; "
                "only decode settings can, for example decode.beam_size=1"
            )
    return config.with_settings(*assignments)

"""Joint byte-pair encoding: one vocabulary for both languages (section 5.1; Sennrich et al. 2016).

A tokenizer is its list of merges. The pieces are bytes first, so there is no unknown word: every
string that UTF-8 can encode comes back exactly.
"""

import codecs
import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import tokenizers
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from transformer_lib.config import BOS, EOS, PAD
from transformer_lib.files import AnyPath, whole_file

SPECIAL = {PAD: "<pad>", BOS: "<s>", EOS: "</s>"}  # how they are shown; no text encodes to them
SMALLEST = len(SPECIAL) + 256
LONGEST = 2_000  # characters of a line to learn from: the learner is quadratic in a word's length
FORMAT = "transformer_lib tokenizer 1"


def byte_letters() -> dict[str, int]:
    """Return the letter that stands for each byte: itself where it prints, else one above U+0100.

    The convention of GPT-2, which the `tokenizers` library follows; a space is written as 'Ġ'.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(0x100 + place): byte for place, byte in enumerate(others)}


class Tokenizer:
    """Text to token ids and back.

    Ids 0 to 2 are PAD, BOS and EOS, the next 256 the bytes, the rest the merges in the order in
    which they were learned.

    Args:
        merges: pairs of pieces, written in `byte_letters`; each joins two pieces known before it.
        learned_from: the digest of the text that they were learned from, where it is known.

    Raises:
        ValueError: a merge joins a piece that is not there.
    """

    def __init__(self, merges: Iterable[tuple[str, str]], learned_from: str | None = None) -> None:
        self.learned_from = learned_from
        self.merges = tuple((left, right) for left, right in merges)
        self._letters = byte_letters()
        ids = {letter: len(SPECIAL) + place for place, letter in enumerate(sorted(self._letters))}
        for left, right in self.merges:
            if left not in ids or right not in ids:
                raise ValueError(f"merge {left!r} + {right!r} joins a piece that no merge made")
            ids.setdefault(left + right, len(SPECIAL) + len(ids))
        self._bytes = [b""] * len(SPECIAL) + [bytes(map(self._letters.get, p)) for p in ids]
        self._bpe = tokenizers.Tokenizer(BPE(ids, list(self.merges)))
        self._bpe.pre_tokenizer = ByteLevel(add_prefix_space=False)

    @classmethod
    def train(
        cls, lines: Iterable[str], n_pieces: int, learned_from: str | None = None
    ) -> "Tokenizer":
        """Learn the merges from both sides of the training split, and of nothing else.

        Args:
            lines: sentences of both languages; of each the first `LONGEST` characters count.
            n_pieces: size of the vocabulary, the 3 special tokens and 256 bytes included.
            learned_from: the digest of that text, to be noted.

        Raises:
            ValueError: n_pieces is below 259, or above what the text supports (a merge must occur
                twice), or a line holds a lone surrogate.
        """
        if n_pieces < SMALLEST:
            raise ValueError(
                f"n_pieces is {n_pieces}; it must be {SMALLEST} or more, "
                "for 256 bytes and 3 special tokens"
            )
        learner = tokenizers.Tokenizer(BPE())
        learner.pre_tokenizer = ByteLevel(add_prefix_space=False)
        trainer = BpeTrainer(
            vocab_size=n_pieces - len(SPECIAL),
            min_frequency=2,
            initial_alphabet=sorted(byte_letters()),
            show_progress=False,
        )
        learner.train_from_iterator((spaced(line)[:LONGEST] for line in lines), trainer)
        merges = json.loads(learner.to_str())["model"]["merges"]
        found = cls(map(tuple, merges), learned_from)
        if found.vocab_size < n_pieces:
            raise ValueError(
                f"n_pieces is {n_pieces}, but the training text supports only {found.vocab_size}; "
                f"set n_pieces to {found.vocab_size} or less, or give more text"
            )
        return found

    @property
    def vocab_size(self) -> int:
        """The number of ids: special tokens, bytes and merges."""
        return len(self._bytes)

    @cached_property
    def alphabet(self) -> frozenset[str]:
        """The letters that stand within a piece, and all of ASCII, each a piece of its own."""
        found = b"\n".join(self._bytes[len(SPECIAL) + 256 :]).decode("utf-8", errors="ignore")
        return frozenset(found) | frozenset(map(chr, range(128)))

    @property
    def digest(self) -> str:
        """The sha256 of the merges: equal digests mean equal ids for every text."""
        text = "\n".join(f"{left} {right}" for left, right in self.merges)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.merges == other.merges

    def __hash__(self) -> int:
        return hash(self.merges)

    def __repr__(self) -> str:
        return f"Tokenizer({self.vocab_size} pieces, {self.digest[:8]})"

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text's pieces, then EOS."""
        return [*self._bpe.encode(spaced(text)).ids, EOS]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Return `encode` of each text; one call is faster than many."""
        return [[*one.ids, EOS] for one in self._bpe.encode_batch_fast([spaced(t) for t in texts])]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text up to the first EOS; PAD and BOS are passed over.

        Bytes that are not UTF-8, as an untrained model may write, become U+FFFD.
        """
        ids = self._checked(ids)
        end = ids.index(EOS) if EOS in ids else len(ids)
        joined = b"".join(self._bytes[token] for token in ids[:end])
        return joined.decode("utf-8", errors="replace").removeprefix(" ")

    def pieces(self, text: str) -> list[str]:
        """Return the text cut into its pieces, one for each id of `encode` but EOS.

        They join to the text again. A letter whose bytes are apart shows in the piece that
        completes it; the pieces before are then empty.
        """
        return self.labels(self.encode(text)[:-1])

    def labels(self, ids: Iterable[int]) -> list[str]:
        """Return something to read for every id, for instance on the axis of an attention map."""
        reader = codecs.getincrementaldecoder("utf-8")("replace")
        shown, at_start = [], True
        for token in self._checked(ids):
            text = SPECIAL.get(token) or reader.decode(self._bytes[token])
            if at_start and token not in SPECIAL:
                text, at_start = text.removeprefix(" "), False
            shown.append(text)
        return shown

    def _checked(self, ids: Iterable[int]) -> list[int]:
        ids = [int(token) for token in ids]
        for token in (min(ids, default=0), max(ids, default=0)):
            if not 0 <= token < self.vocab_size:
                raise ValueError(
                    f"token id {token} is outside the vocabulary, ids 0 to {self.vocab_size - 1}; "
                    "was it made by another tokenizer?"
                )
        return ids

    def save(self, path: AnyPath) -> None:
        """Write one JSON file; it appears whole or not at all."""
        merges = [f"{left} {right}" for left, right in self.merges]
        content = {"format": FORMAT, "learned_from": self.learned_from}
        content |= {"sha256": self.digest, "merges": merges}
        with whole_file(path) as file:
            json.dump(content, file, ensure_ascii=False, indent=0)

    @classmethod
    def load(cls, path: AnyPath) -> "Tokenizer":
        """Read what `save` wrote.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no tokenizer of ours, is cut short, or was changed.
        """
        try:
            content = json.loads(Path(path).read_bytes())
            if content["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT!r}")
            merges = (tuple(merge.split(" ")) for merge in content["merges"])
            loaded = cls(merges, content.get("learned_from"))
            if content["sha256"] != loaded.digest:
                raise ValueError(f"its merges have sha256 {loaded.digest[:12]}, not the one noted")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"{path} is not a tokenizer of this library: {error}") from None
        return loaded


def spaced(text: str) -> str:
    """Put a space before the text, so that a word is the same piece first and elsewhere.

    Raises:
        ValueError: the text holds a lone surrogate.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        wrong = ord(text[error.start])
        raise ValueError(
            f"character {error.start} is the lone surrogate U+{wrong:04X}, which is not text; "
            "remove it"
        ) from None
    return " " + text

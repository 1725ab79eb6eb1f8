"""A corpus cut into pieces, kept in a cache: every run of an experiment begins with the same one.

The cache is addressed by content: settings that change the text or its pieces, the code and the
lexicon that make them, and the version of `tokenizers` give the file its name. So nothing in it
is ever out of date, and the folder may be deleted at any time.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tokenizers
import torch
from torch import Tensor
from transformer_lib.files import replace_file

from transformer_lib import data as data_package
from transformer_lib.config import DataConfig
from transformer_lib.data.batching import shuffled
from transformer_lib.data.corpus import corpus_of
from transformer_lib.data.pairs import EncodedPairs, encode_pairs
from transformer_lib.data.parallel_text import ParallelText
from transformer_lib.data.tokenizer import Tokenizer
from transformer_lib.training.files import DamagedFile, read_tensors, tensors_to_bytes

DECIDES = ("corpus", "n_pairs", "n_pieces", "lowercase", "max_tokens", "seed")  # of DataConfig
RECORD = "record"  # the JSON part of a file of the cache


class Split(NamedTuple):
    """One split to score on: its text, and the same pairs as token ids."""

    text: ParallelText
    pairs: EncodedPairs


class CutCorpus(NamedTuple):
    """What a model trains on and is scored on, ready in memory."""

    tokenizer: Tokenizer
    train: EncodedPairs
    splits: dict[str, Split]


def cache_folder() -> Path:
    """Return the folder in the user's cache where cut corpora lie."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "transformer_lib" / "cut_corpora"


def cut_corpus(data: DataConfig, splits: Sequence[str], cache: Path | None = None) -> CutCorpus:
    """Return the corpus of `data`, from the cache if it was cut before.

    Args:
        data: which text, and how it is cut. Of a corpus with more training pairs than
            `data.n_pairs` so many are drawn by `data.seed`; a smaller number draws some of those.
            The pieces are learned on the pairs that are trained on.
        splits: which other splits to keep, as `data.corpus` names them.
        cache: the folder; None is `cache_folder()`.

    Raises:
        OSError: a file cannot be read or written, or Multi30k not downloaded.
        ValueError: a corpus of files, whose content the cache would not notice, or settings that
            are refused.
    """
    if corpus_of(data).takes_files:
        raise ValueError(
            f"data.corpus is {data.corpus!r}, and a cut corpus kept in a cache would not notice "
            "that a file has changed; train on files of your own with 'transformer-lib train'"
        )
    folder = cache or cache_folder()
    path = folder / f"{data.corpus}-{address(data, splits)}.safetensors"
    try:
        return read(path)
    except DamagedFile:  # most often: not there yet
        cut = cut_anew(data, splits)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, tensors_to_bytes(packed(cut)))
    return cut


def address(data: DataConfig, splits: Sequence[str]) -> str:
    """Return a name for everything that the cut corpus depends on."""
    settings = {name: getattr(data, name) for name in DECIDES}
    made_by = [source_digest(Path(data_package.__file__).parent), tokenizers.__version__]
    told = json.dumps([settings, list(splits), made_by])
    return hashlib.sha256(told.encode()).hexdigest()[:20]


def source_digest(folder: Path) -> str:
    """Return the sha256 of all code and word lists in a folder, with their names."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".txt", ".tsv"):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return total.hexdigest()


def cut_anew(data: DataConfig, splits: Sequence[str]) -> CutCorpus:
    """Make or read the text, learn the pieces, and cut."""
    corpus = corpus_of(data)
    train = sample(corpus.load("train"), data.n_pairs, data.seed)
    tokenizer = Tokenizer.train([*train.src, *train.tgt], data.n_pieces)
    texts = {name: corpus.load(name) for name in splits}
    kept = {name: Split(text, encode_pairs(tokenizer, text)) for name, text in texts.items()}
    return CutCorpus(tokenizer, encode_pairs(tokenizer, train, data.max_tokens), kept)


def sample(text: ParallelText, n_pairs: int, seed: int) -> ParallelText:
    """Return so many pairs drawn by the seed, all if there are no more; fewer are among them."""
    if n_pairs >= len(text.src):
        return text
    rows = shuffled(len(text.src), np.random.PCG64(seed))[:n_pairs]
    return ParallelText(*([side[row] for row in rows] for side in text))


def packed(corpus: CutCorpus) -> dict[str, Tensor]:
    """Return the corpus as tensors, ready for a file."""
    record = {
        "merges": corpus.tokenizer.merges,
        "text": {name: split.text for name, split in corpus.splits.items()},
        "n_left_out": corpus.train.n_left_out,
    }
    tensors = {RECORD: torch.frombuffer(bytearray(json.dumps(record).encode()), dtype=torch.uint8)}
    pairs = {name: split.pairs for name, split in corpus.splits.items()}
    for name, encoded in {"train": corpus.train, **pairs}.items():
        tensors[f"{name}.tokens"] = torch.from_numpy(encoded.tokens)
        tensors[f"{name}.lengths"] = torch.from_numpy(encoded.lengths)
    return tensors


def read(path: Path) -> CutCorpus:
    """Read what `packed` made.

    Raises:
        DamagedFile: it is not there, or not whole.
    """
    tensors = read_tensors(path)
    record: dict[str, Any] = json.loads(tensors[RECORD].numpy().tobytes())
    splits = {
        name: Split(ParallelText(*text), unpacked(tensors, name))
        for name, text in record["text"].items()
    }
    train = unpacked(tensors, "train", record["n_left_out"])
    return CutCorpus(Tokenizer(map(tuple, record["merges"])), train, splits)


def unpacked(tensors: dict[str, Tensor], name: str, n_left_out: int = 0) -> EncodedPairs:
    """Return the pairs of one split."""
    ends = tensors[f"{name}.lengths"].flatten().cumsum(dim=0).numpy()
    sides = np.split(tensors[f"{name}.tokens"].numpy(), ends[:-1])
    return EncodedPairs(zip(sides[::2], sides[1::2], strict=True), n_left_out)

"""Does the decoder look at the word that it translates? The alignment error rate of its attention.

Attention is over pieces, a gold alignment is between words. So pieces are merged into words first:
the weight on a source word is the sum over its pieces, the weights of a target word are the mean
over its pieces. Each target word is then aligned with the source word that got most.
"""

from collections.abc import Collection, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Alignment = Collection[tuple[int, int]]  # (index of the source word, index of the target word)
NO_WORD = -1  # of a piece such as EOS


def words_of_pieces(pieces: Sequence[str], words: Sequence[str]) -> list[int]:
    """Return the index of the word that each piece belongs to, `NO_WORD` for white space alone.

    Args:
        pieces: they join to the text.
        words: they stand in the text in this order, but for upper and lower case.

    Raises:
        ValueError: a word is not in the text where it should be.
    """
    text = "".join(pieces).lower()
    owner, place = [NO_WORD] * len(text), 0
    for number, word in enumerate(words):
        start = text.find(word.lower(), place)
        if start < 0 or text[place:start].strip():
            raise ValueError(f"word {number}, {word!r}, does not follow in {text[place:]!r}")
        place = start + len(word)
        owner[start:place] = [number] * len(word)
    found, place = [], 0
    for piece in pieces:
        mine = [number for number in owner[place : place + len(piece)] if number != NO_WORD]
        found.append(mine[0] if mine else NO_WORD)
        place += len(piece)
    return found


def merge_pieces(
    weights: Float[Tensor, "T S"], tgt_words: Sequence[int], src_words: Sequence[int]
) -> Float[Tensor, "T_words S_words"]:
    """Turn attention between pieces into attention between words.

    Args:
        weights: from target pieces to source pieces.
        tgt_words: the word of each target piece, `NO_WORD` to leave it out.
        src_words: the word of each source piece, `NO_WORD` to leave it out.

    Raises:
        ValueError: not as many words given as there are pieces, or no word on a side.
    """
    if (len(tgt_words), len(src_words)) != tuple(weights.shape):
        raise ValueError(
            f"weights have shape {list(weights.shape)}, but there are {len(tgt_words)} target and "
            f"{len(src_words)} source pieces; give a row for each target piece"
        )
    tgt, src = (membership(words, weights) for words in (tgt_words, src_words))
    n_pieces = tgt.sum(dim=1, keepdim=True).clamp(min=1)
    return (tgt / n_pieces) @ weights @ src.T


def membership(words: Sequence[int], like: Float[Tensor, "T S"]) -> Float[Tensor, "W P"]:
    """Return 1 where a piece belongs to a word.

    Raises:
        ValueError: no piece belongs to a word.
    """
    n_words = max(words, default=NO_WORD) + 1
    if not n_words:
        raise ValueError("no piece belongs to a word, so there is nothing to align")
    number = torch.arange(n_words, device=like.device)
    return number[:, None].eq(torch.tensor(words, device=like.device)).to(like.dtype)


def strongest(weights: Float[Tensor, "T S"]) -> set[tuple[int, int]]:
    """Align each target word with the source word it attends to most."""
    return {(src, tgt) for tgt, src in enumerate(weights.argmax(dim=-1).tolist())}


def alignment_error_rate(found: Sequence[Alignment], gold: Sequence[Alignment]) -> float:
    """Return 1 - 2 |A and G| / (|A| + |G|), over all sentences together (Och and Ney 2003).

    That is their formula where every gold link is sure; 0 is perfect, 1 has no link right.

    Raises:
        ValueError: another number of sentences, or no link at all.
    """
    if len(found) != len(gold):
        raise ValueError(f"there are {len(found)} alignments and {len(gold)} gold ones")
    right = sum(len(set(one) & set(other)) for one, other in zip(found, gold, strict=True))
    n_links = sum(map(len, found)) + sum(map(len, gold))
    if not n_links:
        raise ValueError("there is no link, neither found nor gold")
    return 1 - 2 * right / n_links

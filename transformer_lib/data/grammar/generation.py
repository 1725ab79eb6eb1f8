"""Sentence pairs of the grammar: drawing them, and analysing a given sentence."""

import re
from dataclasses import dataclass
from functools import cache
from random import Random

from transformer_lib.data.grammar import english, lexicon, parser, splits
from transformer_lib.data.grammar.german import translate
from transformer_lib.data.grammar.sentences import sentence
from transformer_lib.data.grammar.symbols import Node, Sampler, Symbol

# How deep to go, and how much likelier than usual to open a clause, in drawing for a split.
SAMPLING = {"deeper": (splits.MAX_DEPTH + 1, 8.0), "longer": (splits.MAX_DEPTH, 3.0)}


@dataclass(frozen=True, slots=True)
class Pair:
    """An English sentence with its German translation and how the two belong together."""

    src: str
    tgt: str
    src_words: tuple[str, ...]  # punctuation marks are words
    tgt_words: tuple[str, ...]
    alignment: frozenset[tuple[int, int]]  # (index in src_words, index in tgt_words)
    parse: str  # (ROOT (S (NP ...) ...)); its leaves are src_words


def generate(n: int, seed: int, split: str = "train") -> list[Pair]:
    """Draw `n` distinct sentence pairs.

    Args:
        n: How many.
        seed: The same seed gives the same pairs, and a larger `n` begins with those of a smaller.
        split: train, valid, or one of the test splits ordinary, new_combinations, deeper, longer.

    Raises:
        ValueError: if `n` is negative or there is no such split.
    """
    if n < 0:
        raise ValueError(f"cannot generate {n} pairs: give a number from 0 up")
    if split not in splits.SPLITS:
        raise ValueError(f"no split {split!r}: choose one of {', '.join(splits.SPLITS)}")
    depth, nesting = SAMPLING.get(split, (splits.MAX_DEPTH, 1.0))
    sampler, rng, pairs = Sampler(depth, nesting), Random(f"{split} {seed}"), {}
    while len(pairs) < n:
        tree = sampler.draw(sentence(), rng)
        words = english.linearize(tree)
        text = english.detokenize(words)
        if splits.is_in(split, tree, text, len(words)) and text not in pairs:
            pairs[text] = make_pair(tree, words, text)
    return list(pairs.values())


def make_pair(tree: Node, words: tuple[str, ...], text: str) -> Pair:
    """Translate a linearized tree."""
    tokens = translate(tree)
    german = tuple(token.text for token in tokens)
    alignment = frozenset((i, j) for j, token in enumerate(tokens) for i in token.source)
    parse = english.brackets(tree, words)
    return Pair(text, english.detokenize(german), words, german, alignment, parse)


def parse(text: str) -> list[Pair]:
    """Analyse an English sentence.

    Returns:
        One pair for each derivation: one for a sentence of the grammar, none for any other.
    """
    pairs = []
    for tree in parser.derivations(text):
        words = english.linearize(tree)
        if english.detokenize(words) == english.detokenize(tuple(english.tokenize(text))):
            pairs.append(make_pair(tree, words, english.detokenize(words)))
    return pairs


def count_derivations(depth: int = splits.MAX_DEPTH) -> int:
    """Count exactly how many pairs there are with at most `depth` clauses inside one another."""
    return sentence().count(depth)


def n_lemmas() -> int:
    """Count the dictionary words of the lexicon."""
    return lexicon.load().n_lemmas()


@cache
def vocabulary() -> frozenset[str]:
    """Collect the English word forms of all sentences, as they stand in mid-sentence."""
    found, seen, todo = {"an"}, set(), [sentence()]
    while todo:
        symbol: Symbol = todo.pop()
        found.update(word for terminal in symbol.terminals for word in terminal.words)
        fresh = {child for rule in symbol.rules for child in rule.children} - seen
        seen |= fresh
        todo.extend(fresh)
    return frozenset(found - english.MARKS)


def unknown_words(text: str) -> list[str]:
    """List the words and marks that no sentence of the grammar contains, in order, each once."""
    known = vocabulary() | english.MARKS
    tokens = english.tokenize(text)
    return list(
        dict.fromkeys(t for t in tokens if t not in known and t[0].lower() + t[1:] not in known)
    )


def is_usual(text: str) -> bool:
    """Whether a text begins with a capital and ends with its only `.` or `?`, as sentences do."""
    return bool(re.fullmatch(r"[^.?]+[.?]", text)) and text[0].isupper()

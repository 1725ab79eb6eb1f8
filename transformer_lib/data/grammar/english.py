"""The English side of a tree: its words, its text and its constituency parse."""

import re
from collections.abc import Callable

from transformer_lib.data.grammar import lexicon
from transformer_lib.data.grammar.symbols import Leaf, Node

TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[^\w\s]|_")
MARKS = frozenset(".,?")
CAPITALIZED = frozenset({"I"} | {noun.singular for noun in lexicon.load().nouns if noun.is_name})


def tokenize(text: str) -> list[str]:
    """Split a sentence into words and punctuation marks."""
    return TOKEN.findall(text)


def detokenize(words: tuple[str, ...]) -> str:
    """Write words as a sentence, with no space before a mark."""
    text = " ".join(words)
    for mark in MARKS:
        text = text.replace(" " + mark, mark)
    return text


def capitalize(words: list[str]) -> tuple[str, ...]:
    """Give the first word its capital letter."""
    return (words[0][0].upper() + words[0][1:], *words[1:])


def normalize(words: list[str]) -> list[str]:
    """Undo what its place does to a word: the first one's capital, the n of `an`."""
    words = list(words)
    if words and words[0] not in CAPITALIZED:
        words[0] = words[0][0].lower() + words[0][1:]
    return ["a" if word == "an" else word for word in words]


def linearize(tree: Node) -> tuple[str, ...]:
    """Read off the English words, and tell each leaf its place."""
    words: list[str] = []
    _collect(tree, words)
    for i, word in enumerate(words):
        if word == "a" and words[i + 1][0] in lexicon.VOWELS:
            words[i] = "an"
    return capitalize(words)


def _collect(tree: Node | Leaf, words: list[str]) -> None:
    if type(tree) is Leaf:
        start = len(words)
        words.extend(tree.terminal.words)
        tree.source = tuple(range(start, len(words)))
    else:
        for child in tree.children:
            _collect(child, words)


def brackets(tree: Node, words: tuple[str, ...]) -> str:
    """Write the constituency parse of a linearized tree: (ROOT (S (NP ...) ...))."""
    parts: list[str] = []
    _write(tree, words, parts.append)
    return "".join(parts)[1:]


def _write(tree: Node | Leaf, words: tuple[str, ...], write: Callable[[str], None]) -> None:
    if type(tree) is Leaf:
        write(f" ({tree.terminal.label} {' '.join([words[i] for i in tree.source])})")
        return
    label, children = tree.symbol.label, tree.children
    # A node without a label is spliced in, and so is one over a single node of the same label.
    is_new = label and not (
        len(children) == 1 and type(children[0]) is Node and children[0].symbol.label == label
    )
    if is_new:
        write(f" ({label}")
    for child in children:
        _write(child, words, write)
    if is_new:
        write(")")

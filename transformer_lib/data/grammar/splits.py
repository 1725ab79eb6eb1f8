"""Which sentences are for training and which for which test.

    train, valid, ordinary   alike; a hash of the English sentence tells them apart
    new_combinations         a verb and object, or adjective and noun, never together in training
    deeper                   more clauses inside one another than in training
    longer                   more words than in training

Each of the last three differs from training in its one respect only.
"""

from collections.abc import Iterator
from functools import cache
from zlib import crc32

from transformer_lib.data.grammar.german_phrases import head_noun
from transformer_lib.data.grammar.symbols import Leaf, Node

SPLITS = ("train", "valid", "ordinary", "new_combinations", "deeper", "longer")
TEST_SPLITS = SPLITS[2:]
ALIKE = ("valid", "ordinary") + 14 * ("train",)
MAX_DEPTH = 1
MAX_WORDS = 18
ONE_IN = 20  # pairs of words held out


def is_in(split: str, tree: Node, english: str, n_words: int) -> bool:
    """Say whether a drawn sentence belongs to a split; if it differs in two respects it never does.

    The sampler keeps the depth within MAX_DEPTH for all splits but deeper.
    """
    if split in ALIKE and ALIKE[crc32(english.encode()) % len(ALIKE)] != split:
        return False  # the cheapest test first: most sentences drawn for valid or ordinary end here
    if (n_words > MAX_WORDS) != (split == "longer"):
        return False
    if split == "deeper" and clause_depth(tree) <= MAX_DEPTH:
        return False
    has_new = any(is_held_out(*pair) for pair in combinations(tree))
    return has_new == (split == "new_combinations")


def clause_depth(tree: Node | Leaf) -> int:
    """Count how many clauses lie inside one another, below the main clause."""
    if type(tree) is Leaf:
        return 0
    return tree.symbol.opens_clause + max(map(clause_depth, tree.children))


@cache
def is_held_out(first: str, second: str) -> bool:
    """Say whether training never has these two words together."""
    return crc32(f"{first} {second}".encode()) % ONE_IN == 0


def combinations(tree: Node) -> Iterator[tuple[str, str]]:
    """List (adjective, noun) and (verb, object noun), as dictionary words."""
    if tree.name == "nominal":
        if len(tree.children) > 1:
            yield tree.children[-2].terminal.entry.english, head_noun(tree).terminal.entry.singular
        return
    if type(first := tree.children[0]) is Leaf and first.terminal.label == "V":
        for child in tree.children[1:]:
            if type(child) is Node and (noun := object_noun(child)):
                yield first.terminal.entry.verb.base, noun
    for child in tree.children:
        if type(child) is Node:
            yield from combinations(child)


def object_noun(node: Node) -> str | None:
    """Find the noun of a noun phrase, if it has one."""
    while node.name == "same":
        node = node.children[0]
    return (
        head_noun(node.children[-1]).terminal.entry.singular
        if node.name in ("np", "bare")
        else None
    )

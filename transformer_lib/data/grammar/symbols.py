"""The machinery of a grammar: symbols, the rules that rewrite them, trees, and counting."""

from bisect import bisect
from collections.abc import Callable, Iterable
from functools import cache, wraps
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple


class Terminal(NamedTuple):
    """One or more English words and the lexicon entry they express."""

    words: tuple[str, ...]
    label: str  # part of speech in the constituency parse
    entry: Any
    weight: float = 1.0


class Rule(NamedTuple):
    """One way to rewrite a symbol; the German side looks the name up."""

    name: str
    weight: float
    children: tuple["Symbol", ...]


class Symbol:
    """A category with its features; its rules are made when first asked for.

    Symbols are interned (the same category and features give the same object), so
    that they compare and hash by identity.
    """

    __slots__ = (
        "_counts",
        "_expand",
        "_rules",
        "features",
        "label",
        "name",
        "opens_clause",
        "terminals",
    )

    def __init__(self, name, label, features, expand=None, terminals=(), opens_clause=False):
        self.name, self.label, self.features = name, label, features
        self.terminals, self.opens_clause = tuple(terminals), opens_clause
        self._expand, self._rules, self._counts = expand, None, {}

    def __repr__(self) -> str:
        return f"{self.name}{self.features}"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The ways to rewrite the symbol."""
        if self._rules is None:
            self._rules = tuple(self._expand(*self.features)) if self._expand else ()
        return self._rules

    def count(self, depth: int) -> int:
        """Count the distinct trees with at most `depth` clauses inside one another."""
        if depth not in self._counts:
            self._counts[depth] = self._count(depth)
        return self._counts[depth]

    def _count(self, depth: int) -> int:
        if self.terminals:
            return len(self.terminals)
        depth -= self.opens_clause
        return 0 if depth < 0 else sum(count_rule(rule, depth) for rule in self.rules)


def count_rule(rule: Rule, depth: int) -> int:
    """Count the trees that begin with one rule."""
    product = 1
    for child in rule.children:
        product *= child.count(depth)
        if not product:
            break  # a clause that may not be opened must not be looked into for ever
    return product


def must_nest(option: "Rule | Terminal") -> bool:
    """Say whether a rule cannot do without opening a clause."""
    return type(option) is Rule and not count_rule(option, 0)


class Leaf:
    """A terminal in a tree; `source` holds the indices of its words once the tree is linearized."""

    __slots__ = ("source", "terminal")

    def __init__(self, terminal: Terminal, source: tuple[int, ...] = ()):
        self.terminal, self.source = terminal, source


class Node:
    """A rule applied, with its children in English order."""

    __slots__ = ("children", "name", "symbol")

    def __init__(self, symbol: Symbol, name: str, children: list["Node | Leaf"]):
        self.symbol, self.name, self.children = symbol, name, children


def nonterminal(label: str = "", opens_clause: bool = False) -> Callable:
    """Turn a function that lists rules into one that makes symbols.

    Args:
        label: Name in the constituency parse; without one the node is spliced into its parent.
        opens_clause: Whether each such node is one level deeper than its parent.
    """

    def decorate(expand: Callable[..., Iterable[Rule]]) -> Callable[..., Symbol]:
        @cache
        @wraps(expand)
        def symbol(*features) -> Symbol:
            return Symbol(expand.__name__, label, features, expand, opens_clause=opens_clause)

        return symbol

    return decorate


def preterminal(label: str) -> Callable:
    """Turn a function that lists (words, entry[, weight]) into one that makes symbols."""

    def decorate(listing: Callable[..., Iterable[tuple]]) -> Callable[..., Symbol]:
        @cache
        @wraps(listing)
        def symbol(*features) -> Symbol:
            found = (
                Terminal(tuple(words.split()), label, *rest) for words, *rest in listing(*features)
            )
            return Symbol(listing.__name__, label, features, terminals=found)

        return symbol

    return decorate


@cache
def word(text: str, label: str) -> Symbol:
    """Make the symbol of one function word."""
    return Symbol(text, label, (), terminals=[Terminal(tuple(text.split()), label, text)])


def rule(name: str, weight: float, *children: Symbol) -> Rule:
    """Make a rule: name, weight, then its symbols."""
    return Rule(name, weight, children)


class Sampler:
    """Draws trees.

    Args:
        depth: How many clauses may lie inside one another.
        nesting: How much likelier than usual a rule is that opens a clause.
    """

    def __init__(self, depth: int, nesting: float = 1.0):
        self.depth = depth
        self._tables = [_Weights(level, nesting) for level in range(depth + 1)]

    def draw(self, root: Symbol, rng: Random) -> Node:
        """Draw one tree with this root."""
        return self._draw(root, self.depth, rng.random)

    def _draw(self, symbol: Symbol, depth: int, chance: Callable[[], float]) -> Node | Leaf:
        depth -= symbol.opens_clause
        options, cumulated, total = self._tables[depth][symbol]
        option = options[bisect(cumulated, chance() * total)] if total else options[0]
        if symbol.terminals:
            return Leaf(option)
        draw = self._draw
        return Node(symbol, option.name, [draw(child, depth, chance) for child in option.children])


class _Weights(dict):
    """What each symbol can become within a depth, with cumulated weights, made when first asked."""

    def __init__(self, depth: int, nesting: float):
        self.depth, self.nesting = depth, nesting

    def __missing__(self, symbol: Symbol) -> tuple[list, list[float], float]:
        rules = [rule for rule in symbol.rules if count_rule(rule, self.depth)]
        options = symbol.terminals or rules
        weights = [
            option.weight * (self.nesting if must_nest(option) else 1.0) for option in options
        ]
        cumulated = list(accumulate(weights))
        total = (
            cumulated[-1] if len(options) > 1 else 0.0
        )  # no need of chance where there is no choice
        self[symbol] = found = options, cumulated, total
        return found

"""The way back: all derivations of an English sentence, by recursive descent with memory."""

from collections import defaultdict

from transformer_lib.data.grammar.english import normalize, tokenize
from transformer_lib.data.grammar.sentences import sentence
from transformer_lib.data.grammar.symbols import Leaf, Node, Rule, Symbol, Terminal


class Predictor:
    """For each symbol and first word, the rules and terminals that can begin with that word.

    There are no empty rules and no left recursion, so first words follow from first children.
    """

    def __init__(self):
        self._tables: dict[Symbol, dict[str, list[Rule | Terminal]]] = {}
        self._needs: dict[Symbol, frozenset[str]] = {}

    def table(self, symbol: Symbol) -> dict[str, list[Rule | Terminal]]:
        """Map first words to what may begin with them."""
        if symbol not in self._tables:
            self._tables[symbol] = self._build(symbol)
        return self._tables[symbol]

    def _build(self, symbol: Symbol) -> dict[str, list[Rule | Terminal]]:
        found = defaultdict(list)
        for terminal in symbol.terminals:
            found[terminal.words[0]].append(terminal)
        for rule in symbol.rules:
            for first in self.table(rule.children[0]):
                found[first].append(rule)
        return dict(found)

    def needs(self, symbol: Symbol) -> frozenset[str]:
        """Collect words of which one must occur for the symbol to occur.


        They are those that its last part begins with, and tell classes of noun apart at a glance,
        where the first word is but an article.
        """
        if symbol not in self._needs:
            if symbol.terminals or symbol.opens_clause:
                self._needs[symbol] = frozenset(self.table(symbol))
            else:
                self._needs[symbol] = frozenset().union(
                    *(self.needs(rule.children[-1]) for rule in symbol.rules)
                )
        return self._needs[symbol]


PREDICTOR = Predictor()


def derivations(text: str) -> list[Node]:
    """List every tree whose English side is `text`."""
    words = normalize(tokenize(text))
    found = _Chart(words).spans(sentence(), 0)
    return [tree for end, tree in found if end == len(words)]


class _Possible(dict):
    """Whether a symbol can occur among the words of a sentence, worked out when first asked."""

    def __init__(self, words: list[str]):
        self.words = set(words)

    def __missing__(self, symbol: Symbol) -> bool:
        self[symbol] = answer = not self.words.isdisjoint(PREDICTOR.needs(symbol))
        return answer


class _Chart:
    """Memory of what each symbol can span from each position of one sentence."""

    def __init__(self, words: list[str]):
        self.words, self.memory, self.possible = words, {}, _Possible(words)

    def spans(self, symbol: Symbol, start: int) -> list[tuple[int, Node | Leaf]]:
        """List every tree of the symbol that begins at `start`, with its end."""
        key = symbol, start
        if key not in self.memory:
            self.memory[key] = self._find(symbol, start) if self.possible[symbol] else []
        return self.memory[key]

    def _find(self, symbol: Symbol, start: int) -> list[tuple[int, Node | Leaf]]:
        if start >= len(self.words):
            return []
        options = PREDICTOR.table(symbol).get(self.words[start], ())
        if symbol.terminals:
            return [(start + len(t.words), Leaf(t)) for t in options if self._matches(t, start)]
        found, possible = [], self.possible
        for rule in options:
            if possible[rule.children[0]] and possible[rule.children[-1]]:
                found += [
                    (end, Node(symbol, rule.name, children))
                    for end, children in self._sequence(rule, start)
                ]
        return found

    def _matches(self, terminal: Terminal, start: int) -> bool:
        return (
            len(terminal.words) == 1
            or list(terminal.words) == self.words[start : start + len(terminal.words)]
        )

    def _sequence(self, rule: Rule, start: int) -> list[tuple[int, list]]:
        found = [(start, [])]
        for child in rule.children:
            found = [
                (end, [*before, tree])
                for middle, before in found
                for end, tree in self.spans(child, middle)
            ]
            if not found:
                break
        return found

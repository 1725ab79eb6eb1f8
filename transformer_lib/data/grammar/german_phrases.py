"""The German side of noun phrases and prepositional phrases."""

from typing import NamedTuple

from transformer_lib.data.grammar import inflection
from transformer_lib.data.grammar.symbols import Leaf, Node


class Token(NamedTuple):
    """A German word and the indices of the English words it translates."""

    text: str
    source: tuple[int, ...] = ()


COMMA = Token(",")


class Phrase(NamedTuple):
    """Words, and a relative clause that may move to the end of the clause around it."""

    tokens: list[Token]
    relative: list[Token] = []
    is_pronoun: bool = False
    has_kein: bool = False

    @property
    def whole(self) -> list[Token]:
        """All words, the relative clause in its place."""
        return self.tokens + self.relative


def noun_phrase(node: Node, case: str, negation: tuple[int, ...] | None = None) -> Phrase:
    """Translate a noun phrase.

    Args:
        node: Its tree.
        case: What the German verb or preposition asks for.
        negation: English words of a `not` that an indefinite article absorbs: not a = kein.
    """
    return _RULES[node.name](node, case, negation)


def _same(node: Node, case: str, negation) -> Phrase:
    return noun_phrase(node.children[0], case, negation)


def _name(node: Node, case: str, negation) -> Phrase:
    leaf = node.children[0]
    return Phrase([Token(leaf.terminal.entry.german, leaf.source)])


def _pronoun(node: Node, case: str, negation) -> Phrase:
    leaf = node.children[0]
    text = leaf.terminal.entry
    german = (
        inflection.PRONOUNS[text]
        if case == "nom"
        else inflection.OBJECT_PRONOUNS[text][case == "dat"]
    )
    return Phrase([Token(german, leaf.source)], is_pronoun=True)


def _bare(node: Node, case: str, negation) -> Phrase:
    (inner,) = node.children
    gender = gender_of(inner)
    if negation is None:
        return _inside(inner, case, gender, "strong")
    kein, declension = inflection.determiner("no", case, gender)
    rest = _inside(inner, case, gender, declension)
    return Phrase([Token(kein, negation), *rest.tokens], rest.relative, has_kein=True)


def _np(node: Node, case: str, negation) -> Phrase:
    article, inner = node.children
    gender, english, source = gender_of(inner), article.terminal.entry, article.source
    has_kein = negation is not None and english == "a"
    if has_kein:
        english, source = "no", negation + source
    german, declension = inflection.determiner(english, case, gender)
    rest = _inside(inner, case, gender, declension)
    return Phrase([Token(german, source), *rest.tokens], rest.relative, has_kein=has_kein)


def _both(node: Node, case: str, negation) -> Phrase:
    first, conjunction, second = node.children
    tokens = [
        *noun_phrase(first, case).tokens,
        Token("und", conjunction.source),
        *noun_phrase(second, case).tokens,
    ]
    return Phrase(tokens)


def _located(node: Node, case: str, negation) -> Phrase:
    inner, place = node.children
    return Phrase(noun_phrase(inner, case).tokens + prepositional_phrase(place).tokens)


_RULES = {
    "same": _same,
    "name": _name,
    "pronoun": _pronoun,
    "bare": _bare,
    "np": _np,
    "both": _both,
    "located": _located,
}


def _inside(node: Node, case: str, gender: str, declension: str) -> Phrase:
    """Translate what follows the determiner: adjective, noun and relative clause."""
    if node.name == "nominal":
        return Phrase(_nominal(node, case, gender, declension))
    from transformer_lib.data.grammar.german_clauses import (
        relative_clause,
    )  # phrases and clauses nest

    inner, clause = node.children
    return Phrase(_nominal(inner, case, gender, declension), relative_clause(clause, gender))


def _nominal(node: Node, case: str, gender: str, declension: str) -> list[Token]:
    *modifiers, head = node.children
    tokens = []
    for leaf in modifiers:
        entry = leaf.terminal.entry
        is_very = entry == "very"
        text = "sehr" if is_very else inflection.adjective(entry, declension, case, gender)
        tokens.append(Token(text, leaf.source))
    leaf = head.children[-1]
    text = inflection.noun(leaf.terminal.entry, case, gender == "p")
    if head.name == "noun":
        return [*tokens, Token(text, leaf.source)]
    first = head.children[0]
    return [*tokens, Token(first.terminal.entry.german + text.lower(), first.source + leaf.source)]


def head_noun(node: Node) -> Leaf:
    """Find the noun of a `nominal` or `related` node."""
    return node.children[-1].children[-1] if node.name == "nominal" else head_noun(node.children[0])


def gender_of(node: Node) -> str:
    """Say m, f, n, or p if plural, of a `nominal` or `related` node."""
    return "p" if node.symbol.features[0] == "pl" else head_noun(node).terminal.entry.gender


def prepositional_phrase(node: Node) -> Phrase:
    """Translate a preposition and its noun phrase, contracting the two where German does."""
    leaf, inner = node.children
    preposition = leaf.terminal.entry
    phrase = noun_phrase(inner, preposition.case)
    first, *rest = phrase.tokens
    contracted = inflection.CONTRACTIONS.get((preposition.german, first.text))
    # A relative clause needs the full article: von dem Mann, der schläft.
    if contracted and not phrase.relative:
        tokens = [Token(contracted, leaf.source + first.source), *rest]
    else:
        tokens = [Token(preposition.german, leaf.source), *phrase.tokens]
    return Phrase(tokens, phrase.relative)

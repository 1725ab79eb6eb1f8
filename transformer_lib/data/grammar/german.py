"""The German side of a whole sentence, and its alignment to the English words."""

from transformer_lib.data.grammar import inflection
from transformer_lib.data.grammar.german_clauses import (
    Clause,
    build,
    fill,
    person_of,
    start,
    state_token,
    subordinate,
    time_tokens,
    unwrap,
)
from transformer_lib.data.grammar.german_phrases import COMMA, Token, head_noun, noun_phrase
from transformer_lib.data.grammar.symbols import Leaf, Node

QUESTION_WORDS = {"when": "wann", "why": "warum"}


def translate(tree: Node) -> list[Token]:
    """Translate a tree that `english.linearize` has numbered.

    Returns:
        The German words, each with the indices of the English words that it translates.
    """
    tokens = tidy_commas([token for part in _SENTENCES[tree.name](tree) for token in part])
    first = tokens[0]
    return [Token(first.text[0].upper() + first.text[1:], first.source), *tokens[1:]]


def tidy_commas(tokens: list[Token]) -> list[Token]:
    """Merge the commas that clauses have at either end; drop those at the edges of a sentence."""
    found: list[Token] = []
    for token in tokens:
        if token.text == "," and not found:
            continue
        if found and found[-1].text == "," and token.text in ",.?":
            source = found.pop().source
            token = Token(token.text, source + token.source) if token.text == "," else token
        found.append(token)
    return found


def _leaf(leaf: Leaf, german: str | None = None) -> list[Token]:
    return [Token(german or leaf.terminal.entry, leaf.source)]


def main_clause(node: Node, front: list[Token] | None = None) -> list[Token]:
    """Put the finite verb second, behind a time, behind `front`, or behind the subject."""
    node = unwrap(node)
    *time, subject, rest = node.children
    return build(subject, rest).verb_second(time_tokens(time[0]) if time else front)


def _statement(node: Node):
    clause, mark = node.children
    return main_clause(clause), _leaf(mark)


def _joined(node: Node):
    first, *comma, conjunction, second, mark = node.children
    # und takes no comma between main clauses, aber does.
    joint = [*(_leaf(comma[0]) if comma else []), *_leaf(conjunction, "aber" if comma else "und")]
    return main_clause(first), joint, main_clause(second), _leaf(mark)


def _clause_last(node: Node):
    first, clause, mark = node.children
    return main_clause(first), subordinate(clause), _leaf(mark)


def _clause_first(node: Node):
    clause, comma, second, mark = node.children
    return main_clause(second, subordinate(clause) + _leaf(comma)), _leaf(mark)


def _it(node: Node):
    inner, mark = node.children
    subject, action, reason = inner.children
    because, it, be, *state = reason.children
    gender = head_noun(action.children[-1].children[-1]).terminal.entry.gender
    clause = Clause([Token(inflection.IT[gender], it.children[0].source)])
    clause.finite = Token(
        inflection.auxiliary("sein" if be.terminal.entry == "be" else "war", "s"), be.source
    )
    clause.middle = [state_token(leaf) for leaf in state]
    return (
        build(subject, action).verb_second(),
        clause.verb_last(_leaf(because, "weil")),
        _leaf(mark),
    )


def _question(node: Node):
    inner, mark = node.children
    return _QUESTIONS[inner.name](*inner.children), _leaf(mark)


def _inverted(aux: Leaf, subject: Node, rest: Node, front: list[Token] = ()) -> list[Token]:
    clause = start(subject)
    fill(clause, person_of(subject), rest, aux=aux)
    return clause.verb_second(list(front))


def _who_does(who: Leaf, rest: Node) -> list[Token]:
    clause = Clause(_leaf(who, "wer"))
    fill(clause, "s", rest)
    return clause.verb_second()


def _adverb_question(question: Leaf, aux: Leaf, subject: Node, rest: Node) -> list[Token]:
    return _inverted(aux, subject, rest, _leaf(question, QUESTION_WORDS[question.terminal.entry]))


def _object_question(question: Leaf | Node, aux: Leaf, subject: Node, gap: Node) -> list[Token]:
    case = gap.children[-1].terminal.entry.frame.case
    if type(question) is Node:
        front = noun_phrase(question, case).tokens
    elif question.terminal.entry == "who":
        front = _leaf(question, {"acc": "wen", "dat": "wem"}[case])
    else:
        front = _leaf(question, "was")
    return _inverted(aux, subject, gap, front)


def _where(where: Leaf, aux: Leaf, subject: Node, gap: Node) -> list[Token]:
    return _inverted(aux, subject, gap, _leaf(where, gap.name))


def _where_is(where: Leaf, be: Leaf, subject: Node) -> list[Token]:
    name = "sein" if be.terminal.entry == "be" else "war"
    finite = Token(inflection.auxiliary(name, person_of(subject)), be.source)
    return [*_leaf(where, "wo"), finite, *noun_phrase(subject, "nom").whole]


_SENTENCES = {
    "statement": _statement,
    "joined": _joined,
    "clause_last": _clause_last,
    "clause_first": _clause_first,
    "it": _it,
    "question": _question,
}
_QUESTIONS = {
    "inverted": _inverted,
    "who_does": _who_does,
    "adverb_question": _adverb_question,
    "object_question": _object_question,
    "where": _where,
    "where_is": _where_is,
}
__all__ = ["COMMA", "translate"]

"""The German side of clauses, by topological fields.

A German clause is: front | finite verb | subject, middle | closing verbs | after. A main clause
fills the front, a yes-no question leaves it empty, a subordinate clause has the finite verb last.
"""

from dataclasses import dataclass, field

from transformer_lib.data.grammar import inflection
from transformer_lib.data.grammar.german_phrases import (
    COMMA,
    Phrase,
    Token,
    noun_phrase,
    prepositional_phrase,
)
from transformer_lib.data.grammar.symbols import Leaf, Node

COMPLEMENTIZERS = {"that": "dass", "whether": "ob"}


@dataclass
class Clause:
    """The fields of one clause, to be put in order by one of the methods."""

    subject: list[Token]
    has_pronoun: bool = False  # as its subject
    finite: Token = None
    prefix: list[Token] = field(default_factory=list)  # separable: kommt ... an, but ankommt
    closing: list[Token] = field(default_factory=list)  # participle or infinitive
    pronouns: list[Token] = field(default_factory=list)  # objects
    middle: list[Token] = field(default_factory=list)
    after: list[Token] = field(default_factory=list)

    def verb_second(self, front: list[Token] | None = None) -> list[Token]:
        """Order a main clause; without a front the subject takes its place."""
        inner = self.middle + self.prefix + self.closing + self.after
        if front is None:
            return [*self.subject, self.finite, *self.pronouns, *inner]
        # Short before long: heute sieht ihn der Mann, but heute sieht er ihn.
        pair = [self.subject, self.pronouns] if self.has_pronoun else [self.pronouns, self.subject]
        return [*front, self.finite, *pair[0], *pair[1], *inner]

    def verb_last(self, opening: list[Token]) -> list[Token]:
        """Order a subordinate clause after its conjunction or relative pronoun."""
        verb = Token(
            "".join(part.text for part in self.prefix) + self.finite.text, self.finite.source
        )
        return [
            COMMA,
            *opening,
            *self.subject,
            *self.pronouns,
            *self.middle,
            *self.closing,
            verb,
            *self.after,
            COMMA,
        ]


def unwrap(node: Node) -> Node:
    """Skip nodes that only pass a child on."""
    while node.name in ("same", "plain") or (node.name == "rest" and len(node.children) == 1):
        node = node.children[0]
    return node


def person_of(subject: Node) -> str:
    """Say which person of the verb agrees with a subject: i, s or p."""
    agreement = subject.symbol.features[0]
    return agreement if agreement in "is" else "p"


def start(subject: Node) -> Clause:
    """Begin a clause with its subject."""
    phrase = noun_phrase(subject, "nom")
    return Clause(phrase.whole, phrase.is_pronoun)


def build(subject: Node, rest: Node, time: Leaf | None = None) -> Clause:
    """Translate a subject and a predicate with an adverb of time in the middle of the clause."""
    clause = start(subject)
    fill(clause, person_of(subject), rest, time)
    return clause


def fill(
    clause: Clause, person: str, rest: Node, time: Leaf | None = None, aux: Leaf | None = None
) -> None:
    """Translate a predicate into fields of a clause; in questions the auxiliary stands apart."""
    rest = unwrap(rest)
    if rest.name == "rest":
        rest, time = rest.children
        rest = unwrap(rest)
    when = time_tokens(time) if time else []
    if rest.name == "copula":
        _copula(clause, person, [*([aux] if aux else []), *rest.children])
        return
    leaves, phrase = {}, rest
    if rest.name == "verbal":
        *before, phrase = rest.children
        leaves = {leaf.terminal.label: leaf for leaf in before}
    elif rest.name == "gap" and len(rest.children) == 2:
        leaves = {"AUX": rest.children[0]}
    aux, negation = aux or leaves.get("AUX"), _negation(leaves)
    leaf = next(
        child for child in phrase.children if type(child) is Leaf and child.terminal.label == "V"
    )
    verb_fields(clause, person, leaf, aux, negation)
    adverb = [Token(leaves["ADV"].terminal.entry, leaves["ADV"].source)] if "ADV" in leaves else []
    _complements(clause, phrase, when + adverb, negation)


def _negation(leaves: dict[str, Leaf]) -> tuple[int, ...] | None:
    aux = leaves.get("AUX")
    if aux and aux.terminal.words == ("cannot",):
        return aux.source
    return leaves["NEG"].source if "NEG" in leaves else None


def time_tokens(leaf: Leaf) -> list[Token]:
    """Translate an adverb of time, last word to last word."""
    *start, last = leaf.terminal.entry.german.split()
    *first, end = leaf.source
    return [
        *(Token(text, tuple(first) or (end,)) for text in start),
        Token(last, (end,) if start else leaf.source),
    ]


def verb_fields(clause: Clause, person: str, leaf: Leaf, aux: Leaf | None, negation) -> None:
    """Choose tense and auxiliary; the English past becomes the German perfect."""
    verb, form, _ = leaf.terminal.entry
    source = leaf.source
    prefix = [Token(verb.prefix, source)] if verb.prefix else []
    helper = aux.terminal.entry if aux else None
    helper_source = aux.source if aux else source
    if helper in ("have", "did") or form == "past":
        if verb.infinitive == "haben" and helper != "have":
            clause.finite = Token(inflection.auxiliary("hatte", person), _join(aux, leaf))
            return
        perfect = inflection.auxiliary("sein" if verb.takes_sein else "haben", person)
        clause.finite = Token(perfect, helper_source)
        clause.closing = [Token(verb.german_participle, source)]
    elif helper in (None, "do"):
        clause.finite, clause.prefix = (
            Token(inflection.present(verb, person), _join(aux, leaf)),
            prefix,
        )
    else:
        helper = "may" if helper == "must" and negation else helper  # must not = darf nicht
        clause.finite = Token(inflection.auxiliary(helper, person), helper_source)
        clause.closing = [Token(verb.prefix + verb.infinitive, source)]


def _join(aux: Leaf | None, leaf: Leaf) -> tuple[int, ...]:
    return (aux.source if aux else ()) + leaf.source


def _complements(clause: Clause, phrase: Node, adverbs: list[Token], negation) -> None:
    """Order the middle field: pronouns, time, objects, places; under nicht objects before time."""
    frame = next(
        c.terminal.entry.frame
        for c in phrase.children
        if type(c) is Leaf and c.terminal.label == "V"
    )
    nodes = [child for child in phrase.children if type(child) is Node]
    cases = ["dat", "acc"] if phrase.name == "give" else [frame.case]
    objects, places = [], []
    for node in nodes:
        if node.symbol.label == "PP":
            places.append(prepositional_phrase(node))
        elif node.symbol.label == "SBAR":
            clause.after += subordinate(node)
        else:
            case = cases[len(objects)]
            objects.append(
                noun_phrase(node, case, negation if _may_be_kein(phrase, objects) else None)
            )
    _order(clause, objects, places, adverbs, negation)


def _may_be_kein(phrase: Node, objects_before: list[Phrase]) -> bool:
    return phrase.name == "object" or (phrase.name == "give" and len(objects_before) == 1)


def _order(
    clause: Clause, objects: list[Phrase], places: list[Phrase], adverbs: list[Token], negation
) -> None:
    has_nicht = negation is not None and not any(phrase.has_kein for phrase in objects)
    nouns = [phrase.tokens for phrase in objects if not phrase.is_pronoun]
    nicht = [Token("nicht", negation)] if has_nicht else []
    between = [*nouns, adverbs, nicht] if has_nicht else [adverbs, *nouns]
    for phrase in objects:
        clause.pronouns += phrase.tokens if phrase.is_pronoun else []
    for tokens in [*between, *(phrase.tokens for phrase in places)]:
        clause.middle += tokens
    for phrase in objects + places:
        clause.after += phrase.relative  # after all verbs: hat den Hund gesehen, der schläft


def _copula(clause: Clause, person: str, children: list[Node | Leaf]) -> None:
    be, *rest = children
    name = "sein" if be.terminal.entry == "be" else "war"
    clause.finite = Token(inflection.auxiliary(name, person), be.source)
    for child in rest:
        clause.middle += (
            prepositional_phrase(child).tokens if type(child) is Node else [state_token(child)]
        )


def state_token(leaf: Leaf) -> Token:
    """Translate not, very or an adjective after be."""
    entry = leaf.terminal.entry
    text = {"not": "nicht", "very": "sehr"}.get(entry) or entry.german
    return Token(text, leaf.source)


def subordinate(node: Node) -> list[Token]:
    """Translate a conjunction and its clause, between commas."""
    conjunction, inner = node.children
    entry = conjunction.terminal.entry
    opening = [Token(COMPLEMENTIZERS.get(entry, entry), conjunction.source)]
    subject, rest = unwrap(inner).children
    return build(subject, rest).verb_last(opening)


def relative_clause(node: Node, gender: str) -> list[Token]:
    """Translate a relative clause: the noun gives its pronoun the gender, the verb the case."""
    pronoun, *rest = node.children
    if node.name == "relative_subject":
        opening = [Token(inflection.RELATIVE["nom", gender], pronoun.source)]
        clause = Clause([])
        fill(clause, "p" if gender == "p" else "s", rest[0])
        return clause.verb_last(opening)
    subject, gap = rest
    case = gap.children[-1].terminal.entry.frame.case
    return build(subject, gap).verb_last([Token(inflection.RELATIVE[case, gender], pronoun.source)])

"""English rules around the noun: determiners, adjectives, compounds, pronouns, relative clauses.

Features: `number` is sg, pl or mass; `group` is a set of noun classes; `agreement` says which
subject a verb agrees with: i (I), you, we, s (he, the dog) or p (they, the dogs).
"""

from collections import Counter

from transformer_lib.data.grammar import lexicon
from transformer_lib.data.grammar.symbols import nonterminal, preterminal, rule, word

NUMBERS = {"s": ("sg", "mass"), "p": ("pl",)}
NUMBER_WEIGHT = {"sg": 1.0, "mass": 0.5, "pl": 0.5}
PERSON = frozenset({"person"})
SUBJECT_PRONOUNS = {"i": ["I"], "you": ["you"], "we": ["we"], "s": ["he", "she"], "p": ["they"]}
OBJECT_PRONOUNS = {
    "i": "him her them you",
    "we": "him her them you",
    "you": "him her them me us",
    "s": "him her them me us you",
    "p": "him her them me us you",
    "nobody": "",  # of a verb that takes no pronoun
}
DETERMINERS = {
    ("def", "sg"): {
        "the": 8,
        "this": 1,
        "my": 1,
        "your": 1,
        "his": 1,
        "her": 1,
        "our": 0.7,
        "their": 0.7,
    },
    ("def", "pl"): {
        "the": 8,
        "these": 1,
        "my": 0.5,
        "your": 0.5,
        "his": 0.5,
        "her": 0.5,
        "our": 0.3,
        "their": 0.3,
    },
    ("def", "mass"): {"the": 8, "my": 1, "your": 1, "his": 1, "her": 1, "our": 0.7, "their": 0.7},
    ("indef", "sg"): {"a": 1},
    ("quant", "sg"): {"every": 1},
    ("quant", "pl"): {"many": 1, "some": 1, "two": 1, "three": 1, "all": 1},
    ("no", "sg"): {"no": 1},
    ("no", "pl"): {"no": 1},
    ("no", "mass"): {"no": 1},
}
KIND_WEIGHT = {"def": 6.0, "indef": 3.0, "quant": 1.0}
words = lexicon.load()
N_OF_CLASS = Counter(noun.noun_class for noun in words.nouns if not noun.is_name)
# How often each class is the subject: people do most things.
SUBJECT_WEIGHT = Counter({name: 0.02 * n for name, n in N_OF_CLASS.items()}) | {
    "person": 12.0,
    "animal": 4.0,
}


@preterminal("DET")
def determiner(kind: str, number: str):
    """The, a, my, every, many, no ..."""
    for text, weight in DETERMINERS.get((kind, number), {}).items():
        yield text, text, weight


@preterminal("N")
def common_noun(number: str, group: frozenset, heads: frozenset | None = None):
    """A noun of some classes; `heads` narrows it to those a modifier may precede."""
    for noun in words.nouns:
        fits = noun.noun_class in group and (heads is None or noun.singular in heads)
        countable = bool(noun.plural)
        if fits and not noun.is_name and countable == (number != "mass"):
            yield (noun.plural if number == "pl" else noun.singular), noun


@preterminal("N")
def modifier(which):
    """The first part of one compound."""
    yield which.english, which


@preterminal("NAME")
def proper_name(group: frozenset):
    """A name."""
    for noun in words.nouns:
        if noun.is_name and noun.noun_class in group:
            yield noun.singular, noun


@preterminal("ADJ")
def adjective(classes: frozenset):
    """An adjective that describes just these classes."""
    for entry in words.adjectives:
        if entry.classes == classes:
            yield entry.english, entry


ADJECTIVE_CLASSES = Counter(entry.classes for entry in words.adjectives)


@nonterminal()
def noun(number: str, group: frozenset):
    """A noun or a compound."""
    yield rule("noun", 1, common_noun(number, group))
    for entry in words.modifiers:
        heads = common_noun(number, group, entry.heads)
        yield rule("compound", 0.01 * len(heads.terminals), modifier(entry), heads)


@nonterminal()
def nominal(number: str, group: frozenset):
    """A noun with or without an adjective."""
    yield rule("nominal", 1, noun(number, group))
    for classes, n in ADJECTIVE_CLASSES.items():
        if share := sum(N_OF_CLASS[name] for name in group & classes):
            weight = 0.03 * n * share / max(1, sum(N_OF_CLASS[name] for name in group))
            inner = noun(number, group & classes)
            yield rule("nominal", weight, adjective(classes), inner)
            yield rule("nominal", 0.08 * weight, word("very", "ADV"), adjective(classes), inner)


@nonterminal("NP")
def noun_phrase(kind: str, number: str, group: frozenset):
    """A name, or determiner and nominal; plurals and masses go without an article."""
    if kind == "name":
        yield rule("name", 1, proper_name(group))
    elif kind == "indef" and number != "sg":
        yield rule("bare", 1, nominal(number, group))
    else:
        yield rule("np", 1, determiner(kind, number), nominal(number, group))


@nonterminal("NP")
def pronoun(text: str):
    """One pronoun."""
    yield rule("pronoun", 1, word(text, "PRON"))


@nonterminal("NP")
def relative_noun_phrase(kind: str, number: str, group: frozenset):
    """A noun phrase that ends in a relative clause."""
    if kind == "indef" and number != "sg":
        yield rule("bare", 1, relative_nominal(number, group))
    else:
        yield rule("np", 1, determiner(kind, number), relative_nominal(number, group))


@nonterminal()
def relative_nominal(number: str, group: frozenset):
    """A noun, perhaps with an adjective, and a relative clause."""
    from transformer_lib.data.grammar.sentences import relative_clause  # the rules are recursive

    agreement = "p" if number == "pl" else "s"
    for name in sorted(group):
        single = frozenset({name})
        yield rule(
            "related", N_OF_CLASS[name], nominal(number, single), relative_clause(agreement, name)
        )


@nonterminal("PP")
def prepositional_phrase(use: str):
    """A place, a direction or an accompaniment: in the garden, to school, with the hat.

    Args:
        use: A section of the lexicon; or place: any scene (in the garden) or spot (on the chair).
    """
    for part in ("scene", "spot") if use == "place" else (use,):
        for preposition in words.prepositions[part]:
            yield from _after(preposition, place_preposition(preposition))


@preterminal("P")
def place_preposition(preposition):
    """One preposition."""
    yield preposition.english, preposition


def _after(preposition, leaf):
    n = sum(N_OF_CLASS[name] for name in preposition.classes) ** 0.5
    for number in ("sg", "pl"):
        for kind in ("def", "indef"):
            weight = n * KIND_WEIGHT[kind] * (4 if number == "sg" else 0.4)
            yield rule("pp", weight, leaf, noun_phrase(kind, number, preposition.classes))
    yield rule("pp", 3 * n, leaf, noun_phrase("name", "sg", preposition.classes & {"city"}))


def place_of(noun_class: str) -> str:
    """Say where a thing can be: in any place; only in a scene, as cars and tables; or nowhere."""
    if noun_class in words.classes["traffic"] | {"surface"}:
        return "scene"
    return "place" if noun_class in words.classes["animate"] | words.classes["goods"] else ""


@nonterminal("NP")
def subject(agreement: str, noun_class: str):
    """What a verb can agree with; only a subject takes a phrase such as `in the garden`."""
    group = frozenset({noun_class})
    if noun_class == "person":
        for text in SUBJECT_PRONOUNS[agreement]:
            yield rule("same", 3, pronoun(text))
    if agreement == "s":
        yield rule("same", 1.5, noun_phrase("name", "sg", group - {"city"}))
    if agreement == "p" and noun_class == "person":
        yield rule("both", 1, conjunct(), word("and", "CONJ"), conjunct())
    for number in NUMBERS.get(agreement, ()):
        for kind, weight in KIND_WEIGHT.items():
            weight *= NUMBER_WEIGHT[number]
            if kind == "indef" and number != "sg":
                weight *= 0.3  # dogs sleep: rarer as a subject than as an object
            yield rule("same", weight, noun_phrase(kind, number, group))
            if kind != "quant":
                yield rule("same", 0.12 * weight, relative_noun_phrase(kind, number, group))
                yield from _located(weight, kind, number, group)


def _located(weight: float, kind: str, number: str, group: frozenset):
    (noun_class,) = group
    if number == "mass" or not (use := place_of(noun_class)):
        return
    yield rule(
        "located", 0.06 * weight, noun_phrase(kind, number, group), prepositional_phrase(use)
    )
    if group == PERSON:
        yield rule(
            "located", 0.06 * weight, noun_phrase(kind, number, group), prepositional_phrase("with")
        )


@nonterminal("NP")
def conjunct():
    """One of the two people in `Anna and Peter`."""
    yield rule("same", 2, noun_phrase("def", "sg", PERSON))
    yield rule("same", 1, noun_phrase("def", "pl", PERSON))
    yield rule("same", 1, noun_phrase("name", "sg", PERSON))


@nonterminal("NP")
def object_phrase(polarity: str, agreement: str, group: frozenset, tail: str):
    """The object of a verb or preposition.

    Args:
        polarity: pos; no (no dog); neg (under not: no quantifiers); definite (under not,
            where German would not turn the article into kein).
        agreement: Of the subject: nobody sees himself here.
        group: The classes of noun that the verb accepts.
        tail: light, or heavy with a relative clause at the end.
    """
    kinds = {
        "pos": ("def", "indef", "quant"),
        "no": ("no",),
        "neg": ("def", "indef"),
        "definite": ("def",),
    }
    for number in ("sg", "mass", "pl"):
        for kind in kinds[polarity]:
            weight = KIND_WEIGHT.get(kind, 1) * NUMBER_WEIGHT[number] * _share(number, group)
            if tail == "light":
                yield rule("same", weight, noun_phrase(kind, number, group))
            elif kind in ("def", "indef"):
                yield rule("same", weight, relative_noun_phrase(kind, number, group))
    if tail == "light" and polarity != "no" and "person" in group:
        for text in OBJECT_PRONOUNS[agreement].split():
            yield rule("same", 0.4, pronoun(text))
        yield rule("same", 1, noun_phrase("name", "sg", group & PERSON))


def _share(number: str, group: frozenset) -> float:
    nouns = common_noun(number, group).terminals
    return len(nouns) / max(1, sum(N_OF_CLASS[name] for name in group))

"""English rules for verbs and their complements, auxiliaries and negation.

Features: `form` of the verb is s (sees), base (see), past (saw) or participle (seen); `polarity` is
pos, neg (under not) or no (with an object such as `no dog`); `tail` tells what the phrase ends in:
light, heavy (a relative clause, after which nothing may follow, or it could belong to either
clause) or that (a complement clause). `event` asks for verbs that take adverbs.
"""

from collections import Counter
from typing import NamedTuple

from transformer_lib.data.grammar.lexicon import Frame, Preposition, Verb
from transformer_lib.data.grammar.noun_phrases import (
    ADJECTIVE_CLASSES,
    PERSON,
    adjective,
    noun_phrase,
    object_phrase,
    place_of,
    place_preposition,
    prepositional_phrase,
    words,
)
from transformer_lib.data.grammar.symbols import nonterminal, preterminal, rule, word

MODALS = {"can": 3, "must": 2, "will": 3, "should": 2, "may": 1}
FREQUENCY = {
    "often": "oft",
    "always": "immer",
    "sometimes": "manchmal",
    "rarely": "selten",
    "never": "nie",
}
HAVE = next(verb for verb in words.verbs if verb.base == "have").frames
FRAMES = Counter(frame for verb in words.verbs for frame in verb.frames)


class VerbForm(NamedTuple):
    """What a verb's terminal stands for."""

    verb: Verb
    form: str
    frame: Frame


@preterminal("V")
def verb(form: str, frame: Frame):
    """A verb in one form with one frame."""
    for entry in words.verbs:
        text = {
            "s": entry.present,
            "base": entry.base,
            "past": entry.past,
            "participle": entry.participle,
        }[form]
        if text and frame in entry.frames:
            yield text, VerbForm(entry, form, frame)


def finite_form(agreement: str) -> str:
    """Name the form of the present that agrees with a subject."""
    return "s" if agreement == "s" else "base"


@preterminal("AUX")
def auxiliary(base: str, agreement: str):
    """Inflect do, have, be, was or a modal."""
    forms = {
        "do": {"s": "does"},
        "have": {"s": "has"},
        "be": {"s": "is", "i": "am"},
        "was": {"s": "was", "i": "was"},
        "want to": {"s": "wants to"},
    }
    default = {"be": "are", "was": "were"}.get(base, base)
    yield forms.get(base, {}).get(agreement, default), base


@preterminal("AUX")
def modal(agreement: str, with_want: bool):
    """A modal verb; `want to` does not stand in questions."""
    for text, weight in MODALS.items():
        yield text, text, weight
    if with_want:
        yield ("wants to" if agreement == "s" else "want to"), "want to", 2


@preterminal("AUX")
def cannot():
    """The one modal written together with its not."""
    yield "cannot", "can"


@preterminal("ADV")
def frequency():
    """Often, always, sometimes, rarely, never."""
    yield from FREQUENCY.items()


NOT = word("not", "NEG")
SCENE = prepositional_phrase("scene")


@nonterminal("VP")
def verb_phrase(form: str, agreement: str, noun_class: str, polarity: str, tail: str, event: bool):
    """A main verb with its complements, whose subject is of the class `noun_class`."""
    for frame, n in FRAMES.items():
        if noun_class in frame.subject and (frame.is_event or not event):
            head = verb(form, frame)
            for name, weight, *rest in _complements(frame, agreement, polarity, tail):
                yield rule(name, n * weight, head, *rest)


def _complements(frame: Frame, agreement: str, polarity: str, tail: str):
    """List (rule name, weight, symbols) of what may follow a verb."""
    kind = frame.kind
    if kind in ("that", "whether"):
        if tail == "that" and polarity != "no":
            yield from _clauses(kind)
        return
    if tail == "that":
        return
    if polarity == "no":
        if kind == "object" and tail == "light" and frame.is_event:
            yield "object", 1, object_phrase("no", agreement, frame.object, tail)
        return
    if kind == "object":
        seen_by = agreement if frame.takes_pronoun else "nobody"
        yield "object", 1, object_phrase(polarity, seen_by, frame.object, tail)
        if frame.is_event and polarity == "pos" and tail == "light":
            yield "object", 0.15, object_phrase("pos", seen_by, frame.object, "light"), SCENE
    elif kind == "prep":
        definite = "definite" if polarity == "neg" else "pos"
        yield "prep", 1, fixed_phrase(frame.preposition, definite, agreement, tail)
    elif kind == "give":
        receiver = object_phrase("definite", agreement, frame.receiver, "light")
        yield "give", 1.5, receiver, object_phrase(polarity, agreement, frame.object - PERSON, tail)
    elif tail == "light":
        yield from _light_complements(frame, agreement, polarity)


def _light_complements(frame: Frame, agreement: str, polarity: str):
    if frame.kind == "none":
        yield "none", 1
        yield "place", 0.3, SCENE
    elif frame.kind == "alone":
        yield "none", 1
    elif frame.kind == "scene":
        yield "place", 1.5, SCENE
    elif frame.kind == "place":
        yield "place", 1.5, prepositional_phrase("place")
    elif frame.kind == "spot":
        yield "place", 0.2, prepositional_phrase("spot")
    elif frame.kind == "put":
        thing = object_phrase(
            "definite" if polarity == "neg" else "pos", agreement, frame.object, "light"
        )
        yield "put", 2, thing, fixed_phrase(frame.preposition, "definite", agreement, "light")
    elif frame.kind == "object_place":
        thing = object_phrase(
            "definite" if polarity == "neg" else "pos", agreement, frame.object, "light"
        )
        yield "put", 2, thing, SCENE
    elif frame.kind in ("to", "toward", "journey", "from"):
        yield "place", 1.5, prepositional_phrase("to" if frame.kind == "toward" else frame.kind)


@nonterminal("PP")
def fixed_phrase(preposition: Preposition, polarity: str, agreement: str, tail: str):
    """The preposition that a verb asks for, and its object."""
    yield rule(
        "pp",
        1,
        place_preposition(preposition),
        object_phrase(polarity, agreement, preposition.classes, tail),
    )


def _clauses(kind: str):
    from transformer_lib.data.grammar.sentences import complement_clause  # the rules are recursive

    yield kind, 1, complement_clause(kind)


@nonterminal("VP")
def predicate(agreement: str, noun_class: str, tense: str, tail: str, event: bool):
    """A finite verb phrase.

    Args:
        agreement: Of the subject.
        noun_class: Of the subject.
        tense: present, past, perfect or modal.
        tail: What it ends in, see above.
        event: Whether an adverb of time stands beside it.
    """
    make = {"present": _present, "past": _past, "perfect": _perfect, "modal": _modal}[tense]
    yield from make(agreement, noun_class, tail, event)


def _present(agreement: str, noun_class: str, tail: str, event: bool):
    form = finite_form(agreement)
    yield rule("plain", 6, verb_phrase(form, agreement, noun_class, "pos", tail, event))
    yield rule("plain", 0.4, verb_phrase(form, agreement, noun_class, "no", tail, event))
    negated = verb_phrase("base", agreement, noun_class, "neg", tail, event)
    yield rule("verbal", 1, auxiliary("do", agreement), NOT, negated)
    if not event:
        often = verb_phrase(form, agreement, noun_class, "pos", tail, True)
        yield rule("verbal", 1, frequency(), often)
        yield from _copula("be", agreement, noun_class, tail)


def _past(agreement: str, noun_class: str, tail: str, event: bool):
    yield rule("plain", 6, verb_phrase("past", agreement, noun_class, "pos", tail, event))
    yield rule("plain", 0.4, verb_phrase("past", agreement, noun_class, "no", tail, event))
    negated = verb_phrase("base", agreement, noun_class, "neg", tail, event)
    yield rule("verbal", 1, auxiliary("did", agreement), NOT, negated)
    if not event:
        yield from _copula("was", agreement, noun_class, tail)


def _perfect(agreement: str, noun_class: str, tail: str, event: bool):
    have = auxiliary("have", agreement)
    yield rule(
        "verbal", 5, have, verb_phrase("participle", agreement, noun_class, "pos", tail, True)
    )
    yield rule(
        "verbal", 1, have, NOT, verb_phrase("participle", agreement, noun_class, "neg", tail, True)
    )


def _modal(agreement: str, noun_class: str, tail: str, event: bool):
    if noun_class not in words.classes["animate"]:
        return  # a thing neither wants nor should
    active = verb_phrase("base", agreement, noun_class, "pos", tail, True)
    negated = verb_phrase("base", agreement, noun_class, "neg", tail, True)
    yield rule("verbal", 5, modal(agreement, True), active)
    yield rule("verbal", 0.3, cannot(), negated)
    for text in ("must", "will", "should"):
        yield rule("verbal", 0.3, auxiliary(text, agreement), NOT, negated)


def _copula(base: str, agreement: str, noun_class: str, tail: str):
    if tail != "light":
        return
    be = auxiliary(base, agreement)
    for classes, n in ADJECTIVE_CLASSES.items():
        if noun_class in classes:
            yield rule("copula", 0.15 * n, be, adjective(classes))
            yield rule("copula", 0.03 * n, be, NOT, adjective(classes))
            yield rule("copula", 0.03 * n, be, word("very", "ADV"), adjective(classes))
    if use := place_of(noun_class):
        yield rule("copula", 0.6, be, prepositional_phrase(use))
        yield rule("copula", 0.1, be, NOT, prepositional_phrase(use))


@nonterminal("VP")
def gapped(agreement: str, noun_class: str, tense: str, wanted: str):
    """A predicate whose object, of the class `wanted`, stands elsewhere: that he has read."""
    form = finite_form(agreement)
    for frame, n in gap_frames(noun_class, wanted):
        if tense == "present" and frame in HAVE:
            continue  # who has a bird that we have watched: the last word would fit either clause
        if tense == "present":
            yield rule("gap", n, verb(form, frame))
        elif tense == "past":
            yield rule("gap", n, verb("past", frame))
        elif tense == "perfect" and frame.is_event:
            yield rule("gap", n, auxiliary("have", agreement), verb("participle", frame))
        elif tense == "modal" and frame.is_event and noun_class in words.classes["animate"]:
            yield rule("gap", n, modal(agreement, True), verb("base", frame))


def gap_frames(noun_class: str, wanted: str):
    """List (frame, number of verbs) whose object can be asked for or related to."""
    for frame, n in FRAMES.items():
        if frame.kind == "object" and noun_class in frame.subject and wanted in frame.object:
            yield frame, n


@nonterminal("VP")
def it_object(form: str, agreement: str, noun_class: str):
    """A verb with one object that a following `it` can only mean."""
    for frame, n in gap_frames("person", noun_class):
        for kind, weight in (("def", 2), ("indef", 1)):
            thing = noun_phrase(kind, "sg", frozenset({noun_class}))
            yield rule("object", n * weight, verb(form, frame), thing)

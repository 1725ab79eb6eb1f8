"""English rules for clauses and sentences: statements, questions, subordinate and relative clauses.

Feature: `era` keeps tenses together, "now" for present, perfect and modals, "then" for the past;
"ongoing" and "once" are theirs beside a clause of time.
Every ending is restricted so that no adverb, clause or `and` could belong to two clauses at once.
"""

from transformer_lib.data.grammar.noun_phrases import (
    N_OF_CLASS,
    NUMBERS,
    SUBJECT_WEIGHT,
    adjective,
    nominal,
    place_of,
    pronoun,
    subject,
    words,
)
from transformer_lib.data.grammar.symbols import nonterminal, preterminal, rule, word
from transformer_lib.data.grammar.verb_phrases import (
    ADJECTIVE_CLASSES,
    FRAMES,
    MODALS,
    NOT,
    auxiliary,
    finite_form,
    gap_frames,
    gapped,
    it_object,
    predicate,
    prepositional_phrase,
    verb,
    verb_phrase,
)

ERAS = {
    "now": {"present": 5.0, "perfect": 2.0, "modal": 2.0},
    "then": {"past": 4.0},
    "ongoing": {"present": 5.0, "modal": 2.0},  # beside when, while, if and before
    "once": {"past": 4.0},  # beside als: German says wenn of a habit
}
AGREEMENTS = {"s": 6.0, "p": 3.0, "i": 1.0, "you": 0.8, "we": 0.8}
REASONS = {"because": "weil", "although": "obwohl"}  # any clause may follow
OCCASIONS = {  # an event follows; by era, since "when" in the past is "als"
    "now": {"while": "während", "before": "bevor", "when": "wenn", "if": "wenn"},
    "then": {"before": "bevor"},
    "once": {"when": "als"},
}
TAILS = ("light", "heavy")


def actors():
    """List every kind of subject as (agreement, class, weight)."""
    for agreement, weight in AGREEMENTS.items():
        for noun_class, share in SUBJECT_WEIGHT.items():
            if agreement in NUMBERS or noun_class == "person":
                yield agreement, noun_class, weight * share


@preterminal("ADVP")
def time(tense: str):
    """An adverb of time that goes with a tense."""
    for entry in words.times:
        if tense in entry.tenses:
            yield entry.english, entry


@preterminal("CONJ")
def conjunction(kind: str):
    """Because or although (reason); while, before, when, if (by era)."""
    yield from (REASONS if kind == "reason" else OCCASIONS[kind]).items()


def mark(text: str):
    """One punctuation mark."""
    return word(text, "PUNCT")


@nonterminal("ROOT")
def sentence():
    """A whole sentence, the root of the grammar."""
    for era, weight in (("now", 6.0), ("then", 4.0)):
        yield rule("statement", weight, main_clause(era, True), mark("."))
        yield from _joined(era, 0.12 * weight)
        yield rule("it", 0.1 * weight, it_sentence(era), mark("."))
        yield rule("question", 0.2 * weight, yes_no_question(era), mark("?"))
        yield rule("question", 0.25 * weight, wh_question(era), mark("?"))


def _joined(era: str, weight: float):
    first = main_clause(era, False)
    yield rule("joined", weight, first, word("and", "CONJ"), main_clause(era, True), mark("."))
    yield rule(
        "joined", weight, first, mark(","), word("but", "CONJ"), main_clause(era, True), mark(".")
    )
    pairs = [(reason_clause(era), era, 0.75)]
    if era == "now":
        pairs += [(occasion_clause("now"), "ongoing", 0.75)]
    else:
        pairs += [(occasion_clause(kind), kind, 0.375) for kind in ("then", "once")]
    for clause, main, share in pairs:
        last, second = main_clause(main, False), plain_clause(main, True)
        yield rule("clause_last", share * weight, last, clause, mark("."))
        yield rule("clause_first", share * weight, clause, mark(","), second, mark("."))


@nonterminal("S")
def main_clause(era: str, may_complement: bool):
    """A statement, perhaps with an adverb of time in front.

    Args:
        era: now, then, ongoing or once.
        may_complement: Whether it may end in a that-clause, which nothing may follow.
    """
    yield rule("same", 5, plain_clause(era, may_complement))
    for tense, weight in ERAS[era].items():
        if tense != "perfect":
            for agreement, noun_class, share in actors():
                parts = subject(agreement, noun_class), fronted(agreement, noun_class, tense)
                yield rule("clause", weight * share / 300, time(tense), *parts)
    for agreement, noun_class, share in actors() if era != "once" else ():
        form = finite_form(agreement) if era != "then" else "past"
        action = verb_phrase(form, agreement, noun_class, "pos", "light", True)
        yield rule("clause", share / 300, time("habit"), subject(agreement, noun_class), action)


@nonterminal()
def fronted(agreement: str, noun_class: str, tense: str):
    """A predicate after an adverb of time in front."""
    for tail in TAILS:
        yield rule(
            "same",
            1 if tail == "light" else 0.1,
            predicate(agreement, noun_class, tense, tail, True),
        )


@nonterminal("S")
def plain_clause(era: str, may_complement: bool):
    """Subject and predicate, in English order."""
    for agreement, noun_class, weight in actors():
        rest = clause_rest(agreement, noun_class, era, may_complement)
        yield rule("clause", weight, subject(agreement, noun_class), rest)


@nonterminal()
def clause_rest(agreement: str, noun_class: str, era: str, may_complement: bool):
    """A predicate of any tense of the era, perhaps with an adverb of time after it."""
    form = finite_form(agreement) if era != "then" else "past"
    if era != "once":
        habit = verb_phrase(form, agreement, noun_class, "pos", "light", True)
        yield rule("rest", 0.5, habit, time("habit"))
    for tense, weight in ERAS[era].items():
        yield rule("rest", weight, predicate(agreement, noun_class, tense, "light", False))
        yield rule("rest", 0.1 * weight, predicate(agreement, noun_class, tense, "heavy", False))
        if tense != "perfect":
            before = predicate(agreement, noun_class, tense, "light", True)
            yield rule("rest", 0.2 * weight, before, time(tense))
        if may_complement:
            yield rule(
                "rest", 0.12 * weight, predicate(agreement, noun_class, tense, "that", False)
            )


@nonterminal("SBAR", opens_clause=True)
def reason_clause(era: str):
    """Because she is tired."""
    yield rule("subordinate", 1, conjunction("reason"), plain_clause(era, False))


@nonterminal("SBAR", opens_clause=True)
def occasion_clause(era: str):
    """When he comes."""
    yield rule("subordinate", 1, conjunction(era), event_clause(era))


@nonterminal("S")
def event_clause(era: str):
    """A clause about something that happens."""
    for agreement, noun_class, weight in actors():
        form = finite_form(agreement) if era not in ("then", "once") else "past"
        for tail, share in (("light", 1), ("heavy", 0.1)):
            action = verb_phrase(form, agreement, noun_class, "pos", tail, True)
            yield rule("clause", weight * share, subject(agreement, noun_class), action)


@nonterminal("SBAR", opens_clause=True)
def complement_clause(kind: str):
    """What somebody says or knows: that ..., whether ..."""
    for era in ("now", "then"):
        yield rule("subordinate", 1, word(kind, "CONJ"), plain_clause(era, True))


@nonterminal("SBAR", opens_clause=True)
def relative_clause(agreement: str, noun_class: str):
    """A clause about a noun of the class `noun_class`, its subject or its object."""
    pronoun = word("who" if noun_class == "person" else "that", "PRON")
    for era in ("now", "then"):
        yield rule("relative_subject", 3, pronoun, clause_rest(agreement, noun_class, era, False))
    for actor, actor_class, weight in actors():
        for tense in ("present", "past", "perfect", "modal"):
            if any(gap_frames(actor_class, noun_class)):
                gap = gapped(actor, actor_class, tense, noun_class)
                yield rule(
                    "relative_object", weight / 60, pronoun, subject(actor, actor_class), gap
                )


@nonterminal("S")
def it_sentence(era: str):
    """`it` means the object: the only thing in the clause before."""
    be = "be" if era == "now" else "was"
    for agreement in AGREEMENTS:
        form = finite_form(agreement) if era != "then" else "past"
        for name in sorted(words.classes["goods"]):
            action = it_object(form, agreement, name)
            reason = it_clause(be, name)
            yield rule(
                "it",
                AGREEMENTS[agreement] * N_OF_CLASS[name],
                subject(agreement, "person"),
                action,
                reason,
            )


@nonterminal("SBAR", opens_clause=True)
def it_clause(be: str, noun_class: str):
    """Because it is old."""
    head = word("because", "CONJ"), pronoun("it"), auxiliary(be, "s")
    for classes, n in ADJECTIVE_CLASSES.items():
        if noun_class in classes:
            yield rule("it_clause", n, *head, adjective(classes))
            yield rule("it_clause", 0.3 * n, *head, word("very", "ADV"), adjective(classes))
            yield rule("it_clause", 0.2 * n, *head, NOT, adjective(classes))


def _inverted(era: str):
    """List (weight, auxiliary symbol, tense, form of the verb after it, agreement, class)."""
    for agreement, noun_class, weight in actors():
        if era == "then":
            yield weight, auxiliary("did", agreement), "past", "base", agreement, noun_class
            continue
        yield 2 * weight, auxiliary("do", agreement), "present", "base", agreement, noun_class
        yield weight, auxiliary("have", agreement), "perfect", "participle", agreement, noun_class
        if noun_class in words.classes["animate"]:
            for text in MODALS:
                yield (
                    0.2 * weight,
                    auxiliary(text, agreement),
                    "modal",
                    "base",
                    agreement,
                    noun_class,
                )


@nonterminal("S")
def yes_no_question(era: str):
    """Does he sleep? Is he old?"""
    for weight, aux, tense, form, agreement, noun_class in _inverted(era):
        rest = question_rest(form, agreement, noun_class, tense)
        yield rule("inverted", weight, aux, subject(agreement, noun_class), rest)
    for agreement, noun_class, weight in actors():
        be = auxiliary("be" if era == "now" else "was", agreement)
        state = state_phrase(noun_class)
        yield rule("inverted", weight, be, subject(agreement, noun_class), state)


@nonterminal()
def question_rest(form: str, agreement: str, noun_class: str, tense: str):
    """What follows the subject of a yes-no question."""
    event = tense in ("modal", "perfect")
    for tail, weight in (("light", 6), ("heavy", 0.5), ("that", 0.5)):
        yield rule("rest", weight, verb_phrase(form, agreement, noun_class, "pos", tail, event))
    if tense != "perfect":
        action = verb_phrase(form, agreement, noun_class, "pos", "light", True)
        yield rule("rest", 2, action, time(tense))


@nonterminal()
def state_phrase(noun_class: str):
    """An adjective or a place after be."""
    for classes, n in ADJECTIVE_CLASSES.items():
        if noun_class in classes:
            yield rule("copula", n, adjective(classes))
    if use := place_of(noun_class):
        yield rule("copula", 4, prepositional_phrase(use))


@nonterminal("S")
def wh_question(era: str):
    """A question with who, what, which, when, why or where."""
    yield rule("who_does", 1000, word("who", "PRON"), clause_rest("s", "person", era, True))
    for weight, aux, tense, form, agreement, noun_class in _inverted(era):
        actor, needs_event = subject(agreement, noun_class), tense in ("modal", "perfect")
        action = question_action(form, agreement, noun_class)
        for question in ("when", "why"):
            yield rule("adverb_question", 0.3 * weight, word(question, "ADV"), aux, actor, action)
        for question in ("who", "what"):
            gap = question_gap(form, noun_class, question, needs_event)
            yield rule("object_question", weight, word(question, "PRON"), aux, actor, gap)
        for wanted in N_OF_CLASS:
            gap = which_gap(form, noun_class, wanted, needs_event)
            yield rule("object_question", 0.1 * weight, which_phrase(wanted), aux, actor, gap)
        for kind in ("wo", "wohin"):
            place = where_gap(form, noun_class, kind)
            yield rule("where", 0.5 * weight, word("where", "ADV"), aux, actor, place)
    for agreement, noun_class, weight in actors():
        if place_of(noun_class):
            be = auxiliary("be" if era == "now" else "was", agreement)
            yield rule("where_is", weight, word("where", "ADV"), be, subject(agreement, noun_class))


@nonterminal()
def question_action(form: str, agreement: str, noun_class: str):
    """What follows the subject in a question with when or why."""
    yield rule("rest", 1, verb_phrase(form, agreement, noun_class, "pos", "light", True))


@nonterminal("NP")
def which_phrase(noun_class: str):
    """Which book."""
    for number, weight in (("sg", 2), ("pl", 1)):
        which = word("which", "DET")
        yield rule("np", weight, which, nominal(number, frozenset({noun_class})))


@nonterminal("VP")
def question_gap(form: str, noun_class: str, question: str, event: bool):
    """A verb whose object is asked for: who for people, what for things."""
    classes = (
        {"person"}
        if question == "who"
        else words.classes["any"] - words.classes["animate"] | {"money"}
    )
    frames = {frame: n for wanted in sorted(classes) for frame, n in gap_frames(noun_class, wanted)}
    for frame, n in frames.items():
        if (frame.is_event or not event) and (question == "who" or frame.case == "acc"):
            yield rule("gap", n, verb(form, frame))


@nonterminal("VP")
def which_gap(form: str, noun_class: str, wanted: str, event: bool):
    """A verb whose object is `which` and a noun."""
    for frame, n in gap_frames(noun_class, wanted):
        if frame.is_event or not event:
            yield rule("gap", n, verb(form, frame))


@nonterminal("VP")
def where_gap(form: str, noun_class: str, kind: str):
    """A verb of being somewhere (wo) or of going somewhere (wohin)."""
    for frame, n in FRAMES.items():
        if (
            noun_class in frame.subject
            and frame.kind in {"wo": ("none", "place", "scene"), "wohin": ("to", "journey")}[kind]
        ):
            yield rule(kind, n, verb(form, frame))

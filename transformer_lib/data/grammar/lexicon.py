"""The words of the grammar: reads lexicon.txt into frozen records, one kind per section."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

VOWELS = "aeiou"
PREPOSITIONS = ("scene", "spot", "to", "journey", "from", "with")


@dataclass(frozen=True)
class Noun:
    """A noun or a name; `plural` is empty for mass nouns and names."""

    singular: str
    plural: str
    gender: str  # m, f or n
    german: str
    german_plural: str
    oblique: str  # dative and accusative singular: another form only for weak nouns (den Jungen)
    noun_class: str
    is_name: bool = False


@dataclass(frozen=True)
class Modifier:
    """First part of a compound: kitchen table, Küchentisch."""

    english: str
    german: str
    heads: frozenset[str]  # the nouns that it may precede


@dataclass(frozen=True)
class Adjective:
    """An adjective, its German stem before endings, and what it may describe."""

    english: str
    german: str
    stem: str
    classes: frozenset[str]


@dataclass(frozen=True)
class Preposition:
    """A preposition with the case that the German one governs."""

    english: str
    german: str
    case: str
    classes: frozenset[str]


@dataclass(frozen=True)
class Time:
    """An adverb of time."""

    english: str
    german: str
    tenses: frozenset[str]


@dataclass(frozen=True)
class Frame:
    """What a verb combines with: the classes of its subject, and its complement."""

    subject: frozenset[str]
    # none alone place scene spot to journey toward from object object_place give prep put that
    # whether
    kind: str
    object: frozenset[str] = frozenset()
    case: str = ""
    receiver: frozenset[str] = frozenset()  # the dative of a verb of giving
    preposition: Preposition | None = None
    is_event: bool = False
    takes_pronoun: bool = True  # as its object


@dataclass(frozen=True)
class Verb:
    """A verb with its English and German forms."""

    base: str
    present: str  # third person singular
    past: str  # empty where it looks like the present (read, put)
    participle: str
    infinitive: str  # without a separable prefix
    german_present: str
    german_participle: str
    prefix: str
    takes_sein: bool
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Lexicon:
    """All words, by kind."""

    nouns: tuple[Noun, ...]
    modifiers: tuple[Modifier, ...]
    adjectives: tuple[Adjective, ...]
    times: tuple[Time, ...]
    prepositions: dict[str, tuple[Preposition, ...]]  # by use, see PREPOSITIONS
    verbs: tuple[Verb, ...]
    classes: dict[str, frozenset[str]]

    def n_lemmas(self) -> int:
        """Count the dictionary words, function words aside."""
        return len(self.nouns) + len(self.modifiers) + len(self.adjectives) + len(self.verbs)


def english_s(word: str) -> str:
    """Add the -s of a plural or of the third person."""
    if word.endswith(("s", "sh", "ch", "x", "z", "o")) and word not in (
        "radio",
        "zoo",
        "photo",
        "video",
    ):
        return word + "es"
    if word.endswith("y") and word[-2] not in VOWELS:
        return word[:-1] + "ies"
    return word + "s"


def english_ed(word: str) -> str:
    """Add the -ed of a regular past."""
    if word.endswith("e"):
        return word + "d"
    if word.endswith("y") and word[-2] not in VOWELS:
        return word[:-1] + "ied"
    return word + "ed"


def _on_first(change, phrase: str) -> str:
    """Inflect the verb of a phrasal verb: pick up, picks up."""
    first, *rest = phrase.split()
    return " ".join([change(first), *rest])


def _noun(fields: list[str], noun_class: str, classes) -> Noun:
    singular, _, plural = fields[0].partition("/")
    german, *rest = (part.strip() for part in fields[1].split(","))
    article, german = german.split()
    german_plural = rest[0] if rest else ""
    oblique = rest[1] if len(rest) > 1 else german
    plural = "" if plural == "-" else plural or english_s(singular)
    gender = {"der": "m", "die": "f", "das": "n"}[article]
    return Noun(singular, plural, gender, german, german_plural, oblique, noun_class)


def _name(fields: list[str], noun_class: str, classes) -> Noun:
    german, gender = (part.strip() for part in fields[1].split(","))
    return Noun(fields[0], "", gender, german, "", german, noun_class, is_name=True)


def _modifier(fields: list[str], _: str, classes) -> Modifier:
    return Modifier(fields[0], fields[1], frozenset(fields[2].split()))


def _adjective(fields: list[str], _: str, classes) -> Adjective:
    german, _, stem = fields[1].partition("/")
    stem = stem or german.removesuffix("e")  # müde, ein müder Mann
    return Adjective(fields[0], german, stem, resolve(fields[2], classes))


def _preposition(fields: list[str], _: str, classes) -> Preposition:
    german, case = fields[1].split()
    return Preposition(fields[0], german, case, resolve(fields[2], classes))


def _time(fields: list[str], _: str, classes) -> Time:
    return Time(fields[0], fields[1], frozenset(fields[2].split()))


def _verb(fields: list[str], _: str, classes) -> Verb:
    forms = [form.replace("_", " ") for form in fields[0].split()]
    base = forms[0]
    past, participle = forms[1:] or [_on_first(english_ed, base)] * 2
    german = fields[1].split()
    takes_sein = german[-1] == "ist"
    prefix, _, infinitive = german[0].rpartition("+")
    present, perfect = german[1:3] if len(german) > 2 else _weak_forms(prefix, infinitive)
    frames = tuple(_frame(text.strip(), classes) for text in fields[2].split(";"))
    past = "" if past == "-" else past
    return Verb(
        base,
        _on_first(_third_person, base),
        past,
        participle,
        infinitive,
        present,
        perfect,
        prefix,
        takes_sein,
        frames,
    )


def _third_person(word: str) -> str:
    return {"have": "has"}.get(word) or english_s(word)


def _weak_forms(prefix: str, infinitive: str) -> tuple[str, str]:
    """Inflect a regular weak verb: suchen, sucht, gesucht."""
    stem = infinitive.removesuffix("en") if infinitive.endswith("en") else infinitive[:-1]
    present = stem + ("et" if stem.endswith(("t", "d", "chn")) else "t")
    no_ge = infinitive.startswith(("be", "ver", "er", "ge", "ent")) or infinitive.endswith("ieren")
    return present, prefix + ("" if no_ge else "ge") + present


def _frame(text: str, classes) -> Frame:
    subject, _, complement = text.partition(" > ")
    is_event = complement.endswith("!")
    words = complement.removesuffix("!").split()
    group = resolve(subject, classes)
    return _complement(group, words, is_event, classes)


def _complement(subject: frozenset[str], words: list[str], is_event: bool, classes) -> Frame:
    head, rest = words[0], " ".join(words[1:])
    if not rest:
        return Frame(subject, head, is_event=is_event)
    if head == "dat" and " acc " in rest:
        receiver, thing = (resolve(part, classes) for part in rest.split(" acc "))
        return Frame(subject, "give", thing, "acc", receiver, is_event=is_event)
    if head == "acc" and " on " in rest:
        thing, place = (resolve(part, classes) for part in rest.split(" on "))
        on = Preposition("on", "auf", "acc", place)
        return Frame(subject, "put", thing, "acc", preposition=on, is_event=is_event)
    if head == "acc" and rest.endswith(" place"):
        return Frame(subject, "object_place", resolve(words[1], classes), "acc", is_event=is_event)
    if head in ("acc", "dat"):
        return Frame(subject, "object", resolve(rest, classes), head, is_event=is_event)
    if head == "noun":
        things = resolve(rest, classes)
        return Frame(subject, "object", things, "acc", is_event=is_event, takes_pronoun=False)
    german, _, case = words[1].partition("+")
    things = resolve(" ".join(words[2:]), classes)
    return Frame(
        subject, "prep", preposition=Preposition(head, german, case, things), is_event=is_event
    )


def resolve(names: str, classes: dict[str, frozenset[str]]) -> frozenset[str]:
    """Turn class and group names into the set of classes they stand for."""
    return frozenset().union(*(classes.get(name, {name}) for name in names.split()))


READERS = {
    "noun": _noun,
    "name": _name,
    "modifier": _modifier,
    "adjective": _adjective,
    "verb": _verb,
    "time": _time,
} | dict.fromkeys(PREPOSITIONS, _preposition)


@cache
def load() -> Lexicon:
    """Read lexicon.txt.

    Raises:
        ValueError: if a line cannot be read; the message quotes it.
    """
    text = resources.files(__package__).joinpath("lexicon.txt").read_text(encoding="utf-8")
    return parse_lexicon(text)


def parse_lexicon(text: str) -> Lexicon:
    """Turn the text of a lexicon into records; see `load`."""
    classes: dict[str, frozenset[str]] = {}
    entries: dict[str, list] = {name: [] for name in READERS}
    section = argument = ""
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.split("#")[0].strip()
        if line.startswith("["):
            section, _, argument = line.strip("[]").partition(" ")
        elif line:
            try:
                if section == "classes":
                    name, members = line.split(" = ")
                    classes[name] = resolve(members, classes)
                else:
                    fields = [field.strip() for field in line.split("|")]
                    entries[section].append(READERS[section](fields, argument, classes))
            except (ValueError, KeyError, IndexError) as error:
                raise ValueError(
                    f"lexicon line {number} is not a {section or 'section'}: {line!r}"
                ) from error
    return _lexicon(entries, classes)


def _lexicon(entries: dict[str, list], classes: dict[str, frozenset[str]]) -> Lexicon:
    prepositions = {use: tuple(entries[use]) for use in PREPOSITIONS}
    nouns = tuple(entries["noun"] + entries["name"])
    return Lexicon(
        nouns,
        tuple(entries["modifier"]),
        tuple(entries["adjective"]),
        tuple(entries["time"]),
        prepositions,
        tuple(entries["verb"]),
        classes,
    )

"""German inflection: articles, adjectives, nouns, pronouns and verbs.

Gender is m, f, n, or p for any plural; case is nom, acc or dat; person is i, s (third) or p.
"""

from transformer_lib.data.grammar.lexicon import Adjective, Noun, Verb

GENDERS, CASES = "mfnp", ("nom", "acc", "dat")


def _table(nom: str, acc: str, dat: str) -> dict[tuple[str, str], str]:
    rows = zip(CASES, (nom, acc, dat), strict=True)
    cells = {case: row.replace("-", " ").split(" ") for case, row in rows}
    return {(case, gender): cells[case][i] for case in CASES for i, gender in enumerate(GENDERS)}


# Columns: masculine, feminine, neuter, plural; a gap is an empty ending.
DEFINITE = _table("der die das die", "den die das die", "dem der dem den")
STRONG = _table("er e es e", "en e es e", "em er em en")
WEAK = _table("e e e en", "en e e en", "en en en en")
MIXED = _table("er e es en", "en e es en", "en en en en")
EIN = _table(" e  e", "en e  e", "em er em en")
RELATIVE = DEFINITE | {("dat", "p"): "denen"}
ENDINGS = {"strong": STRONG, "weak": WEAK, "mixed": MIXED}

DER_WORDS = {"this": "dies", "these": "dies", "every": "jed", "which": "welch", "all": "all"}
EIN_WORDS = {
    "a": "ein",
    "no": "kein",
    "my": "mein",
    "your": "Ihr",
    "his": "sein",
    "her": "ihr",
    "our": "unser",
    "their": "ihr",
}
QUANTITIES = {"many": "viel", "some": "einig"}
NUMERALS = {"two": "zwei", "three": "drei"}

PRONOUNS = {"I": "ich", "you": "Sie", "he": "er", "she": "sie", "we": "wir", "they": "sie"}
OBJECT_PRONOUNS = {
    "me": ("mich", "mir"),
    "you": ("Sie", "Ihnen"),
    "him": ("ihn", "ihm"),
    "her": ("sie", "ihr"),
    "us": ("uns", "uns"),
    "them": ("sie", "ihnen"),
}
IT = {"m": "er", "f": "sie", "n": "es"}

CONTRACTIONS = {
    ("in", "dem"): "im",
    ("in", "das"): "ins",
    ("an", "dem"): "am",
    ("an", "das"): "ans",
    ("zu", "dem"): "zum",
    ("zu", "der"): "zur",
    ("bei", "dem"): "beim",
    ("von", "dem"): "vom",
}

AUXILIARIES = {  # first person singular, third person singular, plural
    "haben": ("habe", "hat", "haben"),
    "sein": ("bin", "ist", "sind"),
    "war": ("war", "war", "waren"),
    "hatte": ("hatte", "hatte", "hatten"),
    "can": ("kann", "kann", "können"),
    "must": ("muss", "muss", "müssen"),
    "will": ("werde", "wird", "werden"),
    "should": ("soll", "soll", "sollen"),
    "may": ("darf", "darf", "dürfen"),
    "want to": ("will", "will", "wollen"),
}
PERSONS = "isp"


def determiner(english: str, case: str, gender: str) -> tuple[str, str]:
    """Inflect a determiner; also say how an adjective after it declines."""
    if english == "the":
        return DEFINITE[case, gender], "weak"
    if english in DER_WORDS:
        return DER_WORDS[english] + STRONG[case, gender], "weak"
    if english in EIN_WORDS:
        return EIN_WORDS[english] + EIN[case, gender], "mixed"
    if english in QUANTITIES:
        return QUANTITIES[english] + STRONG[case, gender], "strong"
    return NUMERALS[english], "strong"


def adjective(entry: Adjective, declension: str, case: str, gender: str) -> str:
    """Decline an adjective as the word before it demands: strong, weak or mixed."""
    return entry.stem + ENDINGS[declension][case, gender]


def noun(entry: Noun, case: str, is_plural: bool) -> str:
    """Decline a noun."""
    if not is_plural:
        return entry.german if case == "nom" else entry.oblique
    if case == "dat" and not entry.german_plural.endswith(("n", "s")):
        return entry.german_plural + "n"
    return entry.german_plural


def auxiliary(name: str, person: str) -> str:
    """Inflect an auxiliary or a modal verb, named as in AUXILIARIES."""
    return AUXILIARIES[name][PERSONS.index(person)]


def present(verb: Verb, person: str) -> str:
    """Inflect a verb in the present, without its separable prefix."""
    if verb.infinitive == "haben":
        return auxiliary("haben", person)
    if person == "s":
        return verb.german_present
    if person == "p":
        return verb.infinitive
    if not verb.german_present.endswith("t"):  # mag, weiß: both persons alike
        return verb.german_present
    if verb.infinitive.endswith("eln"):
        return verb.infinitive[:-3] + "le"
    return verb.infinitive.removesuffix("n") + ("" if verb.infinitive.endswith("en") else "e")

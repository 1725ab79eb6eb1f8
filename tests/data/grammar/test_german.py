"""The German is right: sentences translated by hand, and agreement checked without the rules."""

import re
from pathlib import Path

import pytest

from transformer_lib.data import grammar
from transformer_lib.data.grammar import inflection, lexicon

TABLE = Path(__file__).with_name("hand_checked.tsv").read_text(encoding="utf-8").splitlines()
HAND_CHECKED = [line.split("|") for line in TABLE if line and not line.startswith("#")]
SAMPLE = grammar.generate(3000, seed=3)
NOUNS = {noun.singular: noun for noun in lexicon.load().nouns}


def test_the_table_is_long_and_has_no_doubles():
    assert len(HAND_CHECKED) >= 150
    assert len({english for english, _ in HAND_CHECKED}) == len(HAND_CHECKED)


@pytest.mark.parametrize(("english", "german"), HAND_CHECKED)
def test_hand_checked(english, german):
    assert [pair.tgt for pair in grammar.parse(english)] == [german]


@pytest.mark.parametrize(
    "english",
    [
        "He picks up me.",  # English wants: picks me up
        "Where did she come?",  # kommen asks for wohin or woher
        "The train came behind the zoo.",
        "She came back in the castle.",
        "Every day he sang when she danced.",  # a habit in the past is wenn, not als
        "When she danced, he sang every day.",
        "She lives on this chair.",
    ],
)
def test_what_neither_language_says_has_no_parse(english):
    assert grammar.unknown_words(english) == []
    assert grammar.parse(english) == []


# Each line: nominative, accusative, dative; singular and plural.
DECLENSIONS = """
man: der Mann, den Mann, dem Mann; die Männer, die Männer, den Männern
boy: der Junge, den Jungen, dem Jungen; die Jungen, die Jungen, den Jungen
neighbor: der Nachbar, den Nachbarn, dem Nachbarn; die Nachbarn, die Nachbarn, den Nachbarn
prince: der Prinz, den Prinzen, dem Prinzen; die Prinzen, die Prinzen, den Prinzen
teacher: der Lehrer, den Lehrer, dem Lehrer; die Lehrer, die Lehrer, den Lehrern
mother: die Mutter, die Mutter, der Mutter; die Mütter, die Mütter, den Müttern
queen: die Königin, die Königin, der Königin; die Königinnen, die Königinnen, den Königinnen
child: das Kind, das Kind, dem Kind; die Kinder, die Kinder, den Kindern
car: das Auto, das Auto, dem Auto; die Autos, die Autos, den Autos
garden: der Garten, den Garten, dem Garten; die Gärten, die Gärten, den Gärten
museum: das Museum, das Museum, dem Museum; die Museen, die Museen, den Museen
city: die Stadt, die Stadt, der Stadt; die Städte, die Städte, den Städten
bear: der Bär, den Bären, dem Bären; die Bären, die Bären, den Bären
author: der Autor, den Autor, dem Autor; die Autoren, die Autoren, den Autoren
"""


@pytest.mark.parametrize("line", DECLENSIONS.strip().splitlines())
def test_declension(line):
    english, forms = line.split(": ")
    noun = NOUNS[english]
    for is_plural, row in enumerate(forms.split("; ")):
        gender = "p" if is_plural else noun.gender
        for case, expected in zip(("nom", "acc", "dat"), row.split(", "), strict=True):
            article, _ = inflection.determiner("the", case, gender)
            assert f"{article} {inflection.noun(noun, case, bool(is_plural))}" == expected


CONJUGATIONS = """
see: ich sehe, er sieht, sie sehen
sleep: ich schlafe, er schläft, sie schlafen
work: ich arbeite, er arbeitet, sie arbeiten
like: ich mag, er mag, sie mögen
smile: ich lächle, er lächelt, sie lächeln
feed: ich füttere, er füttert, sie füttern
admire: ich bewundere, er bewundert, sie bewundern
have: ich habe, er hat, sie haben
travel: ich reise, er reist, sie reisen
draw: ich zeichne, er zeichnet, sie zeichnen
invite: ich lade, er lädt, sie laden
"""


@pytest.mark.parametrize("line", CONJUGATIONS.strip().splitlines())
def test_conjugation(line):
    english, forms = line.split(": ")
    verb = next(verb for verb in lexicon.load().verbs if verb.base == english)
    expected = [form.split()[1] for form in forms.split(", ")]
    assert [inflection.present(verb, person) for person in "isp"] == expected


# Article: the (gender or plural, ending of an adjective after it) that it may stand before.
ARTICLES = {
    "der": {"me", "fen"},
    "die": {"fe", "pen"},
    "das": {"ne"},
    "den": {"men", "pen"},
    "dem": {"men", "nen"},
    "im": {"men", "nen"},
    "zum": {"men", "nen"},
    "zur": {"fen"},
    "ein": {"mer", "nes"},
    "kein": {"mer", "nes"},
    "eine": {"fe"},
    "keine": {"fe", "pen"},
    "einen": {"men"},
    "einem": {"men", "nen"},
    "einer": {"fen"},
    "meine": {"fe", "pen"},
    "meinen": {"men", "pen"},
    "jeder": {"me", "fen"},
    "viele": {"pe"},
    "vielen": {"pen"},
}


def forms_of_nouns():
    """German word → the genders, or p, that it can be."""
    genders = {}
    for noun in NOUNS.values():
        if noun.is_name:
            continue
        for form in (noun.german, noun.oblique):
            genders.setdefault(form, set()).add(noun.gender)
        for form in (noun.german_plural, noun.german_plural + "n"):
            genders.setdefault(form, set()).add("p")
    return genders


def articles_in_samples():
    """List (gender and ending cells, the two words after it, the sentence) for each article."""
    for pair in SAMPLE:
        words = ("", *pair.tgt_words, "")
        for before, article, *after in zip(words, words[1:], words[2:], words[3:], strict=False):
            if (
                article.lower() in ARTICLES and before != ","
            ):  # after a comma it is a relative pronoun
                yield ARTICLES[article.lower()], after, f"{article} {' '.join(after)}: {pair.tgt}"


def test_article_adjective_and_noun_agree_in_samples():
    genders, checked = forms_of_nouns(), 0
    for cells, (adjective, noun), where in articles_in_samples():
        if adjective.islower() and noun in genders:
            fits = {cell[0] for cell in cells if adjective.endswith(cell[1:])}
            assert fits & genders[noun], where
            checked += 1
    assert checked > 300


def test_article_and_noun_agree_in_samples():
    genders, checked = forms_of_nouns(), 0
    for cells, (noun, _), where in articles_in_samples():
        if noun in genders:
            assert {cell[0] for cell in cells} & genders[noun], where
            checked += 1
    assert checked > 1000


def test_dative_plurals_end_in_n_or_s():
    for noun in NOUNS.values():
        if noun.plural:
            assert inflection.noun(noun, "dat", is_plural=True)[-1] in "ns"


def test_the_participle_ends_a_simple_clause():
    participles = {verb.german_participle for verb in lexicon.load().verbs}
    simple = [
        pair
        for pair in SAMPLE
        if re.search(r"\(AUX (has|have)\)", pair.parse)
        and "(SBAR" not in pair.parse
        and "(CONJ" not in pair.parse
    ]
    assert len(simple) > 50
    for pair in simple:
        assert pair.tgt_words[-2] in participles


def test_the_finite_verb_ends_a_subordinate_clause():
    finite = {inflection.present(verb, person) for verb in lexicon.load().verbs for person in "isp"}
    finite |= {
        verb.prefix + inflection.present(verb, p) for verb in lexicon.load().verbs for p in "isp"
    }
    finite |= {form for forms in inflection.AUXILIARIES.values() for form in forms}
    checked = 0
    for pair in SAMPLE:
        clause = re.search(r", (?:weil|obwohl|dass|ob) ([^,]*)\.$", pair.tgt)
        if clause:
            checked += 1
            assert clause[1].split()[-1] in finite
    assert checked > 50


def test_every_phenomenon_occurs_in_samples():
    german = " ".join(pair.tgt for pair in SAMPLE)
    for sign in (
        "weil er",
        "nicht",
        "keine",
        ", der ",
        ", dem ",
        ", den ",
        "im ",
        "zur ",
        "aus.",
        "frisst",
        "kennt",
        "weiß",
        "wohin",
        "Wem",
        "Welche",
        "Als ",
        "wenn",
        "Küchentisch",
    ):
        assert sign.lower() in german.lower(), sign


@pytest.mark.parametrize(
    "line",
    [
        "[verb]\nsee | sehen",
        "[noun person]\nman | Mann",
        "see | sehen | any",
        "[nuon]\nman | der Mann, Männer",
    ],
)
def test_a_bad_line_of_a_lexicon_is_quoted(line):
    with pytest.raises(ValueError, match="lexicon line .*" + re.escape(line.splitlines()[-1])):
        lexicon.parse_lexicon(line)

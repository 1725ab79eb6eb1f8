"""Laws of the grammar that hold for any lexicon."""

import re

import pytest

from transformer_lib.data import grammar
from transformer_lib.data.grammar import lexicon, splits

TRAIN = grammar.generate(20_000, seed=1)
TESTS = {split: grammar.generate(500, seed=2, split=split) for split in grammar.SPLITS[1:]}
EVERY = TRAIN + [pair for pairs in TESTS.values() for pair in pairs]


def test_the_same_seed_gives_the_same_pairs():
    assert grammar.generate(300, seed=5) == grammar.generate(300, seed=5)
    assert grammar.generate(300, seed=5)[:100] == grammar.generate(100, seed=5)
    assert grammar.generate(300, seed=5) != grammar.generate(300, seed=6)


def test_20_000_sentences_parse_exactly_once_and_translate_alike():
    for pair in TRAIN:
        assert grammar.parse(pair.src) == [pair]


@pytest.mark.parametrize("split", TESTS)
def test_sentences_of_the_other_splits_parse_exactly_once(split):
    for pair in TESTS[split]:
        assert grammar.parse(pair.src) == [pair]


def test_splits_share_no_sentence():
    seen = {pair.src for pair in TRAIN}
    assert len(seen) == len(TRAIN)
    for pairs in TESTS.values():
        sources = {pair.src for pair in pairs}
        assert len(sources) == len(pairs)
        assert not sources & seen
        seen |= sources


def depth(pair):
    """Nested clauses, counted in the brackets and not by the generator."""
    level = deepest = 0
    stack = []
    for token in re.findall(r"\([A-Z]+|\)", pair.parse):
        if token == ")":
            level -= stack.pop()
        else:
            stack.append(token == "(SBAR")
            level += stack[-1]
            deepest = max(deepest, level)
    return deepest


def test_each_test_split_goes_beyond_training_in_its_own_way():
    deepest, longest = max(map(depth, TRAIN)), max(len(pair.src_words) for pair in TRAIN)
    assert (deepest, longest) == (splits.MAX_DEPTH, splits.MAX_WORDS)
    assert min(map(depth, TESTS["deeper"])) > deepest
    assert min(len(pair.src_words) for pair in TESTS["longer"]) > longest
    for split, pairs in TESTS.items():
        assert split == "deeper" or max(map(depth, pairs)) <= deepest
        assert split == "longer" or max(len(pair.src_words) for pair in pairs) <= longest


def combinations(pairs):
    """(adjective, noun) and (verb, object) as dictionary words, read off the brackets."""
    words = lexicon.load()
    lemma = {form: noun.singular for noun in words.nouns for form in (noun.singular, noun.plural)}
    lemma |= {
        form: v.base for v in words.verbs for form in (v.base, v.present, v.past, v.participle)
    }
    kinds = (
        r"\(ADJ ([^)]*)\) \(N ([^)]*)\)(?! \(N)",
        r"\(V ([^)]*)\) \(NP \(DET [^)]*\) \(N ([^)]*)\)(?! \(N)",
    )
    found = {match for pair in pairs for kind in kinds for match in re.findall(kind, pair.parse)}
    return {(lemma.get(first, first.lower()), lemma[second]) for first, second in found}


def test_held_out_combinations_never_occur_in_training():
    seen, new = combinations(TRAIN), combinations(TESTS["new_combinations"])
    assert len(seen) > 2000
    assert not any(splits.is_held_out(*pair) for pair in seen)
    assert sum(splits.is_held_out(*pair) for pair in new) > 100


def test_alignments_point_at_words_and_cover_every_content_word():
    for pair in EVERY:
        sources, targets = {i for i, _ in pair.alignment}, {j for _, j in pair.alignment}
        assert sources == set(range(len(pair.src_words)))  # each English word is in some German one
        assert targets <= set(range(len(pair.tgt_words)))
        unaligned = {pair.tgt_words[j] for j in set(range(len(pair.tgt_words))) - targets}
        assert unaligned <= {","}  # only commas that English does not write


def test_names_align_with_themselves():
    for pair in TRAIN:
        for i, word in enumerate(pair.src_words):
            if word in ("Anna", "Paul", "Berlin", "Hamburg"):
                assert [pair.tgt_words[j] for k, j in pair.alignment if k == i] == [word]


def test_the_leaves_of_a_parse_are_the_words_and_the_brackets_balance():
    for pair in EVERY:
        leaves = " ".join(re.findall(r" ([^()]*[^() ])\)", pair.parse)).split()
        assert tuple(leaves) == pair.src_words
        level = 0
        for i, sign in enumerate(pair.parse):
            level += (sign == "(") - (sign == ")")
            assert level > 0 or i == len(pair.parse) - 1
        assert level == 0
        assert pair.parse.startswith("(ROOT (S")


def test_text_is_the_words_with_marks_attached():
    for pair in EVERY:
        for text, words in ((pair.src, pair.src_words), (pair.tgt, pair.tgt_words)):
            assert text.replace(" ", "") == "".join(words)
            assert not re.search(r" [.,?]|  ", text)
            assert text[0].isupper()
            assert text[-1] in ".?"


def test_the_vocabulary_is_closed():
    known = grammar.vocabulary()
    assert {"a", "an", "dog", "sees", "saw", "I", "Anna"} <= known
    for pair in EVERY:
        assert grammar.unknown_words(pair.src) == []


def test_unknown_words_are_named_in_order_and_once():
    assert grammar.unknown_words("Hello world, the hello Dog sees world!") == [
        "Hello",
        "world",
        "hello",
        "!",
    ]
    assert grammar.unknown_words("The dog \N{DOG FACE} sleeps\u200d.") == ["\N{DOG FACE}", "\u200d"]
    assert grammar.unknown_words("") == []


def test_every_sentence_has_the_usual_form():
    assert all(grammar.is_usual(pair.src) for pair in EVERY)
    for odd in ("The dog sleeps", "the dog sleeps.", "He sleeps!", "He falls. He runs.", "", "."):
        assert not grammar.is_usual(odd)


@pytest.mark.parametrize(
    "text", ["", "Hello world.", "The dog", "The dogs sees the cat.", "A old man sleeps.", "the"]
)
def test_other_sentences_have_no_parse(text):
    assert grammar.parse(text) == []


def test_more_than_ten_million_pairs_are_reachable():
    assert grammar.count_derivations(0) > 10_000_000
    assert grammar.count_derivations(1) > grammar.count_derivations(0)
    assert grammar.n_lemmas() >= 300


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="-1"):
        grammar.generate(-1, seed=0)
    with pytest.raises(ValueError, match=r"'tset'.*ordinary"):
        grammar.generate(1, seed=0, split="tset")


def test_a_parse_has_no_empty_steps():
    (pair,) = grammar.parse("The old man who sleeps did not see dogs.")
    assert pair.parse == (
        "(ROOT (S (NP (DET The) (ADJ old) (N man) (SBAR (PRON who) (VP (V sleeps)))) "
        "(VP (AUX did) (NEG not) (VP (V see) (NP (N dogs))))) (PUNCT .))"
    )

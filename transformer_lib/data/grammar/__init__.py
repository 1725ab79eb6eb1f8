"""The embedded corpus: a bilingual grammar of English and German.

To be read in this order: lexicon.txt, lexicon.py (the words), symbols.py (what a grammar is),
noun_phrases.py, verb_phrases.py, sentences.py (the English rules), english.py, inflection.py,
german_phrases.py, german_clauses.py, german.py (the two sides of a tree), parser.py (the way back),
splits.py, generation.py.
"""

from transformer_lib.data.grammar.generation import (
    Pair,
    count_derivations,
    generate,
    is_usual,
    n_lemmas,
    parse,
    unknown_words,
    vocabulary,
)
from transformer_lib.data.grammar.splits import SPLITS, TEST_SPLITS

__all__ = [
    "SPLITS",
    "TEST_SPLITS",
    "Pair",
    "count_derivations",
    "generate",
    "is_usual",
    "n_lemmas",
    "parse",
    "unknown_words",
    "vocabulary",
]

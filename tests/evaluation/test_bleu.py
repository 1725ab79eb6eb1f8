import math
from collections import Counter

import pytest

from transformer_lib.evaluation.bleu import compare, exact_match, interval, score

REFERENCES = ["der alte Mann sieht den Hund .", "ein Kind spielt im roten Haus heute ."] * 6
CLOSE = ["der alte Mann sieht einen Hund .", "ein Kind spielt im roten Haus ."] * 6
FAR = ["die alte Frau sieht den Hund .", "Kind spielt ein Haus heute abend ."] * 6


def bleu_by_hand(hypotheses: list[str], references: list[str]) -> float:
    """BLEU of Papineni et al. 2002 on white-space tokens, as their equations say."""
    right, total, n_hyp, n_ref = Counter(), Counter(), 0, 0
    for hyp, ref in zip(hypotheses, references, strict=True):
        hyp, ref = hyp.split(), ref.split()
        n_hyp, n_ref = n_hyp + len(hyp), n_ref + len(ref)
        for n in range(1, 5):
            found, wanted = (
                Counter(zip(*(words[i:] for i in range(n)), strict=False)) for words in (hyp, ref)
            )
            right[n] += sum((found & wanted).values())
            total[n] += sum(found.values())
    precision = sum(math.log(right[n] / total[n]) for n in range(1, 5)) / 4
    return 100 * math.exp(precision + min(0.0, 1 - n_ref / n_hyp))


@pytest.mark.parametrize("hypotheses", [CLOSE, FAR, REFERENCES])
def test_tokenised_bleu_is_the_formula(hypotheses):
    found = score(hypotheses, REFERENCES, tokenised=True)
    assert found.bleu == pytest.approx(bleu_by_hand(hypotheses, REFERENCES))


def test_perfect_translations_score_100_and_signatures_say_how():
    found = score(REFERENCES, REFERENCES)
    assert found.bleu == pytest.approx(100)
    assert found.chrf == pytest.approx(100)
    assert found.exact_match == 100
    assert found.length_ratio == 1
    assert "tok:13a" in found.bleu_signature
    assert "case:mixed" in found.bleu_signature
    assert "tok:none" in score(REFERENCES, REFERENCES, tokenised=True).bleu_signature


def test_13a_splits_punctuation_and_tokenised_text_is_left_alone():
    glued = [line.replace(" .", ".") for line in REFERENCES]
    assert score(glued, REFERENCES).bleu == pytest.approx(100)
    assert score(glued, REFERENCES, tokenised=True).bleu < 99


def test_case_counts():
    assert score([line.lower() for line in REFERENCES], REFERENCES).bleu < 60


def test_short_translations_are_penalised():
    short = [" ".join(line.split()[:-2]) for line in REFERENCES]
    found = score(short, REFERENCES, tokenised=True)
    assert found.bleu < 100
    assert found.length_ratio < 1


def test_exact_match_counts_lines_and_forgives_outer_space():
    assert exact_match([" a b\n", "c", "d"], ["a b", "c", "D"]) == pytest.approx(200 / 3)


def test_paired_bootstrap_tells_a_real_difference_from_none():
    real = compare(FAR, CLOSE, REFERENCES, tokenised=True, n_samples=200)
    assert real.other > real.baseline
    assert real.p_value < 0.05
    assert real.baseline == pytest.approx(score(FAR, REFERENCES, tokenised=True).bleu)
    same = compare(CLOSE, CLOSE, REFERENCES, n_samples=200)
    assert same.p_value == 1
    assert "bs:200" in same.signature


def test_the_interval_is_that_of_the_paired_bootstrap_and_nothing_where_all_lines_are_right():
    hypotheses = CLOSE[:5] + REFERENCES[5:]
    expected = compare(hypotheses, FAR, REFERENCES, tokenised=True).baseline_interval
    assert interval(hypotheses, REFERENCES, tokenised=True) == pytest.approx(expected, rel=0.15)
    assert expected > 1
    assert interval(REFERENCES, REFERENCES) == 0


@pytest.mark.parametrize(("hypotheses", "references"), [(["a"], ["a", "b"]), ([], [])])
def test_lines_that_do_not_match_are_refused(hypotheses, references):
    for call in (score, exact_match, interval):
        with pytest.raises(
            ValueError, match=f"{len(hypotheses)} translations and {len(references)} ref"
        ):
            call(hypotheses, references)
    with pytest.raises(ValueError, match="translations and"):
        compare(hypotheses, hypotheses, references)

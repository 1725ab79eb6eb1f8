"""How close are translations to their references: BLEU, chrF, exact match (section 6.1).

Scores are comparable only with equal signatures. How the paper's own 27.3 and 28.4 were counted it
does not say; a script of its authors tokenises and splits words at hyphens. So no score from here
compares with them.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple


class Scores(NamedTuple):
    """Scores of one system, from 0 to 100, each with what is needed to repeat it."""

    bleu: float
    bleu_signature: str
    length_ratio: float  # hypothesis to reference, in BLEU's tokens; below 1 BLEU is penalised
    reference_length: int  # in BLEU's tokens
    chrf: float
    chrf_signature: str
    exact_match: float  # share of lines that equal their reference, outer white space apart

    def __str__(self) -> str:
        return (
            f"BLEU {self.bleu:.2f}  ({self.bleu_signature}; length ratio {self.length_ratio:.3f} "
            f"to {self.reference_length:,} tokens)\n"
            f"chrF {self.chrf:.2f}  ({self.chrf_signature})\n"
            f"exact match {self.exact_match:.2f}%"
        )


class Comparison(NamedTuple):
    """Two systems on one test set, by paired bootstrap (Koehn 2004)."""

    baseline: float
    other: float
    baseline_interval: float  # half the width of the 95% interval
    other_interval: float
    p_value: float  # how often chance alone would give a difference as large
    signature: str

    def __str__(self) -> str:
        return (
            f"BLEU {self.baseline:.2f} ± {self.baseline_interval:.2f} against "
            f"{self.other:.2f} ± {self.other_interval:.2f}, p = {self.p_value:.4f}  "
            f"({self.signature})"
        )


def score(hypotheses: Sequence[str], references: Sequence[str], tokenised: bool = False) -> Scores:
    """Score translations with sacrebleu.

    Args:
        hypotheses: one line for each sentence.
        references: one reference for each.
        tokenised: both are lowercased and tokenised already (the Multi30k files `.lc.norm.tok`), so
            sacrebleu is to count them as they are: `tokenize='none', force=True`. Else cased
            detokenised text, cut by sacrebleu's 13a.
    """
    check_lines(hypotheses, references)
    bleu, chrf = bleu_metric(tokenised), chrf_metric()
    counted = bleu.corpus_score(hypotheses, [references])
    letters = chrf.corpus_score(hypotheses, [references])
    return Scores(
        counted.score,
        str(bleu.get_signature()),
        counted.sys_len / counted.ref_len if counted.ref_len else 0.0,
        counted.ref_len,
        letters.score,
        str(chrf.get_signature()),
        exact_match(hypotheses, references),
    )


def bleu_metric(tokenised: bool):
    """Return sacrebleu's BLEU for tokenised or for plain text."""
    from sacrebleu.metrics import BLEU  # half a second, which only scoring should pay

    return BLEU(tokenize="none", force=True) if tokenised else BLEU()


def chrf_metric():
    """Return sacrebleu's chrF2."""
    from sacrebleu.metrics import CHRF

    return CHRF()


def interval(
    hypotheses: Sequence[str], references: Sequence[str], tokenised: bool = False
) -> float:
    """Return half the width of the 95% interval of BLEU, by bootstrap over sentences (Koehn 2004).

    Args:
        hypotheses: see `score`.
        references: see `score`.
        tokenised: see `score`.
    """
    check_lines(hypotheses, references)
    metric = bleu_metric(tokenised)
    counted = metric.corpus_score(hypotheses, [references], n_bootstrap=1000)
    told = json.loads(
        counted.format(signature=metric.get_signature().format(), is_json=True, width=4)
    )
    return told.get("confidence_var", 0.0)  # left out where no sample scores above 0


def exact_match(hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return the percentage of lines that equal their reference, outer white space apart."""
    check_lines(hypotheses, references)
    pairs = zip(hypotheses, references, strict=True)
    return 100 * sum(one.strip() == other.strip() for one, other in pairs) / len(references)


def compare(
    baseline: Sequence[str],
    other: Sequence[str],
    references: Sequence[str],
    tokenised: bool = False,
    n_samples: int = 1000,
) -> Comparison:
    """Tell whether two systems differ by more than the choice of test sentences (paired bootstrap).

    Args:
        baseline: the output of one system.
        other: the output of the other, line by line.
        references: one reference for each line.
        tokenised: see `score`.
        n_samples: how often the test set is drawn anew; the draws are the same every time.
    """
    from sacrebleu.significance import PairedTest

    check_lines(baseline, references)
    check_lines(other, references)
    metric = bleu_metric(tokenised)
    systems = [("baseline", list(baseline)), ("other", list(other))]
    test = PairedTest(
        systems, {"BLEU": metric}, [list(references)], test_type="bs", n_samples=n_samples
    )
    signatures, results = test()
    one, two = results["BLEU"]
    numbers = map(float, (one.score, two.score, one.ci, two.ci, two.p_value))
    found = Comparison(*numbers, str(signatures["BLEU"]))
    # sacrebleu counts differences above the observed one; above 0 there is none if all are 0.
    return found._replace(p_value=1.0) if one.score == two.score else found


def check_lines(hypotheses: Sequence[str], references: Sequence[str]) -> None:
    """Refuse what cannot be compared line by line.

    Raises:
        ValueError: another number of lines, or none.
    """
    if len(hypotheses) != len(references) or not references:
        raise ValueError(
            f"there are {len(hypotheses)} translations and {len(references)} references; "
            "give one reference for each, and at least one"
        )

"""What the translator of captions gets wrong, and where it looks (chapter 12).

    python chapters/experiments/multi30k_errors.py    # after multi30k.py; a few minutes on one core

It translates val and test_2016 again, with the search that `multi30k.py` chose on val, and keeps
counts in place of text: for each sentence the n-grams that BLEU counts, for each reference word how
often it stands in the training text. Only a few captions are quoted. The result is
chapters/results/multi30k_errors.json. `--run FOLDER` and `--into FOLDER` are as in `multi30k.py`.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformer_lib.config import DecodeConfig
from transformer_lib.data.corpus import ParallelText, load_split
from transformer_lib.evaluation import bleu
from transformer_lib.exits import exit_with
from transformer_lib.models import build_model
from transformer_lib.training.checkpoint import MODEL, checkpoints, load_weights
from transformer_lib.training.environment import environment
from transformer_lib.training.files import read_tensors
from transformer_lib.training.run import RunFolder
from transformer_lib.translator import Translator

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "chapters/experiments/multi30k_errors.py"
N_WORST = 5
N_MAPS, FEWEST_WORDS, MOST_WORDS = 2, 8, 10  # set before any map was seen
BANDS = ((0, 0), (1, 9), (10, 99), (100, 999), (1_000, None))


def sentence_counts(
    translations: Sequence[str], references: Sequence[str]
) -> list[str]:
    """Return what BLEU adds up: a row of ten whole numbers for each sentence.

    The n-grams that are right and the n-grams there are, each of length 1 to 4; then the number of
    words, and that of the reference.
    """
    metric = bleu.bleu_metric(tokenised=True)
    rows = []
    for translation, reference in zip(translations, references, strict=True):
        one = metric.corpus_score([translation], [[reference]])
        numbers = (*one.counts, *one.totals, one.sys_len, one.ref_len)
        rows.append(" ".join(str(number) for number in numbers))
    return rows


def words_found(
    translations: Sequence[str], references: Sequence[str]
) -> Counter[str]:
    """Return how often each reference word stands in its translation, at most as often as wanted."""
    found: Counter[str] = Counter()
    for translation, reference in zip(translations, references, strict=True):
        found += Counter(reference.split()) & Counter(translation.split())
    return found


def found_by_frequency(
    translations: Sequence[str],
    references: Sequence[str],
    training: Sequence[str],
) -> list[dict[str, Any]]:
    """Return how many reference words the translations hold, by how often training has them.

    Beside it, how many are found by chance: in the translation of the next caption.
    """
    seen = Counter(word for line in training for word in line.split())
    wanted = Counter(word for line in references for word in line.split())
    found = words_found(translations, references)
    by_chance = words_found([*translations[1:], translations[0]], references)
    bands = []
    for low, high in BANDS:
        words = [
            w
            for w in wanted
            if low <= seen[w] and (high is None or seen[w] <= high)
        ]
        bands.append(
            {
                "at_least": low,
                "at_most": high,
                "words": sum(wanted[word] for word in words),
                "found": sum(found[word] for word in words),
                "found_by_chance": sum(by_chance[word] for word in words),
            }
        )
    return bands


def worst(test: ParallelText, translations: Sequence[str]) -> list[dict]:
    """Return the captions whose translation shares the fewest letters with its reference (chrF)."""
    metric = bleu.chrf_metric()
    scores = [
        metric.sentence_score(translation, [reference]).score
        for translation, reference in zip(translations, test.tgt, strict=True)
    ]
    rows = sorted(range(len(scores)), key=scores.__getitem__)[:N_WORST]
    return [
        {
            "line": row + 1,
            "source": test.src[row],
            "reference": test.tgt[row],
            "translation": translations[row],
            "chrf": round(scores[row], 1),
        }
        for row in rows
    ]


def maps(
    translator: Translator, test: ParallelText, decode: DecodeConfig
) -> list[dict]:
    """Return where the decoder looked in the first short captions, as the mean of each layer's heads."""
    short = [
        s for s in test.src if FEWEST_WORDS <= len(s.split()) <= MOST_WORDS
    ]
    found = []
    for sentence in short[:N_MAPS]:
        seen = translator.attention(sentence, decode)
        layers = seen.weights.mean(dim=1).tolist()
        found.append(
            {
                "source": sentence,
                "translation": seen.translation.text,
                "src_pieces": seen.src_pieces,
                "tgt_pieces": seen.tgt_pieces,
                "layers": [
                    [" ".join(f"{w:.3f}" for w in row) for row in layer]
                    for layer in layers
                ],
            }
        )
    return found


def last_checkpoint(run: RunFolder, translator: Translator) -> Translator:
    """Return the translator of the last checkpoint alone, not averaged with those before."""
    found = checkpoints(run.checkpoint_folder, interrupted=False)
    if not found:
        raise ValueError(f"{run.path} has no checkpoints; train it here")
    path = found[-1]
    model = build_model(run.config.model)
    load_weights(model, read_tensors(path / MODEL), path.name)
    return Translator(
        model.to(translator.device), translator.tokenizer, run.config
    )


def on_validation(
    run: RunFolder, translator: Translator, decode: DecodeConfig
) -> dict[str, list[str]]:
    """Return the counts on val of the chosen search, and of two that lack one thing each."""
    valid = load_split(run.config.data, "valid")
    systems = {
        "chosen": (translator, decode),
        "greedy": (translator, decode.updated(beam_size=1)),
        "last checkpoint alone": (last_checkpoint(run, translator), decode),
    }
    return {
        name: sentence_counts(system.translate(valid.src, how), valid.tgt)
        for name, (system, how) in systems.items()
    }


def main(arguments: list[str] | None = None) -> None:
    """Translate again, count, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    usual = ROOT / "runs" / "multi30k"
    parser.add_argument("--run", type=Path, default=usual, metavar="FOLDER")
    parser.add_argument(
        "--into", type=Path, default=ROOT / "chapters" / "results"
    )
    options = parser.parse_args(arguments)
    scored = json.loads(
        (options.into / f"{options.run.name}.json").read_text(encoding="utf-8")
    )
    run, translator = RunFolder.open(options.run), Translator.load(options.run)
    decode = DecodeConfig.from_dict(scored["chosen_on_validation"])
    data = run.config.data
    test, train = load_split(data, "test_2016"), load_split(data, "train")
    translations = translator.translate(test.src, decode)
    named = "" if options.run == usual else f" --run {options.run.name}"
    result = {
        "command": f"python {SCRIPT}" + named,
        "of": scored["command"],
        "environment": environment(),
        "test_2016": {
            "source_words": " ".join(str(len(s.split())) for s in test.src),
            "counts": sentence_counts(translations, test.tgt),
        },
        "valid": on_validation(run, translator, decode),
        "found_by_frequency": found_by_frequency(
            translations, test.tgt, train.tgt
        ),
        "worst": worst(test, translations),
        "maps": maps(translator, test, decode),
        "source_of_captions": scored["source_of_examples"],
    }
    text = json.dumps(result, indent=1, ensure_ascii=False)
    file = options.into / f"{options.run.name}_errors.json"
    file.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    exit_with(main)

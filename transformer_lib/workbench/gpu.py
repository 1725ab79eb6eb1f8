"""What was measured on a GPU, as rows of tables; before anything was: 'not yet run'.

    record = read_gpu("results")
    table(training_rows(record, [training_row("two cores", multi30k)]))

`python -m benchmarks.gpu` makes the record; benchmarks/README.md says how.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformer_lib.workbench.table import markdown_table

Record = Mapping[str, Any]
Row = dict[str, Any]
NOT_RUN = "not yet run"
RECORD = "gpu.json"
COLUMNS = ("training", "seconds", "to goal", "val", "test")
TUTORIAL = "nn.Transformer, random batches"
SPEEDS = {"launched": "ours", "graphs": "ours, CUDA graphs", "float32": "ours, float32"}


def read_gpu(folder: str | Path) -> Record | None:
    """Return the record in a folder of results, None where it is not yet run."""
    file = Path(folder) / RECORD
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def title(record: Record | None) -> str:
    """Name the GPU and the version of PyTorch."""
    if record is None:
        return f"on a GPU: {NOT_RUN}"
    hardware = record["hardware"]
    return f"on {hardware.get('gpu', 'no GPU')}, PyTorch {record['versions']['torch']}"


def training_row(where: str, result: Record) -> Row:
    """Return the row of a training that another script recorded, for comparison."""
    figures = {**result, **result.get("figures", {})}
    chosen = max((found["bleu"] for found in figures["validation"]), default=None)
    seconds = figures.get("train_seconds") or figures["seconds"]  # of training, else of everything
    return row_of(where, seconds, None, chosen, figures["test_2016"]["bleu"])


def row_of(
    name: str, seconds: float, to_goal: float | str | None, valid: float | None, test: float | None
) -> Row:
    """Return a row: seconds of training, seconds until the goal, BLEU on validation and test."""
    scores = [None if score is None else round(score, 2) for score in (valid, test)]
    return dict(zip(COLUMNS, (name, round(seconds), to_goal, *scores), strict=True))


def training_rows(record: Record | None, beside: Sequence[Row] = ()) -> list[Row]:
    """Return a row for each training, the mean of each recipe's seeds, and rows from elsewhere.

    Args:
        record: of a GPU, or None.
        beside: rows to compare with.
    """
    if record is None:
        return [*beside, dict.fromkeys(COLUMNS, "") | {"training": f"a GPU: {NOT_RUN}"}]
    runs = {name: found for name, found in record["jobs"].items() if "curve" in found}
    rows = [trained(name, found) for name, found in runs.items()]
    for recipe in dict.fromkeys(name.partition(":")[0] for name in runs):
        alike = [found for name, found in runs.items() if name.startswith(f"{recipe}:")]
        rows += [mean_of(recipe, alike)] if len(alike) > 1 else []
    for name, found in record["unfinished"].items():
        if found.get("stopped_at"):
            rows.append(row_of(f"{name}, at update {found['stopped_at']:,}", found["train_s"],
                               found["seconds_to_goal"], None, None))  # fmt: skip
    return [*beside, *rows]


def trained(name: str, found: Record) -> Row:
    """Return the row of a finished training."""
    was_scored = any("valid_bleu" in point for point in found["curve"])
    to_goal = found["seconds_to_goal"] or ("not reached" if was_scored else None)
    return row_of(name, found["train_s"], to_goal, found["valid"]["bleu"],
                  found["test"]["bleu"])  # fmt: skip


def mean_of(recipe: str, runs: Sequence[Record]) -> Row:
    """Return the row of the mean over seeds; its name tells the deviation of the test score."""
    tests = [found["test"]["bleu"] for found in runs]
    name = f"{recipe}, mean of {len(runs)} (test ±{statistics.stdev(tests):.2f})"
    seconds = statistics.fmean(found["train_s"] for found in runs)
    valid = statistics.fmean(found["valid"]["bleu"] for found in runs)
    return row_of(name, seconds, None, valid, statistics.fmean(tests))


def speed_rows(record: Record | None) -> list[Row]:
    """Return a row for each way to train: tokens a second, over the tutorials' loop, of the peak.

    The peak is the measured rate of a large product of matrices in bfloat16; only products of real
    tokens count as work.
    """
    ours, peers = ((record or {"jobs": {}})["jobs"].get(name) for name in ("ours", "peers"))
    if ours is None:
        return [{"training": f"a GPU: {NOT_RUN}", "tokens/s": ""}]
    tutorial = peers and peers["tutorial"]["tokens_per_s"]
    rates = {SPEEDS[name]: found["tokens_per_s"] for name, found in ours["speeds"].items()}
    rates |= {TUTORIAL: tutorial} if tutorial else {}
    share = peers and 100 * ours["flops_per_token"] / peers["matrix_flops_per_s"]
    return [
        {"training": name, "tokens/s": round(rate),
         "× tutorial": tutorial and round(rate / tutorial, 2),
         "% of peak": share and round(share * rate, 3)}
        for name, rate in rates.items()
    ]  # fmt: skip


def decoding_rows(record: Record | None) -> list[Row]:
    """Return a row for each search."""
    found = (record or {"jobs": {}})["jobs"].get("decoding")
    if found is None:
        return [{"decoding": f"a GPU: {NOT_RUN}", "tokens/s": ""}]
    return [
        {"decoding": name.replace("_", " "), "tokens/s": round(speed["tokens_per_s"]),
         "sentences/s": round(speed["sentences_per_s"], 1)}
        for name, speed in found["searches"].items()
    ]  # fmt: skip


def gpu_tables(record: Record | None, beside: Sequence[Row] = ()) -> str:
    """Return the GPU's name and all tables in Markdown.

    Args:
        record: of a GPU, or None.
        beside: rows of trainings to compare with.
    """
    parts = [training_rows(record, beside), speed_rows(record), decoding_rows(record)]
    return "\n\n".join([title(record), *map(markdown_table, parts)])

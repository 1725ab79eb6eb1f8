"""The page on speed: every figure comes from a recorded result when the book is built."""

from pathlib import Path
from typing import Any

from transformer_lib.workbench import gpu, results
from transformer_lib.workbench.intervals import of_mean
from transformer_lib.workbench.table import markdown_table

Figures = dict[str, Any]


def figures_of(root: Path, name: str) -> Figures:
    """Return the figures of a result in chapters/results."""
    return results.read(root / "chapters" / "results" / f"{name}.json")["figures"]


def best_peer(rates: Figures, helped: bool) -> float:
    """Return the highest speed of another tool, as it comes or also with larger thresholds."""
    peers = [name for name in rates if not name.startswith("ours") and (helped or "+" not in name)]
    return max(rates[name]["median"] for name in peers)


def speeds(root: Path, kind: str) -> str:
    """Return the speeds of training or decoding, over those of the fastest other tool."""
    cases = figures_of(root, "benchmarks")[kind]
    rates = {name: found["tokens_per_s"] for name, found in cases.items() if "greedy" not in name}
    as_it_comes, helped = (best_peer(rates, helped) for helped in (False, True))
    header = [kind, "pieces/s", "spread", "over the fastest other tool"]
    rows = [[f"`{name}`", rate["median"], rate["spread"], rate["median"] / as_it_comes]
            for name, rate in rates.items()]  # fmt: skip
    formats = ["", ",.0f", ",.0f", ".2f"]
    if helped != as_it_comes:
        header.append("with larger thresholds")
        rows = [[*row, row[1] / helped] for row in rows]
        formats.append(".2f")
    return markdown_table(rows, header, formats)


def precision(root: Path) -> str:
    """Return what bfloat16 adds to the validation loss, seed by seed and on average."""
    less = figures_of(root, "precision")["bfloat16_minus_float32"]
    listed = ", ".join(f"{difference:+.2f}" for difference in less)
    return (
        f"Validation loss in `bfloat16` less that in `float32`, {len(less)} seeds, in nats: "
        f"{listed}; mean {of_mean(less):+.3f}."
    )


def breakdown(root: Path) -> str:
    """Return the microseconds of a target piece by what they go into, beside the floor."""
    times = figures_of(root, "breakdown")["us_per_token"]
    kinds = ("float32", "bfloat16")
    rows = [[part, *(times[kind]["parts"][part] for kind in kinds)]
            for part in times["float32"]["parts"]]  # fmt: skip
    for name, key in (("all, while watched", "us_per_token_watched"),
                      ("all, unwatched", "us_per_token"),
                      ("floor", "floor_us_per_token")):  # fmt: skip
        rows.append([f"**{name}**", *(times[kind][key] for kind in kinds)])
    return markdown_table(rows, ["", *kinds], ".1f")


def growth(root: Path) -> str:
    """Return time and memory of each point of the axes length and width, beside what is counted."""
    found = figures_of(root, "growth")
    rate, rows = found["matrix_flops_per_s"], []
    for name, point in found["points"].items():
        axis, value = name.split("=")
        if axis in ("length", "width"):
            floor = 1e6 * point["predicted"]["flops_per_token"] / rate
            time, memory = point["us_per_token"]["median"], point["mib"]["median"]
            rows.append([axis, int(value), time, floor, memory, point["predicted"]["mib"]])
    header = ["axis", "value", "µs a piece", "floor", "MiB", "counted"]
    return markdown_table(rows, header, ["", "", ".0f", ".0f", ".0f", ".0f"])


def powers(root: Path) -> str:
    """Return the slope of time and memory along each axis, beside that of what is counted."""
    result = results.read(root / "chapters" / "results" / "growth.json")
    keys = ("time_per_token", "predicted_time_per_token", "memory", "predicted_memory")
    rows = [
        [axis, values[0], values[-1], *(round(slope[key], 1) + 0.0 for key in keys)]
        for axis, slope in result["figures"]["slopes"].items()
        for values in [result["settings"]["axes"][axis]]
    ]
    header = ["axis", "from", "to", "time of a piece", "counted", "memory of an update", "counted"]
    return markdown_table(rows, header, ["", ",", ",", ".1f", ".1f", ".1f", ".1f"])


def processes(root: Path) -> str:
    """Return the speed of two processes, and their efficiency."""
    rows = [
        [f"`{name}`", case["tokens_per_s"]["median"], case["efficiency"]["median"]]
        for name, case in figures_of(root, "processes")["cases"].items()
    ]
    return markdown_table(rows, ["", "pieces/s", "efficiency"], ["", ",.0f", ".2f"])


def on_a_gpu(root: Path) -> str:
    """Return what was recorded on a GPU beside the training on two cores, or 'not yet run'."""
    folder = root / "chapters" / "results"
    record = gpu.read_gpu(folder)
    beside = [gpu.training_row("two CPU cores", results.read(folder / "multi30k.json"))]
    return gpu.gpu_tables(record, beside)

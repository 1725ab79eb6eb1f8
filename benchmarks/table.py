"""What was measured, as tables in Markdown, with the ratios that matter; a GPU's, too.

python -m benchmarks.table [FILE]
"""

import sys
from pathlib import Path
from typing import Any

from transformer_lib.workbench import gpu, results
from transformer_lib.workbench.table import markdown_table

RESULT = Path(__file__).resolve().parents[1] / "chapters" / "results" / "benchmarks.json"

NAMES = {
    "tutorial": "nn.Transformer, 128 random sentences",
    "bucketed": "nn.Transformer, length buckets",
    "joeynmt": "JoeyNMT",
    "marian": "Marian (transformers)",
    "ctranslate2": "CTranslate2",
    "tutorial_greedy": "nn.Transformer, greedy, whole prefix",
    "ours_float32": "ours, float32",
    "ours_bfloat16": "ours, bfloat16",
    "ours": "ours, beam 5",
    "ours_gnmt": "ours, beam 5, penalty of GNMT",
    "ours_greedy": "ours, greedy, one at a time",
}
Figures = dict[str, Any]


def name_of(case: str) -> str:
    """Return what to call a case."""
    plain = case.removesuffix("+allocator")
    return NAMES[plain] + (", larger allocator thresholds" if plain != case else "")


def best_peer(part: Figures, figure: str, better=max) -> str:
    """Return the peer, as it comes, with the highest median of `figure`, or with the lowest."""
    peers = [case for case in part if not case.startswith("ours") and "+" not in case]
    return better(peers, key=lambda case: part[case][figure]["median"])


def training_rows(part: Figures) -> list[list[str]]:
    """Return a row for each training: speed, against two peers, memory."""
    best = best_peer(part, "tokens_per_s")
    rows = [["training", "tokens/s", "spread", f"× {name_of(best)}", "× tutorial loop", "peak MiB",
             "above libraries and text"]]  # fmt: skip
    for case, figures in part.items():
        speed = figures["tokens_per_s"]["median"]
        rows.append([
            name_of(case), *speed_cells(figures), ratio(speed, part[best]),
            ratio(speed, part["tutorial"]), f"{figures['peak_mib']['median']:,.0f}",
            f"{figures['peak_above_libraries_and_text_mib']['median']:,.0f}",
        ])  # fmt: skip
    return rows


def decoding_rows(part: Figures) -> list[list[str]]:
    """Return a row for each decoder: speed, against two peers, identical outputs, memory."""
    rows = [["decoding", "tokens/s", "spread", "× Marian", "× CTranslate2", "identical to ours",
             "peak MiB"]]  # fmt: skip
    for case, figures in part.items():
        speed = figures["tokens_per_s"]["median"]
        rows.append([
            name_of(case), *speed_cells(figures), ratio(speed, part["marian"]),
            ratio(speed, part["ctranslate2"]), f"{figures['identical']['median']:.1%}",
            f"{figures['peak_mib']['median']:,.0f}",
        ])  # fmt: skip
    return rows


def latency_rows(part: Figures) -> list[list[str]]:
    """Return a row for each waiting time."""
    rows = [["at the command line", "seconds", "spread"]]
    for name, figure in part["command_line"].items():
        words = name.removesuffix("_s").replace("_", " ")
        rows.append([words, f"{figure['median']:.3f}", f"{figure['spread']:.3f}"])
    return rows


def speed_cells(figures: Figures) -> list[str]:
    """Return the median and the spread of the speed."""
    speed = figures["tokens_per_s"]
    return [f"{speed['median']:,.0f}", f"{speed['spread']:,.0f}"]


def ratio(speed: float, other: Figures) -> str:
    """Return how many times faster."""
    return f"{speed / other['tokens_per_s']['median']:.2f}"


def table(figures: Figures) -> str:
    """Return all tables."""
    parts = [training_rows(figures["training"]), decoding_rows(figures["decoding"]),
             latency_rows(figures["latency"])]  # fmt: skip
    return "\n\n".join(markdown_table(body, head) for head, *body in parts)


def on_the_cpu() -> list[gpu.Row]:
    """Return the row of the translator's training that chapter 12 tells of."""
    file = RESULT.with_name("multi30k.json")
    return [gpu.training_row("two CPU cores", results.read(file))]


if __name__ == "__main__":
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULT
    print(table(results.read(file)["figures"]))
    print("\n" + gpu.gpu_tables(gpu.read_gpu(RESULT.parent), on_the_cpu()))

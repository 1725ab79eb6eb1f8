"""How long one person waits: for the program to load, then for each sentence typed."""

import statistics
import subprocess
import sys
import time

from benchmarks.settings import ROOT, Sizes, folder, test_lines


def measure(_: str, sizes: Sizes) -> dict[str, float]:
    """Type sentences at `python -m transformer_lib translate`, each when the last is answered.

    Loading is what passes before the first answer, less what Python needs to import torch.
    """
    lines = test_lines(sizes.typed)
    import_torch_s()  # now its files are in memory
    before_s = import_torch_s()
    began = time.perf_counter()
    command = [sys.executable, "-m", "transformer_lib", "translate", "--run", str(folder(sizes))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as program:
        answer_s(program, lines[0])
        loaded_s = time.perf_counter() - began
        answers_s = [answer_s(program, line) for line in lines[1:]]
        program.stdin.close()
    return {
        "import_torch_s": before_s,
        "load_s": loaded_s - before_s,
        "answer_median_s": statistics.median(answers_s),
        "answer_longest_s": max(answers_s),
    }


def import_torch_s() -> float:
    """Start Python and import torch; return the seconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - began


def answer_s(program: subprocess.Popen, line: str) -> float:
    """Type a line; return the seconds until its translation is there."""
    began = time.perf_counter()
    program.stdin.write(f"{line}\n")
    program.stdin.flush()
    if not program.stdout.readline():
        raise ValueError("the program ended before it answered; its error is above")
    return time.perf_counter() - began

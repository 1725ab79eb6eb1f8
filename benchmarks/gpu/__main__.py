"""Measure on a GPU, a part at a time: the translator, its speed, more seeds, a peer, decoding.

python -m benchmarks.gpu --out DIR [--resume DIR] [--seconds 300]

The same command goes on where the last part stopped, also on another machine: give the folder
that it wrote, copied back, as --resume. It stops by itself before its time is over. The variable
TRANSFORMER_LIB_CACHE names a folder with the text. `--tiny` rehearses it anywhere; its figures mean
nothing.
"""

import argparse
import shutil
import subprocess
import time
from pathlib import Path

from benchmarks.gpu import luggage
from benchmarks.gpu.programme import Programme
from benchmarks.gpu.sizes import FULL, RECIPE, TINY, WAYS, settings_of
from benchmarks.settings import ROOT
from benchmarks.table import on_the_cpu
from transformer_lib.data.corpus import load_corpus
from transformer_lib.workbench.gpu import gpu_tables


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu",
                                     description=__doc__.splitlines()[0])  # fmt: skip
    add = parser.add_argument
    add("--out", type=Path, required=True, help="where results are written; small files only")
    add("--resume", type=Path, help="the results of an earlier part")
    add("--work", type=Path, default=ROOT / "runs" / "gpu", help="where the runs are kept")
    add("--seconds", type=float, default=300.0, help="how long this part may take")
    add("--commit", default=commit(), help="of the code, where git cannot tell it")
    add("--tiny", metavar="CORPUS", help="a rehearsal on that corpus: grammar or multi30k")
    return parser.parse_args(arguments)


def commit() -> str | None:
    """Return the commit that is checked out, where git knows it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None
    except OSError:
        return None


def main(arguments: list[str] | None = None) -> None:
    """Do a part of the programme, and say what is left."""
    began, options = time.monotonic(), parse(arguments)
    sizes = FULL
    if options.tiny:
        sizes = TINY._replace(settings=(*TINY.settings, f"data.corpus={options.tiny}"))
    options.out.mkdir(parents=True, exist_ok=True)
    if options.resume:
        for path in options.resume.glob("*.*"):
            shutil.copyfile(path, options.out / path.name)
        if not options.work.exists():  # on the same machine it is all still there
            luggage.unpack(options.out, options.work)
    options.work.mkdir(parents=True, exist_ok=True)
    load_corpus(settings_of(RECIPE, sizes, WAYS[0]).data)  # without it nothing would work
    programme = Programme(options.out, options.work, sizes, options.commit)
    done = programme.go_on(options.seconds - (time.monotonic() - began))
    luggage.require_small(options.out)
    print(gpu_tables(programme.result, on_the_cpu()))
    todo = ", ".join(job.name for job in programme.todo())
    print("all is done" if done else f"left: {todo}; the same command goes on, with --resume and "
          "the folder that this part wrote")  # fmt: skip


if __name__ == "__main__":
    main()

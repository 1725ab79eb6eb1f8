"""The whole programme on a GPU, in parts: speed, five seeds of each recipe, decoding, a peer.

python -m benchmarks.gpu --out DIR [--resume DIR] [--data DIR] [--work DIR] [--minutes 8]

The same command goes on where the last part stopped, also on another machine: give the folder that
it wrote, copied back, as --resume. A part begins nothing that it has no time for. `--tiny`
rehearses it anywhere in about a minute; its figures mean nothing.
"""

import argparse
import json
import os
import re
import shutil
import time
from pathlib import Path

from benchmarks.gpu_programme import LEAST_S, Programme
from benchmarks.gpu_runs import FULL, TINY
from benchmarks.settings import ROOT
from transformer_lib.data.multi30k import CACHE

SMALL = {"files": 8, "file": 16 * 2**20, "all": 64 * 2**20}  # what comes back from the machine


def require_small(folder: Path) -> None:
    """Refuse a folder of results that could not be copied back from a machine.

    Raises:
        ValueError: too many files, too large ones, or a name with other than plain letters.
    """
    files = [path for path in folder.rglob("*") if path.is_file()]
    sizes = [path.stat().st_size for path in files]
    names = [str(path.relative_to(folder)) for path in files]
    odd = [name for name in names if not re.fullmatch(r"[A-Za-z0-9._/-]+", name)]
    largest = max(sizes, default=0)
    if odd or len(files) > SMALL["files"] or largest > SMALL["file"] or sum(sizes) > SMALL["all"]:
        raise ValueError(
            f"{folder} has {len(files)} files of {sum(sizes):,} bytes, the largest {largest:,}, "
            f"odd names {odd}; at most {SMALL['files']} files of {SMALL['file']:,} bytes come back"
        )


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--out", type=Path, required=True, help="where results are written; small files only")
    add("--resume", type=Path, help="the results of an earlier part")
    add("--work", type=Path, default=ROOT / "runs" / "gpu", help="where the runs are kept")
    add("--data", type=Path, help=f"the text; sets {CACHE}")
    add("--presets", default="published,multi30k", help="recipes, separated by commas")
    add("--seeds", type=int, default=5, help="trainings of each recipe")
    add("--minutes", type=float, default=8.0, help="how long this part may take")
    add("--tiny", action="store_true", help="a rehearsal; its figures mean nothing")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Do a part of the programme, and say what is left."""
    began, options = time.monotonic(), parse(arguments)
    if options.data:
        os.environ[CACHE] = str(options.data)
    if options.resume and options.resume != options.out:
        shutil.copytree(options.resume, options.out, dirs_exist_ok=True)
    options.out.mkdir(parents=True, exist_ok=True)
    programme = Programme(options.out, options.work, options.presets.split(","), options.seeds,
                          TINY if options.tiny else FULL)  # fmt: skip
    reserve = min(LEAST_S, 10 * options.minutes)  # for the summary
    done = programme.go_on(60 * options.minutes - reserve - (time.monotonic() - began))
    programme.summarise()
    require_small(options.out)
    print(json.dumps(programme.result["summary"], indent=1))
    todo = [job.name for job in programme.plan() if job.name not in programme.jobs]
    print("all is done" if done else f"left: {', '.join(todo)}; the same command goes on, with "
          "--resume and the folder that this part wrote")  # fmt: skip


if __name__ == "__main__":
    main()

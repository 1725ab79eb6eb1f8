"""One job of the programme, in a process of its own, so that its failure is its own.

python -m benchmarks.gpu.measure JSON    # what to do; the figures are the last line of the output
"""

import json
import sys
from pathlib import Path

from benchmarks.gpu import speed, trainings
from benchmarks.gpu.sizes import Figures, Sizes, Way
from transformer_lib.training.distributed import pick_device


def measure(job: str, way: Way, sizes: Sizes, work: Path) -> Figures:
    """Do a job; the names of trainings are RECIPE:SEED."""
    if job == "ours":
        return speed.ours(way, sizes)
    if job == "peers":
        return speed.peers(way, sizes)
    if job == "decoding":
        return speed.decoding(work / trainings.KEPT, sizes)
    recipe, seed = job.split(":")
    return trainings.train(recipe, int(seed), way, sizes, work)


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    way, sizes = Way(**told["way"]), Sizes(**told["sizes"])
    found = measure(told["job"], way, sizes, Path(told["work"]))
    device = pick_device("auto").type
    used = {"graphs": way.graphs and device == "cuda", "precision": way.precision, "device": device}
    print(json.dumps({**found, "way": used}))

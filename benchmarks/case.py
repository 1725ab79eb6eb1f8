"""One case in a process of its own, on one core: prints what it measured as a line of JSON.

python -m benchmarks.case training ours_float32 [--quick]
"""

import json
import os
import sys


def pin() -> None:
    """Stay on the last core that this process may use."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main(kind: str, name: str, *options: str) -> None:
    """Measure and print."""
    pin()
    from benchmarks import decoding, growth, latency, settings, training  # no thread starts before

    sizes = settings.QUICK if "--quick" in options else settings.FULL
    kinds = {"training": training, "decoding": decoding, "latency": latency, "growth": growth}
    print(json.dumps(kinds[kind].measure(name, sizes)))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The programme: which jobs there are, which are done, what they found, and where it is written."""

import json
import platform
import re
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from subprocess import PIPE
from typing import NamedTuple

from benchmarks.gpu import luggage
from benchmarks.gpu.sizes import RECIPES, WAYS, Figures, Sizes, settings_of
from benchmarks.settings import ROOT
from transformer_lib.files import replace_file
from transformer_lib.training.environment import environment
from transformer_lib.training.run import to_json

RESULT, TRANSLATIONS = "gpu.json", "translations.json"
SCHEMA = 1
HARDWARE = ("system", "cpu", "cores", "gpu", "cuda")
LIBRARIES = ("torch", "numpy", "sacrebleu", "safetensors", "tokenizers")
RESERVE_S = 25.0  # after a training was stopped: to score one that had just ended, and to pack
PATIENCE = 4  # a job that takes so many times as long as expected hangs


class Job(NamedTuple):
    """One thing to measure."""

    name: str
    seconds: float  # how long it may take, before one like it was measured; see the README
    resumes: bool = False  # a training, which may be stopped at any time

    @property
    def kind(self) -> str:
        """Jobs of a kind take as long as one another."""
        return self.name.partition(":")[0]


FIRST = "multi30k:1"
PLAN = (
    Job("ours", 35),
    Job(FIRST, 100, resumes=True),
    Job("peers", 25),
    *(Job(f"multi30k:{seed}", 80, resumes=True) for seed in (2, 3, 4, 5)),
    Job("published:1", 120, resumes=True),
    Job("decoding", 40),
)


class Programme:
    """What is to be measured, what was measured, and where it is written.

    Args:
        out: the folder of results.
        work: the folder of runs.
        sizes: how much is measured.
        commit: of the code, where it is known.

    Raises:
        ValueError: the results in `out` are of other settings.
    """

    def __init__(self, out: Path, work: Path, sizes: Sizes, commit: str | None = None) -> None:
        self.out, self.work, self.sizes = out, work, sizes
        configs = {recipe: settings_of(recipe, sizes, WAYS[0]).to_dict() for recipe in RECIPES}
        settings = {"sizes": sizes._asdict(), "configs": configs}
        self.result: Figures = {
            "schema": SCHEMA, "command": "python -m benchmarks.gpu", "commit": commit,
            "settings": json.loads(json.dumps(settings)), "versions": {}, "hardware": {},
            "seconds": 0.0, "way": 0, "parts": [], "jobs": {}, "unfinished": {}, "failed": {},
        }  # fmt: skip
        self.translations: dict[str, list[str]] = {}
        if (out / RESULT).exists():
            found = json.loads((out / RESULT).read_text(encoding="utf-8"))
            if found["settings"] != self.result["settings"]:
                raise ValueError(f"{out / RESULT} was made with other settings or other code; "
                                 "name a new folder")  # fmt: skip
            self.result = found
            self.translations = json.loads((out / TRANSLATIONS).read_text(encoding="utf-8"))

    @property
    def jobs(self) -> dict[str, Figures]:
        """What was measured, by the name of the job."""
        return self.result["jobs"]

    def todo(self) -> list[Job]:
        """Return the jobs that are not done."""
        return [job for job in PLAN if job.name not in self.jobs]

    def expected(self, job: Job) -> float:
        """Return how long a job may take: as long as the longest of its kind."""
        kinds = {name: Job(name, 0).kind for name in self.jobs}
        alike = [self.jobs[name]["job_s"] for name, kind in kinds.items() if kind == job.kind]
        return max(alike, default=job.seconds * self.sizes.share)

    def chosen(self, left: float) -> Job | None:
        """Return what is begun with so many seconds left: what fits, then what can be stopped.

        The translator is begun in any case: half of it is worth more than what comes after it.
        """
        todo = [job for job in self.todo() if job.name not in self.result["failed"]]
        fits = [job for job in todo if self.expected(job) <= left or job.name == FIRST]
        return next(iter(fits or [job for job in todo if job.resumes]), None)

    def go_on(self, seconds: float) -> bool:
        """Do what is left to do within so many seconds; return whether all is done."""
        began, reserve = time.monotonic(), min(RESERVE_S, seconds / 4)
        hardware = {name: value for name, value in environment().items() if name in HARDWARE}
        part = {"seconds": 0.0, "hardware": hardware, "versions": versions(), "jobs": [],
                "errors": []}  # fmt: skip
        self.result["parts"].append(part)
        self.result |= {"failed": {}, "hardware": hardware, "versions": part["versions"]}
        before = self.result["seconds"]
        while (left := seconds - reserve - (time.monotonic() - began)) > 0:
            job = self.chosen(left)
            if job is None:
                break
            print(f"{job.name} ({left:.0f} s left)", flush=True)
            stopped = self.do(job, left, reserve)
            part["jobs"].append(job.name)
            part["seconds"] = round(time.monotonic() - began, 1)
            self.result["seconds"] = before + part["seconds"]
            self.write()
            if stopped:
                break
        self.write()
        return not self.todo()

    def do(self, job: Job, left: float, reserve: float) -> bool:
        """Measure a job, and keep what it found; return whether it was stopped."""
        began, spent = time.monotonic(), self.result["unfinished"].pop(job.name, {"job_s": 0.0})
        patience = left if job.resumes else min(left, PATIENCE * self.expected(job))
        found = self.measure(job, patience, 0.6 * reserve)
        if "error" in found:
            self.try_another_way(job, found["error"])
            return False
        found["job_s"] = round(spent["job_s"] + time.monotonic() - began, 1)
        if "translations" in found:
            self.translations[job.name] = found.pop("translations")
        stopped = "stopped_at" in found
        self.result["unfinished" if stopped else "jobs"][job.name] = found
        return stopped

    def try_another_way(self, job: Job, error: str) -> None:
        """Write an error down; compute what follows in the next way, if this may be at fault."""
        way = self.result["way"]
        told = {"job": job.name, "way": WAYS[way]._asdict(), "error": error}
        self.result["parts"][-1]["errors"].append(told)
        print(error, flush=True)
        if job.name in ("peers", "decoding") or way + 1 == len(WAYS):
            self.result["failed"][job.name] = error
        else:
            self.result["way"] += 1

    def measure(self, job: Job, seconds: float, grace: float) -> Figures:
        """Run a job in a process of its own; return its figures, or the error that ended it.

        After so many seconds it is asked to stop, which a training does after its next update.
        """
        asked = {"job": job.name, "way": WAYS[self.result["way"]]._asdict(),
                 "sizes": self.sizes._asdict(), "work": str(self.work.resolve())}  # fmt: skip
        command = [sys.executable, "-m", "benchmarks.gpu.measure", json.dumps(asked)]
        child = subprocess.Popen(command, cwd=ROOT, stdout=PIPE, stderr=PIPE, text=True)
        for stop, patience in ((child.terminate, seconds), (child.kill, grace), (None, None)):
            try:
                output, errors = child.communicate(timeout=patience)
                break
            except subprocess.TimeoutExpired:
                stop()
        if not child.returncode:
            return json.loads(output.splitlines()[-1])
        if patience == grace and job.resumes:
            return {"stopped_at": None}  # before it trained, or while it was scored
        print(errors[-4000:], flush=True)
        late = "" if patience == seconds else f"stopped after {seconds:.0f} s; "
        last = (errors.strip() or f"ended with {child.returncode}").splitlines()[-1]
        return {"error": late + without_paths(last)}

    def write(self) -> None:
        """Write what was measured so far: the figures first."""
        replace_file(self.out / RESULT, to_json(self.result))
        replace_file(self.out / TRANSLATIONS, to_json(self.translations))
        luggage.pack(self.work, self.out)


def without_paths(line: str) -> str:
    """Return an error's line with the names of files, but not of the folders they lie in."""
    return re.sub(r"(?<![\w.])/(?:[\w.-]+/)+", "", line)[:500]


def versions() -> dict[str, str]:
    """Return the versions of what results depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}

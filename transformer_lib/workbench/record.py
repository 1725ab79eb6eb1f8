"""What an experiment has recorded in its file, and what is missing there."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformer_lib.workbench import results
from transformer_lib.workbench.jobs import Job, Outcome, Settings

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]


class Record:
    """The jobs of an experiment that are recorded in a file, and which are missing there."""

    def __init__(self, file: Path, command: str, shared: dict[str, Any]) -> None:
        self.file, self.shared = file, shared
        there = results.read(file) if file.exists() else None
        self.origin, self.jobs = results.origin(), there["jobs"] if there else []
        self.command, self.front = command, there or {"command": command, **self.origin}
        self.other = there is not None and there["settings"] != shared

    def missing(
        self, plan: Sequence[Job], redo: bool = False, say: Callable[[str], None] = print
    ) -> list[Job]:
        """Return the planned jobs that are not recorded, or only with other settings (`redo`).

        Raises:
            ValueError: some are recorded with other settings, and are not to be done again.
        """
        planned = {(job.variant, job.seed): job.settings for job in plan}
        stale = [
            job for job in self.jobs
            if self.other or planned.get(key(job), job["settings"]) != job["settings"]
        ]  # fmt: skip
        if stale and not redo:
            raise ValueError(f"{self.file.name} holds {len(stale)} jobs of other settings, such as "
                             f"{self.difference(stale[0], planned)}; give --redo to replace "
                             "them, or --into and another folder")  # fmt: skip
        if stale:
            say(f"{len(stale)} recorded jobs had other settings; they are replaced")
            self.jobs = [job for job in self.jobs if job not in stale]
        if not self.jobs:
            self.front = {"command": self.command, **self.origin}
        there = {key(job) for job in self.jobs}
        return [job for job in plan if (job.variant, job.seed) not in there]

    def difference(self, job: dict[str, Any], planned: Mapping[tuple[str, int], Settings]) -> str:
        """Say in which setting a recorded job differs from what is planned."""
        wanted = self.shared | planned.get(key(job), job["settings"])
        found = self.front["settings"] | job["settings"]
        name = next(name for name in {**wanted, **found} if wanted.get(name) != found.get(name))
        before, now = found.get(name), wanted.get(name)
        return f"{job['variant']}, seed {job['seed']} ({name} {before}, now {now})"

    def add(self, job: Job, outcome: Outcome) -> None:
        """Add a job that is done, and write the file."""
        entry = {"variant": job.variant, "seed": job.seed, "settings": job.settings}
        made = {name: value for name, value in self.origin.items() if value != self.front[name]}
        times = {"seconds": outcome.seconds, "cpu_seconds": outcome.cpu_seconds}
        self.jobs.append({**entry, **made, **times, "figures": outcome.figures})
        self.jobs.sort(key=key)  # the same file, whichever of two was done first
        totals = {name: total(job[name] for job in self.jobs) for name in times}
        notes = {name: self.front[name] for name in ("by_hand", "remark") if name in self.front}
        results.write(
            self.file, self.front["command"], self.shared, jobs=self.jobs, **totals, **notes,
            made_with={name: self.front[name] for name in self.origin},
        )  # fmt: skip

    def estimate(self, job: Job) -> float | None:
        """Return the seconds that a job may take: as the same variant took, or as is declared."""
        same = [known for known in self.jobs if known["variant"] == job.variant]
        same = [known["seconds"] for known in same if known["seconds"] is not None]
        if same:
            return sum(same) / len(same)
        return None if job.minutes is None else 60.0 * job.minutes

    def told(self, missing: Sequence[Job], n_processes: int) -> str:
        """Say what is missing, and how long it takes."""
        by_variant: dict[str, list[int]] = {}
        for job in missing:
            by_variant.setdefault(job.variant, []).append(job.seed)
        lines = [f"{name}: seeds {', '.join(map(str, s))}" for name, s in by_variant.items()]
        hours = self.hours(missing)
        time = "unknown hours" if hours is None else f"{hours:.1f} hours of one core"
        side = min(n_processes, max(1, len(missing)))
        return "\n".join([*lines, f"{len(missing)} jobs to run, {len(self.jobs)} recorded; {time}, "
                          f"{side} side by side"])  # fmt: skip

    def hours(self, missing: Sequence[Job]) -> float | None:
        """Return the hours of one core that jobs may take, or None if one of them is unknown."""
        seconds = total(self.estimate(job) for job in missing)
        return None if seconds is None else seconds / 3600


def key(job: dict[str, Any]) -> tuple[str, int]:
    """Return what a recorded job is known by."""
    return job["variant"], job["seed"]


def total(values: Iterable[float | int | None]) -> float | None:
    """Return the sum, or None if a value is missing."""
    known = [*values]
    return None if None in known else round(float(sum(known)), 2)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep a second run away from a result; the lock dies with its process.

    Raises:
        ValueError: another process is making it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if fcntl is None:  # not on Windows
        yield
        return
    with open(file.with_name(f".{file.name}.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ValueError(f"another process is making {file.name}; wait or stop it") from None
        yield

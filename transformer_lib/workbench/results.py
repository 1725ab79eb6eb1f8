"""A recorded result: what made it stands in front, then what was found.

    schema, command, commit, settings, versions, hardware, seconds    always, in this order
    cpu_seconds, by_hand, remark                                      where there is one to tell
    figures, or jobs: one entry for each variant and seed             what was found

`seconds` is the wall time of the command, `cpu_seconds` what it took of the processors; those of an
experiment are the sums over its jobs. `by_hand` says who made, by which rule, what no script makes
again. None (null) means: not recorded at the time. It is shown so, and never filled in afterwards.
"""

import json
import math
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformer_lib.files import replace_file
from transformer_lib.settings import nearest
from transformer_lib.training.environment import environment
from transformer_lib.workbench.commits import CHECKOUT, commit

Result = dict[str, Any]

SCHEMA = 1
FRONT = ("schema", "command", "commit", "settings", "versions", "hardware", "seconds")
NOTES = ("cpu_seconds", "by_hand", "remark")
FOUND = ("figures", "jobs")
HARDWARE = ("system", "cpu", "cores", "threads", "processes", "accelerator")
LIBRARIES = ("numpy", "sacrebleu", "tokenizers")  # whose version is told if they are in use
# A place in a file system; a fraction, a unit such as tokens/s or an address on the web is none.
PATH = re.compile(r"(?<![\w.:/<])(?:/[\w.-]+){2,}|(?<!\w)~/|\b[A-Za-z]:\\")


def write(
    path: Path,
    command: str | None,
    settings: Mapping[str, Any],
    *,
    figures: Mapping[str, Any] | None = None,
    jobs: Sequence[Mapping[str, Any]] | None = None,
    seconds: float | int | None,
    made_with: Mapping[str, Any] | None = None,
    **notes: Any,
) -> Result:
    """Write a result, whole or not at all, and return it.

    Args:
        path: the file; its folder is made.
        command: what makes it again, without a path of this machine.
        settings: what it was made with.
        figures: what was found; or
        jobs: what each job of an experiment found.
        seconds: the wall time.
        made_with: commit, versions and hardware, where they are not those of this process.
        notes: of `NOTES`.
    """
    front = {"schema": SCHEMA, "command": command, "settings": settings, "seconds": seconds}
    front |= made_with or origin()
    found = {"figures": figures, "jobs": jobs}
    result = {name: front.get(name) for name in FRONT}
    result |= {name: notes.pop(name) for name in NOTES if name in notes}
    result |= notes | {name: value for name, value in found.items() if value is not None}
    check(result, path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    replace_file(path, f"{text}\n".encode())
    return result


def origin(told: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return commit, versions and hardware of this process, or those that a run folder tells.

    Args:
        told: what `training.run.environment` said when the run was made.
    """
    told = dict(told or environment())
    for name in LIBRARIES:
        if name in sys.modules:
            told.setdefault(name, version(name))
    hardware = {name: told.pop(name, None) for name in HARDWARE}
    hardware["accelerator"] = told.pop("gpu", "none")
    counts = ("cores", "threads", "processes")
    hardware |= {name: int(hardware[name]) for name in counts if hardware[name] is not None}
    return {"commit": commit(), "versions": told, "hardware": hardware}


def check(result: Result, name: str) -> None:
    """Refuse a result whose front is not whole, or that says where on a machine it was made.

    Raises:
        ValueError: names the file and what is wrong with it.
    """
    allowed = [*FRONT, *(note for note in NOTES if note in result)]
    names = [*result]
    if names[:-1] != allowed or names[-1:] not in [[name] for name in FOUND]:
        raise ValueError(f"{name} begins {', '.join(names[:9])}; it must hold {', '.join(FRONT)}, "
                         f"then {', '.join(NOTES)} if any, then figures or jobs")  # fmt: skip
    if result["schema"] != SCHEMA:
        raise ValueError(f"{name} is of schema {result['schema']}; this library reads {SCHEMA}")
    if not (result["command"] or result.get("by_hand")):
        raise ValueError(f"{name} names no command; say by_hand, by whom and how it was made")
    for where, value in leaves(result):
        if isinstance(value, str) and (found := PATH.search(value)):
            raise ValueError(f"{name}: {where} holds the path {found[0]!r}; leave it out")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name}: {where} is {value}, which JSON cannot hold; use None")


def leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every name and value that a result holds, with its place in it."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield where, name
            yield from leaves(inner, f"{where}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{where}[{number}]")
    else:
        yield where, value


def read(path: Path) -> Result:
    """Read a result and check its front.

    Raises:
        ValueError: it is no JSON, or no result.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from None
    if not isinstance(result, dict):
        raise ValueError(f"{path.name} holds no result but a {type(result).__name__}")
    check(result, path.name)
    return result


def folders() -> list[Path]:
    """Return where results are looked for: beside the notebook, in the source, where installed."""
    user = sysconfig.get_path("data", f"{os.name}_user")
    shares = [sysconfig.get_path("data"), user, CHECKOUT]  # the last: pip install --target
    installed = [Path(share, "share", "measured-transformer", "results") for share in shares]
    return [Path("results"), CHECKOUT / "chapters" / "results", *installed]


def recorded(name: str) -> Result:
    """Return the recorded result of that name, such as "recall".

    Raises:
        FileNotFoundError: it is nowhere; the line says which file is missing and where to get it.
    """
    for folder in folders():
        if (folder / f"{name}.json").is_file():
            return read(folder / f"{name}.json")
    known = sorted({file.stem for folder in folders() for file in folder.glob("*.json")})
    hint = f"; {nearest(name, known)}" if known else ""
    raise FileNotFoundError(
        f"there is no result {name}.json: copy it from chapters/results of the book's source into "
        f"results/ beside the notebook, or install the package from that source{hint}"
    )


def by_seed(
    result: Result, figure: str, variant: str | None = None, **settings: Any
) -> dict[int, Any]:
    """Return one figure of an experiment's jobs by seed, in the order of the seeds.

    Args:
        result: as `recorded` returns it.
        figure: the name of the figure.
        variant: only the jobs of that variant.
        settings: only the jobs with these settings.

    Raises:
        ValueError: no job is so, or several of one seed are.
    """
    found = {}
    for job in result["jobs"]:
        told = result["settings"] | job["settings"]
        if variant in (None, job["variant"]) and settings.items() <= told.items():
            if job["seed"] in found:
                raise ValueError(f"several jobs have the seed {job['seed']}; name their variant")
            found[job["seed"]] = job["figures"][figure]
    if not found:
        known = sorted({job["variant"] for job in result["jobs"]})
        raise ValueError(f"no job is of {variant or settings}; the variants are {', '.join(known)}")
    return {seed: found[seed] for seed in sorted(found)}


def shown(value: Any) -> str:
    """Return a value of a result's front in words."""
    return "not recorded" if value is None else str(value)


def provenance(result: Result) -> str:
    """Return in a few lines how a result was made: command, commit, versions, hardware, time."""
    hardware = result["hardware"] or {}
    made = result.get("by_hand") or result["command"]
    commit, versions, seconds = result["commit"], result["versions"] or {}, result["seconds"]
    lines = [
        made,
        f"commit {shown(commit)}, Python {shown(versions.get('python'))}, "
        f"torch {shown(versions.get('torch'))}",
        f"{shown(hardware.get('cpu'))}, accelerator {shown(hardware.get('accelerator'))}",
        f"time {shown(seconds and f'{seconds:,.0f} s')}",
    ]
    return "\n".join([*lines, *filter(None, [result.get("remark")])])

"""What a later part needs to go on, as a few small files that can be copied between machines.

A checkpoint is larger than such a file may be. So the folder of runs is packed into one archive,
which is cut into pieces. Of each unfinished run go the small files, the newest checkpoint that an
evaluation wrote, and of those before it the weights, which only the average reads, as many as fit.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from transformer_lib.training.checkpoint import MODEL, checkpoints

PIECE, MOST = 15 * 2**20, 48 * 2**20  # bytes; the machine also takes the repository and the text
SMALL = {"files": 8, "file": 16 * 2**20, "all": 64 * 2**20}  # what comes back from it


def contents(work: Path, most: int = MOST) -> Iterator[Path]:
    """Yield the files to take along: what is of most use first, as long as there is room."""
    files = sorted(path for path in work.rglob("*") if path.is_file())
    groups = [[path] for path in files if "checkpoints" not in path.parts and path.name[0] != "."
              and not (path.name == MODEL and (path.parent / "checkpoints").exists())]  # fmt: skip
    for folder in sorted(work.glob("*/checkpoints")):
        *before, newest = checkpoints(folder, interrupted=False) or [folder / "none"]
        groups.append(sorted(newest.glob("*")))  # all of it, or training could not go on from it
        groups += [[path / MODEL] for path in reversed(before)]
    for group in groups:
        most -= sum(path.stat().st_size for path in group)
        if most < 0:
            return
        yield from group


def pack(work: Path, out: Path, most: int = MOST) -> None:
    """Write the luggage of `work` into `out`, in place of what lay there."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for path in contents(work, most):
            zipped.write(path, path.relative_to(work))
    data = archive.getvalue()
    for path in pieces(out):
        path.unlink()
    for number, start in enumerate(range(0, len(data), PIECE)):
        (out / f"luggage.{number}").write_bytes(data[start : start + PIECE])


def unpack(folder: Path, work: Path) -> None:
    """Put what `pack` took along into `work`, if there is any luggage."""
    data = b"".join(path.read_bytes() for path in pieces(folder))
    if data:
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            zipped.extractall(work)


def pieces(folder: Path) -> list[Path]:
    """Return the pieces in their order."""
    return sorted(folder.glob("luggage.[0-9]"))


def require_small(folder: Path) -> None:
    """Refuse a folder of results that could not be copied back from a machine.

    Raises:
        ValueError: too many files, too large ones, or a name with other than plain letters.
    """
    files = [path for path in folder.rglob("*") if path.is_file()]
    sizes = [path.stat().st_size for path in files]
    odd = [path.name for path in files if not re.fullmatch(r"[A-Za-z0-9._-]+", path.name)]
    largest = max(sizes, default=0)
    if odd or len(files) > SMALL["files"] or largest > SMALL["file"] or sum(sizes) > SMALL["all"]:
        raise ValueError(
            f"{folder} has {len(files)} files of {sum(sizes):,} bytes, the largest {largest:,}, "
            f"odd names {odd}; at most {SMALL['files']} files of {SMALL['file']:,} bytes come back"
        )

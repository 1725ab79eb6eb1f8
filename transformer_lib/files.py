"""Files that appear whole or not at all, on any system, with the mode that they had."""

import contextlib
import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    fcntl = None  # type: ignore[assignment]

AnyPath = str | os.PathLike[str]
PATIENCE = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)  # seconds, while another process reads what we replace
NOT_HERE = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR)


@contextlib.contextmanager
def explain_full_disk(folder: Path) -> Iterator[None]:
    """Turn "no space left" into a line that says what to do.

    Raises:
        OSError: with errno ENOSPC or EDQUOT and that line.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        line = (
            f"no space left to write in {folder}; what was saved there is intact: "
            "make room, then give the same command again"
        )
        raise OSError(error.errno, line) from None


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut, where the system can.

    Windows opens no folder, and some network disks cannot sync one; a rename is whole there too.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in NOT_HERE:
            raise
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NOT_HERE:
            raise
    finally:
        os.close(handle)


def rename(source: Path, target: Path) -> None:
    """Rename a file, or a folder to a name that is free.

    Windows refuses while another process reads one of them, so we wait a little for it to end.
    """
    for pause in PATIENCE:
        time.sleep(pause)
        try:
            os.replace(source, target)
        except PermissionError:
            if pause == PATIENCE[-1]:
                raise
        else:
            return


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with open(path, "wb") as file:
        file.write(data)
        sync(file)


def sync(file: IO) -> None:
    """Wait until the disk has what was written."""
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def whole_file(path: AnyPath, binary: bool = False) -> Iterator[IO]:
    """Open a file that gets its name when all is written; a failure leaves nothing behind.

    A reader sees the old file or the new one, which has the old one's mode. A device or a pipe,
    such as /dev/null, is written to directly. Text is UTF-8, and its lines end with a line feed.
    """
    path = Path(path)
    how = {"mode": "wb"} if binary else {"mode": "w", "encoding": "utf-8", "newline": "\n"}
    if path.exists() and not path.is_file():
        with open(path, **how) as file:
            yield file
        return
    path = path.resolve()  # through a symbolic link, whose place is not the file's
    beside = path.with_name(f".{path.name[:50]}.{secrets.token_hex(4)}.part")
    try:
        with explain_full_disk(path.parent):
            with open(beside, **how, opener=new_file) as file:
                if path.exists():
                    os.chmod(beside, stat.S_IMODE(path.stat().st_mode))
                yield file
                sync(file)
            rename(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def lock(file: IO) -> None:
    """Take a lock that no other process can take; it ends with the file or with its process."""
    if fcntl:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)


def new_file(path: str, flags: int) -> int:
    """Open a file that must not be there yet; the process's mask decides its mode."""
    return os.open(path, flags | os.O_EXCL, 0o666)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    with whole_file(path, binary=True) as file:
        file.write(data)


def check_outputs(outputs: dict[str, AnyPath | None], inputs: tuple[AnyPath | None, ...]) -> None:
    """Refuse output paths before the work is done; None is an output that is not wanted.

    Args:
        outputs: each path by what is written there, such as "translations".
        inputs: what the same command reads.

    Raises:
        ValueError: a folder, or in a folder that does not exist or may not be written to; an input,
            or another output.
    """
    taken = [Path(path).resolve() for path in inputs if path]
    for what, given in outputs.items():
        if given is None:
            continue
        path, folder = Path(given), Path(given).absolute().parent
        if path.is_dir():
            raise ValueError(f"{path} is a folder; name a file for the {what}")
        if not folder.is_dir():
            raise ValueError(
                f"there is no folder {path.parent} to write the {what} to; make it first"
            )
        if not os.access(folder, os.W_OK):
            raise ValueError(
                f"you may not write to {path.parent}; name another place for the {what}"
            )
        if is_taken(path, taken):
            raise ValueError(f"{path} is the input, or another output; name another file for the "
                             f"{what}")  # fmt: skip
        taken.append(path.resolve())


def is_taken(path: Path, taken: list[Path]) -> bool:
    """Whether a path names one of those files, by whatever name; a device may be named twice."""
    if path.exists() and not path.is_file():
        return False
    same = [one for one in taken if one.exists() and path.exists() and one.samefile(path)]
    return bool(same) or path.resolve() in taken

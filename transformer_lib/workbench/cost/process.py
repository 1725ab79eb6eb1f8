"""How much memory this process holds, and has held at most, as Linux counts it."""

from pathlib import Path


def status(field: str) -> float:
    """Return a field of /proc/self/status in MiB.

    Raises:
        OSError: this is not Linux.
    """
    file = Path("/proc/self/status")
    if not file.exists():
        raise OSError(f"there is no {file}, which Linux alone has; peak_bytes works anywhere")
    lines = file.read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) / 1024


def resident_mib() -> float:
    """Return what lies in memory now."""
    return status("VmRSS")


def peak_mib() -> float:
    """Return the most that ever lay in memory."""
    return status("VmHWM")

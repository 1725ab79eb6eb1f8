"""What results depend on besides the settings: the versions and the hardware models."""

import os
import platform
import sys
from pathlib import Path

import torch


def environment() -> dict[str, str]:
    """Return what results depend on besides the configuration: versions and hardware models."""
    values = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_model(),
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "processes": os.environ.get("WORLD_SIZE", "1"),
    }
    if "numpy" in sys.modules:
        values["numpy"] = sys.modules["numpy"].__version__
    if torch.cuda.is_available():
        values["gpu"] = torch.cuda.get_device_name()
        values["cuda"] = str(torch.version.cuda)
    return values


def cpu_model() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

"""Two settings of this process under which training on a CPU spends less time and less memory.

Training computes the same without them; they are set when a training on a CPU begins, and stay.
"""

import ctypes
import os
import sys


def keep_few_kernels() -> None:
    """Have oneDNN, which multiplies bfloat16 on a CPU, keep its last kernels only.

    It writes one for each shape, some megabytes large, and would keep those of the last 1,024. A
    training that multiplies by `layers.fast.Linear` needs about a hundred; where every batch brings
    shapes of its own, they would be gigabytes, for hardly a hit. The settings count from its first
    product on; what the user has set stays.
    """
    for cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(cache, "128")


def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next update, instead of giving it back.

    By default each large tensor is fresh pages that the system has to clear, which costs up to
    half of the time of a small model on a CPU.
    """
    if sys.platform != "linux":
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc has it, others may not
    if set_option:
        mmap_threshold, trim_threshold = -3, -1
        set_option(mmap_threshold, 1 << 30)
        set_option(trim_threshold, 1 << 30)

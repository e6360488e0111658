"""Keeps the C library from handing memory back to the system after every batch, which costs a third of the time."""

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3
"""Numbers of the options in glibc's malloc.h."""


def keep_freed_memory() -> bool:
    """Let this process reuse the memory of one batch for the next; False where the C library knows no such options.

    A batch's activations are tens of megabytes each, which glibc maps anew, and the kernel clears page by page, every
    time. Where kernel calls are dear (containers, sandboxes) training is 1.2 to 1.5 times as fast without that.
    """
    if sys.platform != "linux":
        return False
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    wanted = ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, (1 << 31) - 1), (_TOP_PAD, 64 << 20))
    taken = [set_option(option, value) for option, value in wanted]
    return all(taken)

"""Memory that a model frees: kept for its next call, or returned to the system."""

import ctypes
import logging
import platform

logger = logging.getLogger(__name__)

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8
NEVER = 2**31 - 1


def use_one_arena() -> None:
    """Tell glibc to share one arena among all threads, so that what one frees another can use.

    To be called before a model's threads start.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(ARENA_MAX, 1)


def return_freed_memory() -> None:
    """Hand back to the kernel what is free now: what loading a model, or a batch of questions, needed for a moment."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def keep_freed_memory() -> bool:
    """Make glibc reuse freed memory instead of returning it to the kernel. Return whether it could.

    A window's attention scores take some hundred megabytes at each layer. By default each of them is mapped anew and
    faulted in page by page: a third of the processor time of encoding on a CPU. The process keeps its peak size.
    To be called before the model's threads start.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    done = [libc.mallopt(option, value) for option, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, NEVER), (ARENA_MAX, 1))]
    return all(done)

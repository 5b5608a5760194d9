"""Pages of libraries that are loaded and never used.

torch's wheel for Linux loads CUDA's libraries on every machine, and the dynamic linker reads 130 MB of them meanwhile.
"""

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path

CUDA = re.compile(r"/nvidia/|/libtorch_cuda")
"""Occurs in the paths of CUDA's libraries, and of torch's part that calls them."""
_SMAPS = Path("/proc/self/smaps")
_DONTNEED = 4
_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+\s*(.*)")


@dataclass
class _Mapping:
    """``kib``: what is in memory of it. ``unchanged``: it is known that all of that is as in the file."""

    begin: int
    end: int
    permissions: str
    path: str
    kib: int = 0
    unchanged: bool = False


def release_pages(libraries: re.Pattern[str]) -> int:
    """Hand back the pages of files whose path ``libraries`` occurs in. Return how many bytes: 0 where the system does
    not say what is in memory.

    Only of parts that nobody can write to, and whose pages are still the file's own (the linker's relocations are
    not): the kernel reads a page again where it is needed after all.
    """
    try:
        mappings = _mappings()
    except OSError:  # not Linux, or a sandbox without it
        return 0
    libc = ctypes.CDLL(None)
    released = 0
    for mapping in mappings:
        unwritten = mapping.unchanged and "w" not in mapping.permissions
        if unwritten and mapping.kib and libraries.search(mapping.path):
            size = mapping.end - mapping.begin
            if libc.madvise(ctypes.c_void_p(mapping.begin), ctypes.c_size_t(size), _DONTNEED) == 0:
                released += mapping.kib * 1024
    return released


def _mappings() -> list[_Mapping]:
    """Return what is mapped into this process (proc_pid_smaps(5))."""
    mappings: list[_Mapping] = []
    for line in _SMAPS.read_text(errors="replace").splitlines():
        if found := _MAPPING.fullmatch(line):
            mappings.append(_Mapping(int(found[1], 16), int(found[2], 16), found[3], found[4]))
        elif line.startswith("Rss:"):
            mappings[-1].kib = int(line.split()[1])
        elif line.startswith("Anonymous:"):
            mappings[-1].unchanged = int(line.split()[1]) == 0
    return mappings

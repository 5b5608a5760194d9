"""Folders for files that are being worked on. Those of a process that was killed are found by their locks."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "work-"


@contextmanager
def working_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder in ``parent``, locked as long as this process lives, and remove it afterwards."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        descriptor = _lock(folder)
        if descriptor is not None:
            break
        # A sweep came between making and locking it, and removes it.
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def sweep_stale(parent: Path) -> int:
    """Remove what killed processes left in ``parent``; return how many folders. Those in use are not touched."""
    removed = 0
    for folder in parent.glob(f"{PREFIX}*"):
        descriptor = _lock(folder)
        if descriptor is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(descriptor)
            removed += 1
    return removed


def _lock(folder: Path) -> int | None:
    """Return a descriptor that holds the folder's lock, or None where another has it or the folder is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
    except OSError:  # locked, or gone
        os.close(descriptor)
        return None
    os.close(descriptor)
    return None

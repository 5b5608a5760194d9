"""The port that everything is stored through."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stt_ai.errors import Unavailable

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]*[A-Za-z0-9_-])*")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """``name``: what follows the group in its key. ``size`` in bytes. ``modified_at``: seconds since the epoch."""

    name: str
    size: int
    modified_at: float


class Store(Protocol):
    """Objects by keys such as `job_1/result.json`. What has been put outlives the process.

    A group is what stands before a slash of keys, such as `job_1`. All methods raise `Unavailable` where the store does
    not answer, `StorageFull` where it has no room, and `ValueError` for a key that is none.
    """

    async def put(self, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``, in place of what was there, whole or not at all."""
        ...

    async def put_new(self, key: str, data: bytes) -> bool:
        """Store as `put` does, unless something is there; return whether it was stored. One of several callers wins."""
        ...

    async def put_file(self, key: str, path: Path) -> None:
        """Store a copy of the file at ``path`` as `put` does."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return the object, or None where there is none."""
        ...

    async def get_file(self, key: str, path: Path) -> bool:
        """Write the object to ``path``; return whether there is one."""
        ...

    async def objects(self, group: str) -> tuple[StoredObject, ...]:
        """Return all objects whose keys begin with ``group/``, by name."""
        ...

    async def groups(self) -> tuple[str, ...]:
        """Return what stands before the first slash of all keys, each once, sorted."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object; it is no error where there is none."""
        ...

    async def delete_group(self, group: str) -> None:
        """Remove all objects whose keys begin with ``group/``; it is no error where there are none."""
        ...

    async def free_bytes(self) -> int | None:
        """Return for how much there is room, or None where nobody knows."""
        ...

    async def sweep(self) -> None:
        """Remove what writers left that were killed."""
        ...


def unreachable() -> Unavailable:
    """Return the error of a store that does not answer."""
    return Unavailable("The service cannot reach its storage at the moment. Try again later.", 30)


def checked(key: str) -> str:
    """Return ``key``. Raise `ValueError` where it could lead out of the store."""
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key of a store")
    return key

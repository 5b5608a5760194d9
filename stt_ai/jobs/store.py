"""Where recordings and results lie while their jobs are kept: named objects, in a folder."""

import asyncio
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]*[A-Za-z0-9_-])*")


class Store(Protocol):
    """Objects by keys such as `job_1/result.json`. What has been put outlives the process."""

    async def put(self, key: str, data: bytes) -> None:
        """Store ```data``` under ```key```, in place of what was there; on disk when this returns."""
        ...

    async def put_file(self, key: str, path: Path) -> None:
        """Store a copy of the file at ```path``` as `put` does."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return the object, or None where there is none."""
        ...

    async def get_file(self, key: str, path: Path) -> bool:
        """Write the object to ``path``; return whether there is one."""
        ...

    async def names(self, group: str) -> tuple[str, ...]:
        """Return what follows `group/` in the keys that begin with it."""
        ...

    async def groups(self) -> tuple[str, ...]:
        """Return what stands before the first slash of all keys, each once."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the object; it is no error where there is none."""
        ...

    async def delete_group(self, group: str) -> None:
        """Remove all objects whose keys begin with ``group/``; it is no error where there are none."""
        ...


class FolderStore:
    """Each object is a file, which appears whole or not at all. For this user's eyes only."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def put(self, key: str, data: bytes) -> None:
        """As `Store.put`. Raise `ValueError` for a key that could leave the folder."""
        await asyncio.to_thread(self._write, self._path(key), data)

    async def put_file(self, key: str, path: Path) -> None:
        """As `Store.put_file`."""
        await asyncio.to_thread(self._copy, path, self._path(key))

    async def get(self, key: str) -> bytes | None:
        """As `Store.get`."""
        path = self._path(key)
        return await asyncio.to_thread(lambda: path.read_bytes() if path.is_file() else None)

    async def get_file(self, key: str, path: Path) -> bool:
        """As `Store.get_file`."""
        source = self._path(key)
        if not source.is_file():
            return False
        await asyncio.to_thread(shutil.copyfile, source, path)
        return True

    async def names(self, group: str) -> tuple[str, ...]:
        """As `Store.names`, sorted."""
        folder = self._path(group)
        return await asyncio.to_thread(
            lambda: tuple(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()))
        )

    async def groups(self) -> tuple[str, ...]:
        """As `Store.groups`, sorted."""
        return await asyncio.to_thread(lambda: tuple(sorted(path.name for path in self._root.iterdir())))

    async def delete(self, key: str) -> None:
        """As `Store.delete`."""
        path = self._path(key)
        await asyncio.to_thread(lambda: path.unlink(missing_ok=True))

    async def delete_group(self, group: str) -> None:
        """As `Store.delete_group`."""
        await asyncio.to_thread(shutil.rmtree, self._path(group), ignore_errors=True)

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of a store")
        return self._root / key

    def _write(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            _settle(file.fileno(), Path(name), path)

    def _copy(self, source: Path, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        with os.fdopen(descriptor, "wb") as file, source.open("rb") as original:
            shutil.copyfileobj(original, file, 1 << 20)
            file.flush()
            _settle(file.fileno(), Path(name), path)


def _settle(descriptor: int, part: Path, path: Path) -> None:
    """Give the finished file its name once its content is on the disk."""
    os.fsync(descriptor)
    part.replace(path)

"""Objects as files of a folder, which may be shared by several machines."""

import asyncio
import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from stt_ai.errors import StorageFull
from stt_ai.storage.store import StoredObject, checked, unreachable

BLOCK = 1 << 20
_PARTS = ".parts"
ABANDONED_S = 3600.0
"""A file that is being written grows more often than that."""
T = TypeVar("T")


class FolderStore:
    """Each object is a file, which appears whole or not at all. For this user's eyes only."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._parts = root / _PARTS
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._parts.mkdir(mode=0o700, exist_ok=True)

    async def put(self, key: str, data: bytes) -> None:
        """As `Store.put`; it is on the disk when this returns."""
        await _in_thread(self._write, self._path(key), lambda file: file.write(data))

    async def put_new(self, key: str, data: bytes) -> bool:
        """As `Store.put_new`."""
        return await _in_thread(self._write, self._path(key), lambda file: file.write(data), False)

    async def put_file(self, key: str, path: Path) -> None:
        """As `Store.put_file`; it is on the disk when this returns."""

        def copy(file: BinaryIO) -> None:
            with path.open("rb") as source:
                shutil.copyfileobj(source, file, BLOCK)

        await _in_thread(self._write, self._path(key), copy)

    async def get(self, key: str) -> bytes | None:
        """As `Store.get`."""
        return await _in_thread(_or_none, self._path(key).read_bytes)

    async def get_file(self, key: str, path: Path) -> bool:
        """As `Store.get_file`."""
        return await _in_thread(_or_none, shutil.copyfile, self._path(key), path) is not None

    async def objects(self, group: str) -> tuple[StoredObject, ...]:
        """As `Store.objects`."""
        return await _in_thread(self._objects, self._path(group))

    async def groups(self) -> tuple[str, ...]:
        """As `Store.groups`."""
        return await _in_thread(
            lambda: tuple(sorted(path.name for path in self._root.iterdir() if path.name != _PARTS))
        )

    async def delete(self, key: str) -> None:
        """As `Store.delete`."""
        await _in_thread(lambda: self._path(key).unlink(missing_ok=True))

    async def delete_group(self, group: str) -> None:
        """As `Store.delete_group`."""
        await _in_thread(self._remove, self._path(group))

    async def free_bytes(self) -> int | None:
        """As `Store.free_bytes`."""
        disk = await _in_thread(os.statvfs, self._root)
        return disk.f_bavail * disk.f_frsize

    async def sweep(self) -> None:
        """As `Store.sweep`."""
        await _in_thread(self._sweep)

    def _path(self, key: str) -> Path:
        return self._root / checked(key)

    def _write(self, path: Path, fill: Callable[[BinaryIO], object], replace: bool = True) -> bool:
        """Write a file elsewhere, and give it its name once its content is on the disk; return whether it has it."""
        descriptor, name = tempfile.mkstemp(dir=self._parts)
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                fill(file)
                file.flush()
                os.fsync(descriptor)
            return self._settle(part, path, replace)
        finally:
            part.unlink(missing_ok=True)

    def _settle(self, part: Path, path: Path, replace: bool) -> bool:
        while True:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                part.replace(path) if replace else os.link(part, path)
            except FileExistsError:
                return False
            except FileNotFoundError:
                if part.exists():
                    continue  # its group was removed at this moment
                raise
            _sync_folder(path.parent)
            return True

    def _objects(self, folder: Path) -> tuple[StoredObject, ...]:
        return tuple(sorted(self._found(folder), key=lambda found: found.name))

    def _found(self, folder: Path) -> Iterator[StoredObject]:
        for path in folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    about = path.stat()
                    yield StoredObject(str(path.relative_to(folder)), about.st_size, about.st_mtime)

    def _remove(self, folder: Path) -> None:
        while folder.exists():  # somebody may write into it meanwhile
            shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # as long as they are empty
            for parent in folder.relative_to(self._root).parents[:-1]:
                (self._root / parent).rmdir()

    def _sweep(self) -> None:
        for part in self._parts.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_mtime <= time.time() - ABANDONED_S:
                    part.unlink()


def _sync_folder(folder: Path) -> None:
    """Return when the names in ``folder`` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _or_none(function: Callable[..., T], *arguments: object) -> T | None:
    """Return what the function returns, or None where there is no such file."""
    try:
        return function(*arguments)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


async def _in_thread(function: Callable[..., T], *arguments: object) -> T:
    """Return the function's result. Raise `StorageFull` or `Unavailable` for what the disk says."""
    try:
        return await asyncio.to_thread(function, *arguments)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("The service has no room for this at the moment. Try again later.", 30) from error
        raise unreachable() from error

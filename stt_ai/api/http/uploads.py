"""Uploads on disk: written without blocking the event loop, gone when the request is, whatever ends it."""

import asyncio
import errno
import fcntl
import hashlib
import logging
import os
import re
import time
import uuid
from contextlib import suppress
from pathlib import Path

from stt_ai.errors import StorageFull

logger = logging.getLogger(__name__)

BLOCK = 1 << 20
_NAME = re.compile(r"stt-ai-(\d+)-[0-9a-f]{32}")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_GRACE_SECONDS = 60.0
NO_ROOM = "The service has no room for uploads at the moment. Try again later."

_removals: set[asyncio.Task[None]] = set()


class TemporaryUpload:
    """One file of our own, locked as long as it is in use, so that others can tell it from a dead process's.

    Blocks are written by a thread while the next one arrives: at most two blocks are in memory.
    """

    def __init__(self, path: Path, descriptor: int, hashed: bool = False) -> None:
        self.path = path
        self.size = 0
        self._descriptor = descriptor
        self._digest = hashlib.sha256() if hashed else None
        self._held = bytearray()
        self._writing: asyncio.Future[None] | None = None

    @classmethod
    def create(cls, directory: Path, hashed: bool = False) -> "TemporaryUpload":
        """Return an empty file in ``directory``, readable only to our user. ``hashed``: its `sha256` will be needed."""
        path = directory / f"stt-ai-{os.getpid()}-{uuid.uuid4().hex}"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageFull(NO_ROOM, retry_after=30) from error
        with suppress(OSError):  # a file system without locks: the process id in the name has to do
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return cls(path, descriptor, hashed)

    @property
    def sha256(self) -> str:
        """Return the hash of the file up to the last `flush`, in hexadecimal; empty unless it was asked for."""
        return self._digest.hexdigest() if self._digest else ""

    async def write(self, data: bytes) -> None:
        """Append ``data``. Raise `StorageFull`, now or at a later call."""
        self.size += len(data)
        self._held += data
        if len(self._held) >= BLOCK:
            await self._start_block()

    async def flush(self) -> None:
        """Wait until everything written is in the file. Raise `StorageFull`."""
        await self._start_block()
        await self._settle()

    async def remove(self) -> None:
        """Delete the file, even if the caller is cancelled meanwhile."""
        task = asyncio.create_task(self._remove())
        _removals.add(task)
        task.add_done_callback(_removals.discard)
        await asyncio.shield(task)

    async def _start_block(self) -> None:
        await self._settle()
        block, self._held = self._held, bytearray()
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._write_block, block)

    def _write_block(self, block: bytearray) -> None:
        _write_all(self._descriptor, block)
        if self._digest:
            self._digest.update(block)

    async def _settle(self) -> None:
        if self._writing is None:
            return
        try:
            # Shielded: a cancelled future would hide a thread that still writes.
            await asyncio.shield(self._writing)
        except OSError as error:
            if error.errno in _FULL:
                raise StorageFull(NO_ROOM, retry_after=30) from error
            raise

    async def _remove(self) -> None:
        if self._writing is not None:
            await asyncio.wait([self._writing])
            self._writing.exception()
        await asyncio.to_thread(self._close_and_unlink)

    def _close_and_unlink(self) -> None:
        with suppress(FileNotFoundError):
            self.path.unlink()
        os.close(self._descriptor)


def _write_all(descriptor: int, block: bytearray) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def refuse_without_room(directory: Path, needed: int) -> None:
    """Raise `StorageFull` when the disk under ``directory`` has fewer than ``needed`` bytes free."""
    with suppress(FileNotFoundError):
        usage = os.statvfs(directory)
        if usage.f_bavail * usage.f_frsize < needed:
            raise StorageFull(NO_ROOM, retry_after=30)


def sweep_stale(directory: Path) -> int:
    """Delete the files of processes that were killed; return how many. Files in use are never touched."""
    removed = 0
    for path in directory.glob("stt-ai-*") if directory.is_dir() else ():
        match = _NAME.fullmatch(path.name)
        if match and _is_stale(path, int(match[1])):
            with suppress(FileNotFoundError):
                path.unlink()
                removed += 1
    if removed:
        logger.warning("removed %d uploads that a dead process left", removed)
    return removed


def _is_stale(path: Path, owner: int) -> bool:
    """Return whether nobody holds its lock, except a process that has just created it and is about to lock it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return not _is_alive(owner) or time.time() - os.fstat(descriptor).st_mtime > _GRACE_SECONDS
    except BlockingIOError:
        return False
    except OSError:
        return not _is_alive(owner)
    finally:
        os.close(descriptor)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True

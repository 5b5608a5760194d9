"""Uploads that go on where they were cut: one data file and its description each, in a folder of their owner.

The offset is the data file's own length, so that there is nothing that a crash could leave out of step with it. Several
processes may share the folder: whoever writes to an upload holds the lock of its data file.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from stt_ai.errors import NotFound, OffsetMismatch, StorageFull, TooManyRequests, UploadIncomplete, UploadLocked

BLOCK = 1 << 20
DATA, DESCRIPTION = ".data", ".json"
_ID = re.compile(r"up_[0-9a-f]{32}")
_MISSING = "There is no such upload: it was never made, is another account's, was deleted, or has expired."


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of an upload when it is created. ``length`` in bytes."""

    id: str
    length: int
    filename: str


@dataclass(frozen=True, slots=True)
class ResumableUpload:
    """``offset``: how many of its bytes are here. ``expires_at``: seconds since the epoch, later with every piece."""

    description: Description
    path: Path
    offset: int
    expires_at: float

    @property
    def is_complete(self) -> bool:
        return self.offset == self.description.length


class ResumableUploads:
    """All of them. ``min_free_bytes`` of the disk stay free; ``clock``: seconds since the epoch, as files' times."""

    def __init__(
        self,
        folder: Path,
        expires_s: float = 86_400,
        max_per_owner: int = 10,
        min_free_bytes: int = 200_000_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._expires_s = expires_s
        self._max_per_owner = max_per_owner
        self._min_free_bytes = min_free_bytes
        self._clock = clock

    def create(self, owner: str, length: int, filename: str) -> ResumableUpload:
        """Return a new, empty upload. Raise `TooManyRequests` when ``owner`` has too many, or `StorageFull`."""
        folder = self._folder_of(owner)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if len(list(folder.glob(f"*{DESCRIPTION}"))) >= self._max_per_owner:
                raise TooManyRequests(
                    f"You have {self._max_per_owner} uploads already. Use or delete one first.", self._expires_s
                )
            disk = os.statvfs(folder)
            if disk.f_bavail * disk.f_frsize < length + self._min_free_bytes:
                raise StorageFull("The service has no room for this upload at the moment. Try again later.", 30)
            description = Description(f"up_{secrets.token_hex(16)}", length, filename)
            os.close(os.open(folder / (description.id + DATA), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            # Last: without its description an upload does not exist.
            _write_new(folder / (description.id + DESCRIPTION), json.dumps(asdict(description)).encode())
        except OSError as error:
            raise StorageFull("The service has no room for uploads at the moment. Try again later.", 30) from error
        return self.find(owner, description.id)

    def find(self, owner: str, upload_id: str) -> ResumableUpload:
        """Raise `NotFound`, also for what is another's."""
        path = self._folder_of(owner) / (upload_id + DATA)
        if not _ID.fullmatch(upload_id):
            raise NotFound(_MISSING)
        try:
            description = Description(**json.loads(path.with_suffix(DESCRIPTION).read_bytes()))
            found = path.stat()
        except FileNotFoundError as error:
            raise NotFound(_MISSING) from error
        expires_at = found.st_mtime + self._expires_s
        if expires_at <= self._clock():
            raise NotFound(_MISSING)
        return ResumableUpload(description, path, found.st_size, expires_at)

    def find_complete(self, owner: str, upload_id: str) -> ResumableUpload:
        """As `find`, for whoever wants to read it now: its time begins anew. Raise `UploadIncomplete` too."""
        upload = self.find(owner, upload_id)
        if not upload.is_complete:
            missing = upload.description.length - upload.offset
            raise UploadIncomplete(f"The upload lacks {missing} of its {upload.description.length} bytes. Send them.")
        os.utime(upload.path)
        return upload

    @contextmanager
    def appending(self, owner: str, upload_id: str, offset: int, checksum: str = "") -> Iterator["Appender"]:
        """Yield what writes behind ``offset``. Raise `NotFound`, `UploadLocked` or `OffsetMismatch`.

        ``checksum``: the name of the digest that is wanted of what is written.
        """
        path = self.find(owner, upload_id).path
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFound(_MISSING) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UploadLocked("Another request is writing to this upload. Try again soon.") from error
            upload = self.find(owner, upload_id)  # anew: the file's length under the lock
            if upload.offset != offset:
                raise OffsetMismatch(f"The upload has {upload.offset} bytes, not {offset}. Go on from there.")
            yield Appender(descriptor, upload, checksum)
        finally:
            os.close(descriptor)

    def delete(self, owner: str, upload_id: str) -> None:
        """Raise `NotFound`."""
        _remove(self.find(owner, upload_id).path)

    def sweep(self) -> int:
        """Delete what has expired and what a crash left unfinished, and return how many uploads."""
        removed = 0
        for path in self.folder.glob(f"*/*{DATA}"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime + self._expires_s <= self._clock():
                    _remove(path)
                    removed += 1
        for folder in self.folder.glob("*"):
            with suppress(OSError):  # not empty
                folder.rmdir()
        return removed

    def _folder_of(self, owner: str) -> Path:
        return self.folder / hashlib.sha256(owner.encode()).hexdigest()[:32]


class Appender:
    """Writes to an upload whose lock is held."""

    def __init__(self, descriptor: int, upload: ResumableUpload, checksum: str) -> None:
        self.offset = upload.offset
        self.room = upload.description.length - upload.offset
        self._descriptor = descriptor
        self._start = upload.offset
        self._digest = hashlib.new(checksum) if checksum else None
        self._held = bytearray()

    @property
    def digest(self) -> bytes:
        """Of all that was flushed; empty when none was asked for."""
        return self._digest.digest() if self._digest else b""

    async def write(self, data: bytes) -> None:
        """Append ``data``, which must fit into ``room``. Raise `StorageFull`."""
        self._held += data
        self.room -= len(data)
        if len(self._held) >= BLOCK:
            await self._write_held()

    async def flush(self) -> None:
        """Return when all is on the disk, also if the caller is cancelled meanwhile. Raise `StorageFull`."""
        await self._write_held()
        await _to_its_end(os.fsync, self._descriptor)

    async def take_back(self) -> None:
        """Forget all that was written here."""
        self._held.clear()
        await _to_its_end(os.ftruncate, self._descriptor, self._start)
        self.offset = self._start

    async def _write_held(self) -> None:
        block, self._held = bytes(self._held), bytearray()
        try:
            await _to_its_end(self._write_block, block)
        except OSError as error:
            raise StorageFull("The service has no room for uploads at the moment. Try again later.", 30) from error

    def _write_block(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self.offset += len(block)
        if self._digest:
            self._digest.update(block)


async def _to_its_end(function: Callable[..., object], *arguments: object) -> None:
    """Run ``function`` in a thread, and leave no sooner than it does: it uses a descriptor that is closed then."""
    working = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


def _write_new(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(".new")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def _remove(data: Path) -> None:
    """Delete an upload's files. The data goes last: as long as it is there a sweep finds what is left."""
    for path in (data.with_suffix(".new"), data.with_suffix(DESCRIPTION), data):
        path.unlink(missing_ok=True)

"""Uploads that go on where they were cut, in the store: a description each, and pieces that are named by their offsets.

An upload has the pieces that follow each other without a gap from its beginning. A piece is stored only where none is
yet, so of two requests that write to one upload at once, in whatever processes, one is told where to go on.
"""

import asyncio
import hashlib
import json
import re
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

from stt_ai.errors import BadParameter, NotFound, OffsetMismatch, StorageFull, TooManyRequests, UploadIncomplete
from stt_ai.storage.store import Store, StoredObject

BLOCK = 4 << 20
"""Bytes of a piece: so many are in memory for each request, and lost of one whose process is killed."""
MAX_PIECES = 10_000
GROUP = "uploads"
DESCRIPTION, PIECES = "description.json", "pieces"
_ID = re.compile(r"up_[0-9a-f]{32}")
_MISSING = "There is no such upload: it was never made, is another account's, was deleted, or has expired."


@dataclass(frozen=True, slots=True)
class Description:
    """The description of an upload when it is created. ``length`` in bytes."""

    id: str
    length: int
    filename: str


@dataclass(frozen=True, slots=True)
class ResumableUpload:
    """``offset``: how many of its bytes are here. ``expires_at``: seconds since the epoch, later with every piece.

    ``group``: of its objects in the store. ``pieces``: their names, in order.
    """

    description: Description
    offset: int
    expires_at: float
    group: str
    pieces: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Return whether all bytes have been received."""
        return self.offset == self.description.length


class ResumableUploads:
    """All of them. ``min_free_bytes`` of the store stay free; ``clock``: seconds since the epoch, as the store's."""

    def __init__(
        self,
        store: Store,
        expires_s: float = 86_400,
        max_per_owner: int = 10,
        min_free_bytes: int = 200_000_000,
        clock: Callable[[], float] = time.time,
        max_pieces: int = MAX_PIECES,
    ) -> None:
        self._store = store
        self._expires_s = expires_s
        self._max_per_owner = max_per_owner
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._max_pieces = max_pieces

    async def create(self, owner: str, length: int, filename: str) -> ResumableUpload:
        """Return a new, empty upload. Raise `TooManyRequests` when ``owner`` has too many, or `StorageFull`."""
        there = await self._store.objects(_group_of(owner))
        if sum(found.name.endswith(DESCRIPTION) for found in there) >= self._max_per_owner:
            raise TooManyRequests(
                f"You have {self._max_per_owner} uploads already. Use or delete one first.", self._expires_s
            )
        free = await self._store.free_bytes()
        if free is not None and free < length + self._min_free_bytes:
            raise StorageFull("The service has no room for this upload at the moment. Try again later.", 30)
        description = Description(f"up_{secrets.token_hex(16)}", length, filename)
        key = f"{_group_of(owner)}/{description.id}/{DESCRIPTION}"
        await self._store.put(key, json.dumps(asdict(description)).encode())
        return await self.find(owner, description.id)

    async def find(self, owner: str, upload_id: str) -> ResumableUpload:
        """Raise `NotFound`, also for what is another's."""
        if not _ID.fullmatch(upload_id):
            raise NotFound(_MISSING)
        group = f"{_group_of(owner)}/{upload_id}"
        described = await self._store.get(f"{group}/{DESCRIPTION}")
        objects = await self._store.objects(group)
        if described is None or not objects or self._has_expired(objects):
            raise NotFound(_MISSING)
        pieces = tuple(_contiguous(objects))
        return ResumableUpload(
            description=Description(**json.loads(described)),
            offset=sum(piece.size for piece in pieces),
            expires_at=_newest(objects) + self._expires_s,
            group=group,
            pieces=tuple(piece.name for piece in pieces),
        )

    async def find_complete(self, owner: str, upload_id: str) -> ResumableUpload:
        """As `find`, for whoever wants to read it now: its time begins anew. Raise `UploadIncomplete` too."""
        upload = await self.find(owner, upload_id)
        if not upload.is_complete:
            missing = upload.description.length - upload.offset
            raise UploadIncomplete(f"The upload lacks {missing} of its {upload.description.length} bytes. Send them.")
        key = f"{upload.group}/{DESCRIPTION}"
        await self._store.put(key, json.dumps(asdict(upload.description)).encode())
        return upload

    async def copy(self, upload: ResumableUpload, write: Callable[[bytes], Awaitable[object]]) -> None:
        """Hand the upload's bytes to ``write``, piece by piece. Raise `NotFound` where it was deleted meanwhile."""
        for name in upload.pieces:
            piece = await self._store.get(f"{upload.group}/{name}")
            if piece is None:
                raise NotFound(_MISSING)
            await write(piece)

    @asynccontextmanager
    async def appending(self, owner: str, upload_id: str, offset: int, checksum: str = "") -> AsyncIterator["Appender"]:
        """Yield what writes behind ``offset``. Raise `NotFound`, `OffsetMismatch`, or `BadParameter`: too many pieces.

        ``checksum``: the name of the digest that is wanted of what is written.
        """
        upload = await self.find(owner, upload_id)
        if upload.offset != offset:
            raise OffsetMismatch(f"The upload has {upload.offset} bytes, not {offset}. Go on from there.")
        if len(upload.pieces) >= self._max_pieces and not upload.is_complete:
            raise BadParameter(
                f"The upload came in {len(upload.pieces)} pieces. Begin it anew with larger ones.", "Upload-Offset"
            )
        yield Appender(self._store, upload, checksum)

    async def delete(self, owner: str, upload_id: str) -> None:
        """Raise `NotFound`."""
        upload = await self.find(owner, upload_id)
        # First: without its description an upload does not exist.
        await self._store.delete(f"{upload.group}/{DESCRIPTION}")
        await self._store.delete_group(upload.group)

    async def sweep(self) -> int:
        """Delete what has expired and what a crash left unfinished, and return how many uploads."""
        uploads: defaultdict[str, list[StoredObject]] = defaultdict(list)
        for found in await self._store.objects(GROUP):
            owner, upload, _ = found.name.split("/", 2)
            uploads[f"{GROUP}/{owner}/{upload}"].append(found)
        expired = [group for group, objects in uploads.items() if self._has_expired(objects)]
        for group in expired:
            await self._store.delete_group(group)
        return len(expired)

    def _has_expired(self, objects: Iterable[StoredObject]) -> bool:
        return _newest(objects) + self._expires_s <= self._clock()


class Appender:
    """Writes to an upload, from ``offset`` on."""

    def __init__(self, store: Store, upload: ResumableUpload, checksum: str) -> None:
        self.offset = upload.offset
        self.room = upload.description.length - upload.offset
        self._store = store
        self._group = upload.group
        self._digest = hashlib.new(checksum) if checksum else None
        self._held = bytearray()
        self._stored: list[str] = []

    @property
    def digest(self) -> bytes:
        """Return the hash of all that was flushed; empty unless one was asked for."""
        return self._digest.digest() if self._digest else b""

    async def write(self, data: bytes) -> None:
        """Append ``data``, which must fit into ``room``. Raise `OffsetMismatch` where another was faster."""
        self._held += data
        self.room -= len(data)
        if len(self._held) >= BLOCK:
            await self._store_held()

    async def flush(self) -> None:
        """Return when all is stored, also if the caller is cancelled meanwhile. Raise as `write`."""
        if self._held:
            await self._store_held()

    async def take_back(self) -> None:
        """Forget all that was written here."""
        self._held.clear()
        while self._stored:
            await self._store.delete(self._stored.pop())

    async def _store_held(self) -> None:
        block, self._held = bytes(self._held), bytearray()
        key = f"{self._group}/{_name_of(self.offset)}"
        storing = asyncio.ensure_future(self._store.put_new(key, block))
        try:
            is_stored = await asyncio.shield(storing)
        except asyncio.CancelledError:
            await asyncio.wait([storing])
            raise
        if not is_stored:
            raise OffsetMismatch("Another request writes to this upload. Ask for its offset, and go on from there.")
        self._stored.append(key)
        self.offset += len(block)
        if self._digest:
            self._digest.update(block)


def _group_of(owner: str) -> str:
    return f"{GROUP}/{hashlib.sha256(owner.encode()).hexdigest()[:32]}"


def _name_of(offset: int) -> str:
    return f"{PIECES}/{offset:015}"


def _newest(objects: Iterable[StoredObject]) -> float:
    return max(found.modified_at for found in objects)


def _contiguous(objects: Iterable[StoredObject]) -> Iterable[StoredObject]:
    """Yield the pieces that follow each other from the beginning."""
    by_name, offset = {found.name: found for found in objects}, 0
    while (piece := by_name.get(_name_of(offset))) is not None and piece.size:
        yield piece
        offset += piece.size

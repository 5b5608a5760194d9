"""A store whose objects are encrypted before they reach another store."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from stt_ai.errors import InternalError
from stt_ai.storage.encryption import Keyring, UnreadableError, decrypted_size
from stt_ai.storage.store import Store, StoredObject
from stt_ai.storage.workspace import working_folder

logger = logging.getLogger(__name__)


class EncryptedStore:
    """Content is encrypted and bound to its key; keys, sizes and times are those of the store within.

    Reading raises `InternalError` for what was not stored here, or with a key that is gone; the log says which.
    """

    def __init__(self, within: Store, keyring: Keyring) -> None:
        self._within = within
        self._keyring = keyring

    async def put(self, key: str, data: bytes) -> None:
        """As `Store.put`."""
        await self._within.put(key, await asyncio.to_thread(self._keyring.encrypted, data, key))

    async def put_new(self, key: str, data: bytes) -> bool:
        """As `Store.put_new`."""
        return await self._within.put_new(key, await asyncio.to_thread(self._keyring.encrypted, data, key))

    async def put_file(self, key: str, path: Path) -> None:
        """As `Store.put_file`; the encrypted file lies beside ``path`` meanwhile."""
        with working_folder(path.parent) as folder:
            encrypted = folder / "encrypted"
            await asyncio.to_thread(_convert, self._keyring.encrypt, path, encrypted, key)
            await self._within.put_file(key, encrypted)

    async def get(self, key: str) -> bytes | None:
        """As `Store.get`."""
        data = await self._within.get(key)
        if data is None:
            return None
        try:
            return await asyncio.to_thread(self._keyring.decrypted, data, key)
        except UnreadableError as error:
            raise _refusal(key, error) from error

    async def get_file(self, key: str, path: Path) -> bool:
        """As `Store.get_file`; the encrypted file lies beside ``path`` meanwhile."""
        with working_folder(path.parent) as folder:
            encrypted = folder / "encrypted"
            if not await self._within.get_file(key, encrypted):
                return False
            try:
                await asyncio.to_thread(self._decrypt, encrypted, path, key)
            except UnreadableError as error:
                raise _refusal(key, error) from error
            return True

    async def objects(self, group: str) -> tuple[StoredObject, ...]:
        """As `Store.objects`, with the sizes of what was encrypted."""
        found = await self._within.objects(group)
        return tuple(replace(one, size=decrypted_size(one.size)) for one in found)

    async def groups(self) -> tuple[str, ...]:
        """As `Store.groups`."""
        return await self._within.groups()

    async def delete(self, key: str) -> None:
        """As `Store.delete`."""
        await self._within.delete(key)

    async def delete_group(self, group: str) -> None:
        """As `Store.delete_group`."""
        await self._within.delete_group(group)

    async def free_bytes(self) -> int | None:
        """As `Store.free_bytes`."""
        return await self._within.free_bytes()

    async def sweep(self) -> None:
        """As `Store.sweep`."""
        await self._within.sweep()

    def _decrypt(self, encrypted: Path, path: Path, key: str) -> None:
        try:
            _convert(self._keyring.decrypt, encrypted, path, key)
        except UnreadableError:
            path.unlink(missing_ok=True)
            raise


def _convert(convert: Callable[[BinaryIO, BinaryIO, str], None], source: Path, target: Path, key: str) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        convert(read, written, key)


def _refusal(key: str, error: UnreadableError) -> InternalError:
    logger.error("%s cannot be read from the store: %s", key, error)
    return InternalError("What the service stored cannot be read any more.")

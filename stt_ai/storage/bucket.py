"""Objects in a bucket of S3, Google Cloud Storage or Azure, by obstore."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from stt_ai.storage.store import StoredObject, checked, unreachable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

BLOCK = 8 << 20
RETRIES = 4
RETRY_FOR = timedelta(seconds=20)
"""Whoever waits has no answer yet."""


class BucketStore:
    """Every object has the bucket's own guarantee: once written it is there for all readers, whole."""

    def __init__(self, bucket: "ObjectStore") -> None:
        self._bucket = bucket

    @classmethod
    def at(cls, url: str) -> "BucketStore":
        """Open `s3://…`, `gs://…` or `az://…`, with the credentials that the environment has. Raise `ValueError`."""
        try:
            from obstore.exceptions import BaseError
            from obstore.store import from_url
        except ImportError as error:
            raise ValueError(f"{url} needs another library: pip install '.[buckets]' in the checkout") from error
        try:
            return cls(from_url(url, retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_FOR}))
        except BaseError as error:
            raise ValueError(f"{url} cannot be opened: {str(error).splitlines()[0]}") from error

    async def put(self, key: str, data: bytes) -> None:
        """As `Store.put`."""
        import obstore

        async with _errors_mapped():
            await obstore.put_async(self._bucket, checked(key), data)

    async def put_new(self, key: str, data: bytes) -> bool:
        """As `Store.put_new`."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        async with _errors_mapped():
            try:
                await obstore.put_async(self._bucket, checked(key), data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
            return True

    async def put_file(self, key: str, path: Path) -> None:
        """As `Store.put_file`, in parts of 5 MB where it is large."""
        import obstore

        async with _errors_mapped():
            await obstore.put_async(self._bucket, checked(key), path)

    async def get(self, key: str) -> bytes | None:
        """As `Store.get`."""
        import obstore

        async with _errors_mapped():
            try:
                found = await obstore.get_async(self._bucket, checked(key))
                return bytes(await found.bytes_async())
            except FileNotFoundError:
                return None

    async def get_file(self, key: str, path: Path) -> bool:
        """As `Store.get_file`."""
        import obstore

        async with _errors_mapped():
            try:
                found = await obstore.get_async(self._bucket, checked(key))
            except FileNotFoundError:
                return False
            with path.open("wb") as file:
                async for block in found.stream(min_chunk_size=BLOCK):
                    await asyncio.to_thread(file.write, block)
            return True

    async def objects(self, group: str) -> tuple[StoredObject, ...]:
        """As `Store.objects`."""
        import obstore

        prefix = checked(group) + "/"
        found: list[StoredObject] = []
        async with _errors_mapped():
            async for page in obstore.list(self._bucket, group):
                for one in page:
                    name = one["path"].removeprefix(prefix)
                    found.append(StoredObject(name, one["size"], one["last_modified"].timestamp()))
        return tuple(sorted(found, key=lambda one: one.name))

    async def groups(self) -> tuple[str, ...]:
        """As `Store.groups`."""
        import obstore

        async with _errors_mapped():
            listed = await obstore.list_with_delimiter_async(self._bucket)
            return tuple(sorted(listed["common_prefixes"]))

    async def delete(self, key: str) -> None:
        """As `Store.delete`."""
        await self._delete([checked(key)])

    async def delete_group(self, group: str) -> None:
        """As `Store.delete_group`."""
        await self._delete([f"{group}/{found.name}" for found in await self.objects(group)])

    async def free_bytes(self) -> int | None:
        """As `Store.free_bytes`: buckets do not fill up."""
        return None

    async def sweep(self) -> None:
        """As `Store.sweep`: parts of uploads that were cut off are for a rule of the bucket to remove."""

    async def _delete(self, keys: list[str]) -> None:
        import obstore

        if not keys:
            return
        async with _errors_mapped():
            try:
                await obstore.delete_async(self._bucket, keys)
            except FileNotFoundError:
                return


@asynccontextmanager
async def _errors_mapped() -> AsyncIterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except BaseError as error:
        raise unreachable() from error

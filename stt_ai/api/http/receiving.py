"""Receives a request's body: a file on disk and the form's fields, under every limit."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from stt_ai.api.admission import Grant, IncomingRequest
from stt_ai.api.http.multipart import IN_PLACE_OF_FILE, MAX_FORM_BYTES, FormReader, boundary_of
from stt_ai.api.http.query import Refusal
from stt_ai.api.http.uploads import TemporaryUpload, refuse_without_room
from stt_ai.api.services import ApiConfig
from stt_ai.errors import EmptyFile, FileTooLarge, MalformedBody, UploadTimeout
from stt_ai.meters import NO_METERS, Meters
from stt_ai.sources.fetching import Fetcher
from stt_ai.sources.resumable import ResumableUpload, ResumableUploads
from stt_ai.stages import stage
from stt_ai.types import Upload


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """A form whose file lies on disk, or elsewhere: at ``url``, or sent before as ``upload_id``.

    ``sha256`` is the file's, or that of where it lies, where the caller sent an idempotency key, else empty.
    """

    file: TemporaryUpload
    filename: str
    fields: Mapping[str, str]
    sha256: str = ""
    url: str = ""
    upload_id: str = ""

    @property
    def upload(self) -> Upload:
        """Return the file that the form held."""
        return Upload(self.file.path, self.file.size, plain_name(self.filename))

    async def fetch(self, fetcher: Fetcher, max_bytes: int) -> Upload:
        """Return the file at ``url``. Raise what `Fetcher.fetch` raises, and `StorageFull`."""
        filename = await fetcher.fetch(self.url, max_bytes, self.file.write)
        await self.file.flush()
        return Upload(self.file.path, self.file.size, plain_name(filename))

    async def copy(self, uploads: ResumableUploads, upload: ResumableUpload) -> Upload:
        """Return a copy of a complete ``upload``. Raise as `ResumableUploads.copy`, and `StorageFull`."""
        await uploads.copy(upload, self.file.write)
        await self.file.flush()
        return Upload(self.file.path, self.file.size, plain_name(upload.description.filename))


@asynccontextmanager
async def receive_form(
    request: Request,
    incoming: IncomingRequest,
    grant: Grant,
    config: ApiConfig,
    known: frozenset[str],
    before_file: Callable[[Mapping[str, str]], object],
    refusal: Refusal,
    meters: Meters = NO_METERS,
) -> AsyncIterator[ReceivedForm]:
    """The form of ``request``; its file is deleted when the context is left.

    Raise `BadRequest`s, `FileTooLarge`, `StorageFull` and `ClientDisconnect`.
    """
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise MalformedBody("Uploads are not decompressed: send the form without `Content-Encoding`.")
    reader = FormReader(boundary_of(request.headers.get("content-type")), known, before_file, refusal)
    if incoming.content_length is not None and incoming.content_length > grant.max_file_bytes + MAX_FORM_BYTES:
        raise too_large(grant)
    refuse_without_room(config.uploads_dir, config.min_free_bytes + (incoming.content_length or 0))
    file = TemporaryUpload.create(config.uploads_dir, hashed=grant.idempotency_key is not None)
    try:
        with stage(meters, "upload"):
            async for data in timely_body(request, config.upload_idle_timeout, config.min_upload_rate):
                pieces = reader.feed(data)
                if reader.file_bytes > grant.max_file_bytes:
                    raise too_large(grant)
                for piece in pieces:
                    await file.write(piece)
            reader.finish()
            url, upload_id = (reader.fields.get(name, "").strip() for name in IN_PLACE_OF_FILE)
            elsewhere = url or upload_id
            if not file.size and not elsewhere:
                raise EmptyFile("The file is empty. Check that it was saved or downloaded whole.")
            await file.flush()
        sha256 = hashlib.sha256(elsewhere.encode()).hexdigest() if elsewhere else file.sha256
        yield ReceivedForm(file, reader.filename, reader.fields, sha256, url, upload_id)
    finally:
        await file.remove()


async def timely_body(request: Request, idle: float, min_rate: float) -> AsyncIterator[bytes]:
    """Yield the body's bytes as they come. Raise `UploadTimeout` when they stop or trickle, `ClientDisconnect`."""
    started, received, more = time.monotonic(), 0, True
    while more:
        try:
            async with asyncio.timeout(idle):
                message = await request.receive()
        except TimeoutError as error:
            raise UploadTimeout(f"The upload stopped: nothing came for {idle:g} seconds. Send it again.") from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        data, more = message.get("body", b""), message.get("more_body", False)
        received += len(data)
        elapsed = time.monotonic() - started
        if more and elapsed > idle and received < min_rate * elapsed:
            raise UploadTimeout(f"The upload is too slow: fewer than {min_rate:g} bytes a second. Send it again.")
        if data:
            yield data


HOW_TO_SHORTEN = "Cut or compress the recording."


def too_large(grant: Grant) -> FileTooLarge:
    """Return the error that says how large a file may be, and who may send larger ones."""
    limit = grant.max_file_bytes
    size = f"{limit / 1e9:g} GB" if limit >= 1_000_000_000 else f"{limit / 1e6:g} MB"
    return FileTooLarge(f"The file is larger than the {size} that you may send. {grant.larger_files or HOW_TO_SHORTEN}")


def plain_name(filename: str) -> str:
    """Return the last component of a caller's file name, printable and of bounded length; never used as a path."""
    base = filename.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(char for char in base if char.isprintable())[:255]

"""POST /v1/uploads, and HEAD, PATCH and DELETE of what it makes. OPTIONS is answered by the middleware."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from stt_ai.api.account.routes import KEY, key_of
from stt_ai.api.http.receiving import timely_body
from stt_ai.api.openapi import failures
from stt_ai.api.services import ApiConfig
from stt_ai.api.uploads import protocol
from stt_ai.billing.client import BillingClient
from stt_ai.errors import BadParameter, ChecksumMismatch, EmptyFile, FileTooLarge
from stt_ai.sources.resumable import Appender, ResumableUpload, ResumableUploads


class UploadBody(BaseModel):
    """An upload, for those who do not read headers."""

    id: str = Field(description="Send it as `upload_id` to POST /v1/transcribe or POST /v1/jobs.")
    offset: int = Field(description="Bytes that have arrived.")
    length: int = Field(description="Bytes of the whole file.")
    filename: str
    expires_at: datetime = Field(description="It is deleted then, unless more of it arrives before.")


class Owners:
    """Whose an upload is: an account's, or everybody's where there are no accounts."""

    def __init__(self, billing: BillingClient | None, config: ApiConfig) -> None:
        self._billing = billing
        self._config = config

    async def of(self, request: Request) -> str:
        """Return the caller's account. Raise `Unauthorized` without one."""
        return (await self.limits(request))[0]

    async def limits(self, request: Request) -> tuple[str, int]:
        """Return the caller's account and the largest file that it may send."""
        if self._billing is None:
            return "", self._config.max_file_bytes
        account = await self._billing.account(key_of(request))
        return account.id, min(account.max_file_bytes, self._config.max_file_bytes)


def upload_routes(uploads: ResumableUploads, owners: Owners, config: ApiConfig) -> APIRouter:
    """Return the routes of resumable uploads."""
    router = APIRouter(prefix="/v1/uploads", dependencies=[KEY])
    _add_creation(router, uploads, owners)
    _add_transfer(router, uploads, owners, config)
    return router


def _add_creation(router: APIRouter, uploads: ResumableUploads, owners: Owners) -> None:
    @router.post(
        "",
        status_code=201,
        summary="Begin a resumable upload",
        responses=failures(400, 401, 412, 413, 429, 500, 503),
        openapi_extra=_headers("Tus-Resumable", "Upload-Length", optional=("Upload-Metadata",)),
    )
    async def create_upload(request: Request) -> UploadBody:
        """By the protocol tus 1.0.0, for which there are clients in every language; `Location` is the upload's address.

        `Upload-Metadata` may hold its `filename`. When all is sent, name it as `upload_id` where a `file` is taken.
        """
        protocol.require_version(request.headers)
        owner, max_bytes = await owners.limits(request)
        length = protocol.number(request.headers, "Upload-Length")
        if not length:
            raise EmptyFile("The file is empty. Check that it was saved or downloaded whole.")
        if length > max_bytes:
            raise FileTooLarge(f"The file is larger than the {max_bytes / 1e6:g} MB that you may send.")
        name = protocol.filename(request.headers)
        made = await uploads.create(owner, length, name)
        headers = protocol.state(made) | {"Location": f"{request.url.path}/{made.description.id}"}
        return JSONResponse(_body(made), 201, headers)  # type: ignore[return-value]

    @router.get("/{upload_id}", summary="Get an upload", responses=failures(401, 404, 500, 503))
    async def get_upload(request: Request, upload_id: str) -> UploadBody:
        """HEAD gives the same in headers: `Upload-Offset` of `Upload-Length`."""
        found = await uploads.find(await owners.of(request), upload_id)
        return JSONResponse(_body(found), 200, protocol.state(found))  # type: ignore[return-value]


def _add_transfer(router: APIRouter, uploads: ResumableUploads, owners: Owners, config: ApiConfig) -> None:
    @router.patch(
        "/{upload_id}",
        status_code=204,
        response_class=Response,
        summary="Send the next bytes",
        responses=failures(400, 401, 404, 409, 412, 413, 415, 460, 500, 503),
        openapi_extra=_headers("Tus-Resumable", "Upload-Offset", optional=("Upload-Checksum",))
        | {"requestBody": {"content": {protocol.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def append_to_upload(request: Request, upload_id: str) -> Response:
        """From `Upload-Offset` on. When the connection breaks, what came stays: ask for the offset and go on.

        With `Upload-Checksum` a piece stays only if it came whole and is right.
        """
        protocol.require_version(request.headers)
        protocol.require_content_type(request.headers)
        owner, checksum = await owners.of(request), protocol.Checksum.of(request.headers)
        offset = protocol.number(request.headers, "Upload-Offset")
        async with uploads.appending(owner, upload_id, offset, checksum.algorithm) as appender:
            await _receive(request, config, appender, checksum)
        return Response(status_code=204, headers=protocol.state(await uploads.find(owner, upload_id)))

    @router.delete(
        "/{upload_id}",
        status_code=204,
        response_class=Response,
        summary="Delete an upload",
        responses=failures(401, 404, 412, 500, 503),
        openapi_extra=_headers("Tus-Resumable"),
    )
    async def delete_upload(request: Request, upload_id: str) -> Response:
        """It is gone at once."""
        protocol.require_version(request.headers)
        await uploads.delete(await owners.of(request), upload_id)
        return Response(status_code=204, headers={"Tus-Resumable": protocol.VERSION})


async def _receive(request: Request, config: ApiConfig, appender: Appender, checksum: protocol.Checksum) -> None:
    """Write the body. What has come when it breaks off stays, unless there is a checksum to hold it against."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and len(length) < 20 and int(length) > appender.room:
        raise _too_much()
    try:
        async for data in timely_body(request, config.upload_idle_timeout, config.min_upload_rate):
            if len(data) > appender.room:
                raise _too_much()
            await appender.write(data)
    except BaseException:
        await (appender.take_back() if checksum.algorithm else appender.flush())
        raise
    await appender.flush()
    if checksum.algorithm and appender.digest != checksum.digest:
        await appender.take_back()
        raise ChecksumMismatch("The bytes are not those of `Upload-Checksum`. Send them again.")


def _too_much() -> BadParameter:
    return BadParameter("The body goes beyond `Upload-Length`.", "Upload-Length")


def _body(upload: ResumableUpload) -> dict[str, Any]:
    described = upload.description
    return UploadBody(
        id=described.id,
        offset=upload.offset,
        length=described.length,
        filename=described.filename,
        expires_at=datetime.fromtimestamp(upload.expires_at, UTC),
    ).model_dump(mode="json")


def _headers(*required: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return `openapi_extra` for headers that the routes read themselves."""
    names = [(name, True) for name in required] + [(name, False) for name in optional]
    return {
        "parameters": [
            {"name": name, "in": "header", "required": must, "schema": {"type": "string"}} for name, must in names
        ]
    }

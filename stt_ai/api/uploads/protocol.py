"""The headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload): what comes in them, and what goes out."""

import base64
import binascii
from dataclasses import dataclass
from email.utils import formatdate

from starlette.datastructures import Headers

from stt_ai.api.http.receiving import plain_name
from stt_ai.errors import BadParameter, UnsupportedBody, UnsupportedTusVersion
from stt_ai.sources.resumable import ResumableUpload

VERSION = "1.0.0"
CONTENT_TYPE = "application/offset+octet-stream"
CHECKSUMS = ("sha1", "sha256", "md5")
_MAX_METADATA = 8192


def capabilities(max_file_bytes: int) -> dict[str, str]:
    """Return the headers that answer OPTIONS."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": "creation,termination,expiration,checksum",
        "Tus-Max-Size": str(max_file_bytes),
        "Tus-Checksum-Algorithm": ",".join(CHECKSUMS),
    }


def require_version(headers: Headers) -> None:
    """Raise `UnsupportedTusVersion` where the caller speaks another version, or does not say which."""
    if headers.get("tus-resumable") != VERSION:
        raise UnsupportedTusVersion(f"Send the header `Tus-Resumable: {VERSION}`, which is the version spoken here.")


def require_content_type(headers: Headers) -> None:
    """Raise `UnsupportedMedia` unless the body is declared as an upload's bytes."""
    if headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise UnsupportedBody(f"Send the bytes of an upload with `Content-Type: {CONTENT_TYPE}`.")


def number(headers: Headers, name: str) -> int:
    """Return the header ``name`` as a number of bytes. Raise `BadParameter`."""
    value = headers.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise BadParameter(f"`{name}` must be a number of bytes.", name)
    return int(value)


def filename(headers: Headers) -> str:
    """Return the `filename` of `Upload-Metadata`, empty without one. Raise `BadParameter`."""
    text = headers.get("upload-metadata", "")
    if len(text) > _MAX_METADATA:
        raise BadParameter("`Upload-Metadata` is too long.", "Upload-Metadata")
    for pair in text.split(","):
        key, _, value = pair.strip().partition(" ")
        if key == "filename":
            return plain_name(_decoded(value, "Upload-Metadata").decode("utf-8", "replace"))
    return ""


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum of the caller; ``algorithm`` is empty without one."""

    algorithm: str = ""
    digest: bytes = b""

    @classmethod
    def of(cls, headers: Headers) -> "Checksum":
        """Raise `BadParameter`."""
        text = headers.get("upload-checksum", "")
        if not text:
            return cls()
        algorithm, _, value = text.partition(" ")
        if algorithm not in CHECKSUMS:
            raise BadParameter(f"`Upload-Checksum` must use one of {', '.join(CHECKSUMS)}.", "Upload-Checksum")
        return cls(algorithm, _decoded(value, "Upload-Checksum"))


def state(upload: ResumableUpload) -> dict[str, str]:
    """Return the headers that say how far an upload is."""
    return {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(upload.offset),
        "Upload-Length": str(upload.description.length),
        "Upload-Expires": formatdate(upload.expires_at, usegmt=True),
        "Cache-Control": "no-store",
    }


def _decoded(value: str, name: str) -> bytes:
    try:
        return base64.b64decode(value.strip(), validate=True)
    except binascii.Error as error:
        raise BadParameter(f"`{name}` must be encoded in base64.", name) from error

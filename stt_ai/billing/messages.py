"""Messages between the API and billing. This module imports no database."""

import gzip
from dataclasses import dataclass, field

from stt_ai.accounts import StoredResponse, WorkKind


@dataclass(frozen=True, slots=True)
class Asking:
    """One request for admission. ``lease`` is a new id of the caller's own making."""

    lease: str
    credential: str | None = field(repr=False)
    address: str = field(repr=False)
    kind: WorkKind
    request_id: str
    idempotency_key: str | None = None


def packed(response: StoredResponse) -> StoredResponse:
    """Return the response with its body compressed, before the transaction, which has to be short."""
    return StoredResponse(response.status, response.headers, gzip.compress(response.body, compresslevel=3, mtime=0))


def unpacked(response: StoredResponse) -> StoredResponse:
    """Return ``response`` with its body as it was before it was packed."""
    return StoredResponse(response.status, response.headers, gzip.decompress(response.body))

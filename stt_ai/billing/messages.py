"""What travels between the API and where the database is, in modules that bring no database along."""

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
    """With its body compressed: transcripts are text. Done before the transaction, which shall be short."""
    return StoredResponse(response.status, response.headers, gzip.compress(response.body, compresslevel=3, mtime=0))


def unpacked(response: StoredResponse) -> StoredResponse:
    """Return ``response`` with its body as it was before it was packed."""
    return StoredResponse(response.status, response.headers, gzip.decompress(response.body))

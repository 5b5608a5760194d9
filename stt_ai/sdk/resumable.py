"""A file on its way in pieces, by tus 1.0.0: what to send next, and what to do when that fails. Does no I/O.

https://tus.io/protocols/resumable-upload
"""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from stt_ai.sdk.calls import Call
from stt_ai.sdk.errors import ConnectionFailed, SttAiError, Unavailable, UploadInterrupted
from stt_ai.sdk.retries import Attempts
from stt_ai.sdk.uploads import Upload

PIECE_BYTES = 8 << 20
RESUMABLE_BYTES = 100_000_000
"""From this size on, recordings of jobs are sent in pieces unless their caller says otherwise."""
_VERSION = {"Tus-Resumable": "1.0.0"}
_RETRIED_CODES = ("offset_mismatch",)
"""The service has more of the file than was answered."""


@dataclass(frozen=True, slots=True)
class UploadState:
    """``offset`` of ``length`` bytes have arrived."""

    id: str
    offset: int
    length: int


class Transfer:
    """Ask `next_call` for what to do until it is None; report each answer, or each failure to `wait`."""

    def __init__(
        self,
        upload: Upload,
        max_retries: int,
        upload_id: str | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``upload_id``: of an earlier upload of the same file, which goes on. Raise `TypeError`."""
        if upload.size is None:
            raise TypeError("a file that is sent in pieces must be able to seek")
        self.id = upload_id
        self._upload, self._size = upload, upload.size
        self._offset: int | None = None
        self._reached = -1
        self._max_retries, self._jitter = max_retries, jitter
        self._attempts = self._new_attempts()

    def next_call(self) -> Call[UploadState] | None:
        """Return what to ask of the service, None when it has the whole file."""
        if self.id is None:
            return _begin(self._upload.name, self._size)
        if self._offset is None:
            return _look(self.id)
        if self._offset < self._size:
            return _append(self.id, self._offset, self._size, self._upload.piece(self._offset, PIECE_BYTES))
        return None

    def answered(self, state: UploadState) -> None:
        """Go on from there. Raise `ValueError` where it is the upload of another file."""
        if state.length != self._size:
            raise ValueError(f"the upload is of a file of {state.length} bytes, and this one has {self._size}")
        if state.offset > self._reached:
            self._reached, self._attempts = state.offset, self._new_attempts()
        self.id, self._offset = state.id, state.offset
        self._upload.report(state.offset)

    def wait(self, failure: SttAiError) -> float:
        """Return the seconds until the next call. Raise ``failure``, as `UploadInterrupted` if it can go on later."""
        self._offset = None
        try:
            return self._attempts.wait(failure)
        except (ConnectionFailed, Unavailable):
            if self.id is None:
                raise
            raise UploadInterrupted(failure.message, self.id) from failure

    def _new_attempts(self) -> Attempts:
        def again(failure: SttAiError) -> bool:
            return isinstance(failure, ConnectionFailed | Unavailable) or failure.code in _RETRIED_CODES

        return Attempts(self._max_retries, again, jitter=self._jitter)


def sent_in_pieces(upload: Upload, wanted: bool | None, has_key: bool) -> bool:
    """Return whether a recording is sent so; ``wanted`` None: a large one that can be."""
    if wanted is not None:
        return wanted
    return has_key and (upload.size or 0) >= RESUMABLE_BYTES


def delete(upload_id: str) -> Call[None]:
    """Return the call that deletes an upload."""
    return Call("DELETE", _path(upload_id), lambda response: None, headers=_VERSION)


def _begin(name: str, size: int) -> Call[UploadState]:
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    headers = _VERSION | {"Upload-Length": str(size), "Upload-Metadata": metadata}
    return Call("POST", "/v1/uploads", _state, headers=headers, repeatable=True)


def _look(upload_id: str) -> Call[UploadState]:
    return Call("GET", _path(upload_id), _state)


def _append(upload_id: str, offset: int, length: int, piece: bytes) -> Call[UploadState]:
    headers = _VERSION | {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}

    def arrived(response: httpx.Response) -> UploadState:
        return UploadState(upload_id, int(response.headers["upload-offset"]), length)

    return Call("PATCH", _path(upload_id), arrived, headers=headers, content=piece)


def _state(response: httpx.Response) -> UploadState:
    data = response.json()
    return UploadState(str(data["id"]), int(data["offset"]), int(data["length"]))


def _path(upload_id: str) -> str:
    return f"/v1/uploads/{quote(upload_id, safe='')}"

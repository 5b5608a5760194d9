"""The request at hand: its id and what the log will say of it, kept beside the code that serves it."""

import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass

_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class RequestRecord:
    """The record of a request while it is served, written as one log line at its end. Sizes are bytes."""

    request_id: str
    method: str = ""
    path: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    status: int = 0
    client_closed: bool = False
    audio_seconds: float | None = None
    model: str | None = None
    error: str | None = None


_current: ContextVar[RequestRecord | None] = ContextVar("stt_ai_request", default=None)


def current_record() -> RequestRecord:
    """Return the record of the request being served, or one that nobody reads outside of requests."""
    return _current.get() or RequestRecord(request_id="")


def current_request_id() -> str:
    """Return the id of the request being served, empty outside of requests."""
    record = _current.get()
    return record.request_id if record else ""


def enter(record: RequestRecord) -> None:
    """Make ``record`` the current one for this task and those that it starts."""
    _current.set(record)


def choose_request_id(offered: str | None) -> str:
    """Return the caller's own id when well formed, else a new one."""
    return offered if offered and _WELL_FORMED.fullmatch(offered) else uuid.uuid4().hex

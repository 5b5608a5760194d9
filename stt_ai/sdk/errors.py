"""What a call can fail with. All have ``message``, ``code``, ``status`` and ``request_id``.

    SttAiError
    ├── BadRequest             400  a parameter or the file is not accepted; the message says what is
    ├── AuthenticationFailed   401  no key, an unknown or a revoked one
    ├── PaymentRequired        402  the account's credits do not cover it
    ├── NotFound               404
    ├── Conflict               409  the same idempotency key is at work already
    ├── TooLarge               413
    ├── RateLimited            429  an allowance is used up, or too much runs at once; `retry_after`
    ├── Unavailable            503  may succeed after `retry_after` seconds
    ├── ServerError            500  a fault of the service's; its operators find it by the request id
    ├── ConnectionFailed            no answer came
    │   └── UploadInterrupted       the same for a file that is sent in pieces; `upload_id` goes on
    ├── JobEnded                    a job that was waited for was cancelled, or has expired
    └── StreamClosed                a live stream ended before its end; `close_code`

``code`` is stable and made for programs, such as `no_credits`; ``status`` is 0 where there was no HTTP answer.
"""

import json
from collections.abc import Mapping
from typing import Any


class SttAiError(Exception):
    """Base of all failures. ``retry_after``: seconds, None where the service says nothing of it."""

    def __init__(
        self,
        message: str,
        code: str = "",
        status: int = 0,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code, status, request_id, retry_after)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message


class BadRequest(SttAiError):
    """The request is not accepted as it is."""


class AuthenticationFailed(SttAiError):
    """The key is missing, unknown or revoked."""


class PaymentRequired(SttAiError):
    """The account's credits do not cover it."""


class NotFound(SttAiError):
    """What was asked for does not exist, or is not yours."""


class Conflict(SttAiError):
    """A request with the same idempotency key is at work."""


class TooLarge(SttAiError):
    """The file is larger than the plan allows, or its audio longer than the service takes."""


class RateLimited(SttAiError):
    """An allowance is used up, or too much runs at once."""


class Unavailable(SttAiError):
    """Nothing is wrong with the request: the same may succeed later."""


class ServerError(SttAiError):
    """The service failed."""


class ConnectionFailed(SttAiError):
    """The service was not reached, or the connection broke before the answer."""


class UploadInterrupted(ConnectionFailed):
    """A file that is sent in pieces did not arrive whole. ``upload_id``: with it only the rest is sent."""

    def __init__(self, message: str, upload_id: str) -> None:
        super().__init__(message)
        self.args = (message, upload_id)
        self.upload_id = upload_id


class JobEnded(SttAiError):
    """A job that was waited for ended without a transcript: it was cancelled, or has expired."""


class StreamClosed(SttAiError):
    """A live stream ended early. ``close_code``: the WebSocket's, 1006 where there was none."""

    def __init__(self, message: str, code: str = "", request_id: str = "", close_code: int = 1006) -> None:
        super().__init__(message, code, 0, request_id)
        self.args = (message, code, request_id, close_code)
        self.close_code = close_code


CLASSES: dict[int, type[SttAiError]] = {
    401: AuthenticationFailed,
    402: PaymentRequired,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: RateLimited,
    502: ConnectionFailed,
    503: Unavailable,
    504: ConnectionFailed,
}

CODES: dict[str, type[SttAiError]] = {
    "unauthorized": AuthenticationFailed,
    "no_credits": PaymentRequired,
    "rate_limited": RateLimited,
    "internal_error": ServerError,
    **dict.fromkeys(("unavailable", "overloaded", "storage_full", "lease_expired", "replica_lost"), Unavailable),
    **dict.fromkeys(("model_loading", "model_unavailable"), Unavailable),
    **dict.fromkeys(("file_too_large", "source_too_large", "audio_too_long"), TooLarge),
}
"""What a stream that was accepted, or a job, ends with; it has no status. All other codes blame the request."""


_NO_ROUTES = b"/-/routes"
"""What Ray Serve's proxies say in a 404 while they do not know the service yet. 500 without our form is what they say
when its connection broke."""


def from_answer(status: int, headers: Mapping[str, str], body: bytes) -> SttAiError:
    """Return the failure of an HTTP answer, also of one that a proxy gave in the service's place."""
    data = _json_object(body)
    kind = CLASSES.get(status, ServerError if status >= 500 else BadRequest)
    if not data and (status == 500 or _NO_ROUTES in body):
        kind = ConnectionFailed
    message = data.get("error")
    if not isinstance(message, str):
        message = f"The server answered {status}, not in the service's form. Is this the service's address?"
    return kind(
        message,
        str(data.get("code") or ""),
        status,
        str(data.get("request_id") or headers.get("x-request-id") or ""),
        _seconds(headers.get("retry-after")),
    )


def from_message(data: Mapping[str, Any]) -> SttAiError:
    """Return the failure that the last message of a stream or an event stream names."""
    code = str(data.get("code") or "")
    kind = CODES.get(code, BadRequest)
    return kind(str(data.get("error")), code, 0, str(data.get("request_id") or ""), _seconds(data.get("retry_after")))


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _seconds(value: Any) -> float | None:
    """A proxy may send a date instead of seconds; then nothing is known."""
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return None

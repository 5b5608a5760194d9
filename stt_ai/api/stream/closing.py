"""How a stream ends: the close codes, and the message before a close that is not the client's own wish."""

import math
from typing import Any

from stt_ai import errors
from stt_ai.api.http.context import current_request_id
from stt_ai.api.http.errors import INTERNAL, status_of

DONE = 1000

CODES: dict[type[errors.SttError], int] = {
    errors.UnsupportedEncoding: 1003,
    errors.BadRequest: 1007,
    errors.Unauthorized: 1008,
    errors.PaymentRequired: 1008,
    errors.TooManyRequests: 1008,
    errors.FrameTooLarge: 1009,
    errors.SttError: 1011,
    errors.Unavailable: 1013,
    errors.ConfigTimeout: 4000,
    errors.IdleTimeout: 4001,
    errors.SessionTooLong: 4002,
    errors.TooFast: 4003,
    errors.SlowConsumer: 4004,
}
"""RFC 6455, 7.4.1; those from 4000 on are ours. 1012 is the server's own, when it goes away."""

_AGAIN = (errors.Unavailable, errors.TooManyRequests, errors.IdleTimeout, errors.SessionTooLong, errors.InternalError)


def close_code(error: errors.SttError) -> int:
    """Return the close code of the error: that of its nearest ancestor in the table."""
    return next(CODES[cls] for cls in type(error).__mro__ if cls in CODES)


def error_message(error: errors.SttError) -> dict[str, Any]:
    """``retryable``: the same may succeed on a new connection, after `retry_after` seconds where that is said."""
    if status_of(error) == 500:
        error = INTERNAL
    message: dict[str, Any] = {
        "error": error.message,
        "code": error.code,
        "retryable": isinstance(error, _AGAIN),
        "request_id": current_request_id(),
    }
    if hasattr(error, "retry_after"):
        message["retry_after"] = max(1, math.ceil(error.retry_after))
    return message

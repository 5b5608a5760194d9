"""What both kinds of streams say to the websockets library, and what its failures mean."""

from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from stt_ai.sdk.configuration import Configuration
from stt_ai.sdk.errors import (
    Conflict,
    ConnectionFailed,
    RateLimited,
    StreamClosed,
    SttAiError,
    Unavailable,
    from_answer,
)
from stt_ai.sdk.retries import Attempts

_SILENT_S = 60.0
"""The answer to a ping waits behind the audio that the service has not come to yet."""
NETWORK = (OSError, ConnectionClosed, InvalidHandshake)
"""What the library raises when there is no connection; `TimeoutError` is an `OSError`."""


def arguments(configuration: Configuration) -> dict[str, Any]:
    """Of `connect`, in both kinds."""
    headers = configuration.headers
    return {
        "uri": configuration.stream_url,
        "user_agent_header": headers.pop("User-Agent"),
        "additional_headers": headers,
        "compression": None,  # audio does not get smaller
        "max_size": None,
        "ping_timeout": _SILENT_S,
        "close_timeout": 2,
    }


def failure_of(error: Exception, address: str) -> SttAiError:
    """With ``error`` as its cause."""
    failure: SttAiError
    if isinstance(error, InvalidStatus):
        answer = error.response
        failure = from_answer(answer.status_code, dict(lowered(answer.headers.raw_items())), bytes(answer.body or b""))
    elif isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd else 1006
        failure = StreamClosed(f"The service at {address} closed the stream early ({code}).", close_code=code)
    else:
        failure = ConnectionFailed(f"No stream can be opened at {address}: {error or type(error).__name__}")
    failure.__cause__ = error
    return failure


def lowered(items: Any) -> Any:
    """Return the headers with their names in lower case."""
    return ((name.lower(), value) for name, value in items)


def attempts(configuration: Configuration) -> Attempts:
    """At one connection after a cut; there are new ones as soon as something was transcribed."""
    return Attempts(configuration.max_retries, lambda failure: True, at_once=True)


def refused_for_good(failure: SttAiError) -> bool:
    """Whether a connection that was not accepted need not be asked for again."""
    return not isinstance(failure, Conflict | ConnectionFailed | RateLimited | StreamClosed | Unavailable)

"""What the network libraries raise, as failures of ours."""

import httpx

from stt_ai.sdk.errors import ConnectionFailed


def connection_failed(error: Exception, address: str) -> ConnectionFailed:
    """With ``error`` as its cause."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        message = f"No service answers at {address}: {_why(error)}"
    elif isinstance(error, httpx.TimeoutException):
        message = f"The service at {address} did not answer in time."
    else:
        message = f"The connection to {address} broke: {_why(error)}"
    failure = ConnectionFailed(message)
    failure.__cause__ = error
    return failure


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__

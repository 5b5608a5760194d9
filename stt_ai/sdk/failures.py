"""What the network libraries raise, as failures of ours."""

import errno
import socket

import httpx

from stt_ai.sdk.errors import ConnectionFailed


def connection_failed(error: Exception, address: str) -> ConnectionFailed:
    """With ``error`` as its cause."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        message = f"No service answers at {address}: {_advice(error, address)}"
    elif isinstance(error, httpx.TimeoutException):
        message = f"The service at {address} did not answer in time."
    else:
        message = f"The connection to {address} broke: {_why(error)}"
    failure = ConnectionFailed(message)
    failure.__cause__ = error
    return failure


def _advice(error: Exception, address: str) -> str:
    """Return what solves the usual mistakes, else what the network says."""
    if "WRONG_VERSION_NUMBER" in str(error):
        return f"it does not speak HTTPS. Try http{address.removeprefix('https')}."
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "no host has this name. Check the address."
        if isinstance(cause, ConnectionRefusedError) or getattr(cause, "errno", None) == errno.ECONNREFUSED:
            return "the connection was refused. Start the service (`make serve`), or name the address where it runs."
        cause = cause.__cause__ or cause.__context__
    if "Connection refused" in str(error) or "All connection attempts failed" in str(error):
        return "the connection was refused. Start the service (`make serve`), or name the address where it runs."
    return f"{_why(error)}."


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__

"""Errors in the form of OpenAI's API, for the routes that its clients call.

The clients read `message`, `type`, `param` and `code` of `error`; the house's own code and the request's id stand
beside it.
"""

from typing import Any

PREFIX = "/v1/audio/"

_TYPES = {401: "invalid_request_error", 402: "insufficient_quota", 429: "requests", 500: "server_error"}
_CODES = {"unauthorized": "invalid_api_key", "no_credits": "insufficient_quota", "rate_limited": "rate_limit_exceeded"}
"""OpenAI's codes where it has one for what the house's says."""


def error_body(status: int, code: str, message: str, parameter: str | None, request_id: str) -> dict[str, Any]:
    """Return an error in OpenAI's form, with the service's ``code`` and ``request_id`` beside it."""
    kind = _TYPES.get(status, "server_error" if status > 500 else "invalid_request_error")
    error = {"message": message, "type": kind, "param": parameter or None, "code": _CODES.get(code, code)}
    return {"error": error, "code": code, "request_id": request_id}

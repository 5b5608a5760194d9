"""Error responses: the one table of statuses and the one error body, except for OpenAI's routes."""

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from stt_ai import errors
from stt_ai.api.http.context import current_record, current_request_id
from stt_ai.api.openai import errors as openai_errors

logger = logging.getLogger(__name__)

STATUS: dict[type[errors.SttError], int] = {
    errors.BadRequest: 400,
    errors.Unauthorized: 401,
    errors.PaymentRequired: 402,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.StillRunning: 409,
    errors.OffsetMismatch: 409,
    errors.UnsupportedTusVersion: 412,
    errors.UnsupportedBody: 415,
    errors.ChecksumMismatch: 460,
    errors.JobEnded: 409,
    errors.JobNotDone: 409,
    errors.JobChanged: 409,
    errors.FileTooLarge: 413,
    errors.AudioTooLong: 413,
    errors.SummaryTooLong: 413,
    errors.TooManyRequests: 429,
    errors.Unavailable: 503,
    errors.AudioLost: 503,
    errors.InternalError: 500,
}

INTERNAL = errors.InternalError("Something went wrong on our side. Try again; if it stays, report the request id.")


def status_of(error: errors.SttError) -> int:
    """Return the HTTP status of a failure: that of the nearest ancestor in the table."""
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def error_response(error: errors.SttError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to a failed request, with the headers that its status asks for."""
    status = status_of(error)
    if status == 500:
        error = INTERNAL
    extra = dict(headers or {})
    if status in (409, 429, 503):
        extra["Retry-After"] = str(max(1, math.ceil(getattr(error, "retry_after", 5.0))))
    if isinstance(error, errors.TooManyRequests) and error.limit is not None:
        extra |= {
            "RateLimit-Limit": str(error.limit),
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": extra["Retry-After"],
        }
    if status == 412:
        extra["Tus-Version"] = "1.0.0"
    if status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    return envelope(status, error.code, error.message, extra, getattr(error, "parameter", None))


def envelope(
    status: int, code: str, message: str, headers: Mapping[str, str] | None = None, parameter: str | None = None
) -> Response:
    """Return an error response in the form that the route's callers expect."""
    record = current_record()
    record.error = code
    body: dict[str, Any] = {"error": message, "code": code, "request_id": current_request_id()}
    if record.path.startswith(openai_errors.PREFIX):
        body = openai_errors.error_body(status, code, message, parameter, current_request_id())
    return Response(json.dumps(body, ensure_ascii=False), status, dict(headers or {}), "application/json")


def install_error_handlers(app: FastAPI) -> None:
    """Answer for our failures and for those of the framework itself."""
    app.add_exception_handler(errors.SttError, _on_failure)
    app.add_exception_handler(HTTPException, _on_framework_failure)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)


async def _on_failure(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, errors.SttError)
    return failure_response(exc)


def failure_response(error: errors.SttError) -> Response:
    """Return the answer to a failure; what is our fault goes to the log with its causes."""
    status = status_of(error)
    if status == 500:
        logger.error("request failed: %s", error.code, exc_info=error)
    elif status > 500:
        # Many at once when there is too much to do, so a traceback only where something lies behind it.
        logger.warning("request refused: %s", error.code, exc_info=error if error.__cause__ else None)
    return error_response(error)


async def _on_disconnect(request: Request, exc: Exception) -> Response:
    """Answer a client that closed its sending side only; usually nobody reads this."""
    return error_response(errors.MalformedBody("The connection closed before the answer was ready."))


_MAX_QUOTED = 60


def _unknown_endpoint(path: str) -> str:
    before, found, _ = path.rpartition("/v1/")
    if found and before and before.isprintable() and len(before) <= _MAX_QUOTED:
        return f"Unknown endpoint: the service's address ends before /v1, so give clients one without {before}."
    return "Unknown endpoint. GET /docs lists all endpoints."


async def _on_framework_failure(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    headers = exc.headers
    if exc.status_code == 404:
        return error_response(errors.NotFound(_unknown_endpoint(request.url.path)))
    if exc.status_code == 405:
        allow = _allowed_methods(headers)
        message = f"This endpoint does not accept {request.method}; it accepts {allow}."
        return error_response(errors.MethodNotAllowed(message), {"Allow": allow})
    if exc.status_code >= 500:
        logger.error("the framework failed", exc_info=exc)
        return error_response(INTERNAL)
    status = 400 if exc.status_code == 422 else exc.status_code
    phrase = HTTPStatus(status).phrase
    return envelope(status, phrase.lower().replace(" ", "_"), f"{phrase}.", headers)


def _allowed_methods(headers: Mapping[str, str] | None) -> str:
    methods = [method.strip() for method in (headers or {}).get("Allow", "").split(",") if method.strip()]
    if "GET" in methods and "HEAD" not in methods:
        methods.append("HEAD")
    return ", ".join([*methods, "OPTIONS"])


async def _on_invalid_request(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    first: dict[str, Any] = next(iter(exc.errors()), {})
    if first.get("type") == "json_invalid":
        return error_response(errors.MalformedBody("The body is not valid JSON."))
    name = ".".join(str(part) for part in first.get("loc", ()) if part not in ("body", "query", "path", "header"))
    reason = str(first.get("msg", "not accepted")).rstrip(".")
    subject = f"`{name}`" if name else "The request"
    return error_response(errors.BadParameter(f"{subject} is not accepted: {reason}.", name))

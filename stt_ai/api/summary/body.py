"""The body of POST /v1/summarize, and every way in which it can be wrong."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from stt_ai.api.admission import IncomingRequest
from stt_ai.api.http.content_encoding import decoded
from stt_ai.api.http.query import query_fields
from stt_ai.api.http.receiving import timely_body
from stt_ai.api.services import ApiConfig
from stt_ai.api.transcription.parameters import boolean
from stt_ai.api.transcription.values import quoted
from stt_ai.errors import BadParameter, MalformedBody
from stt_ai.types import SummaryStyle

BYTES_A_CHARACTER = 12
"""The most that JSON needs for one: two escapes."""
_REST = 65_536
_IN_QUERY = frozenset({"style", "stream"})


@dataclass(frozen=True, slots=True)
class SummaryParams:
    """The fields of POST /v1/summarize."""

    text: str
    style: SummaryStyle
    stream: bool


async def read_params(request: Request, incoming: IncomingRequest, config: ApiConfig) -> SummaryParams:
    """Raise `BadRequest`s, and `ClientDisconnect`. Keys that it does not know are ignored."""
    limit = config.max_summary_characters
    max_bytes = limit * BYTES_A_CHARACTER + _REST
    if incoming.content_length is not None and incoming.content_length > max_bytes:
        raise _too_long(limit)
    data = bytearray()
    pieces = timely_body(request, config.upload_idle_timeout, config.min_upload_rate)
    async for piece in decoded(pieces, request.headers.get("content-encoding")):
        data += piece
        if len(data) > max_bytes:
            raise _too_long(limit)
    try:
        body = json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise MalformedBody('The body is not valid JSON. Send {"text": "…", "style": "brief"}.') from None
    if not isinstance(body, dict):
        raise MalformedBody('The body must be a JSON object: {"text": "…", "style": "brief"}.')
    _take_query(query_fields(request.query_params, _IN_QUERY), body)
    return SummaryParams(_text(body.get("text"), limit), _style(body.get("style")), _stream(body.get("stream")))


def _take_query(query: Mapping[str, str], body: dict[str, Any]) -> None:
    """Add to ``body`` what the address asks for. Raise `BadParameter` where the two contradict each other."""
    for name, text in query.items():
        if not text.strip():
            continue
        value = boolean(name, text) if name == "stream" else text
        if body.get(name) not in (None, value):
            raise BadParameter(
                f"`{name}` is {quoted(text)} in the address and another in the body; send it once.", name
            )
        body[name] = value


def _text(value: Any, limit: int) -> str:
    if not isinstance(value, str):
        raise BadParameter("`text` must be a string: the transcript to summarize.", "text")
    if not value.strip():
        raise BadParameter("`text` is empty: send the transcript to summarize.", "text")
    if len(value) > limit:
        raise _too_long(limit)
    if not value.isprintable() and not _is_unicode(value):
        raise BadParameter("`text` holds half of a surrogate pair, which is not a character.", "text")
    return value


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _style(value: Any) -> SummaryStyle:
    if value is None:
        return SummaryStyle.BRIEF
    try:
        return SummaryStyle(value)
    except ValueError:
        raise BadParameter(f"`style` must be one of {', '.join(SummaryStyle)}.", "style") from None


def _stream(value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise BadParameter("`stream` must be true or false.", "stream")
    return bool(value)


def _too_long(limit: int) -> BadParameter:
    return BadParameter(f"`text` is too long: at most {limit:,} characters are summarized at once.", "text")

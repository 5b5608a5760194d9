"""The parts of the OpenAPI schema that FastAPI cannot read from the code: the form, the errors, the headers."""

from typing import Any

from pydantic import BaseModel

from stt_ai.api.schemas import ErrorBody, SummaryBody, TranscriptBody
from stt_ai.api.transcription.parameters import ResponseFormat
from stt_ai.api.transcription.selection import (
    KEYWORDS,
    MAX_KEYWORD,
    MAX_KEYWORDS,
    MAX_KEYWORDS_LENGTH,
    MAX_PROMPT,
    MAX_TRACK,
)
from stt_ai.api.transcription.subtitle_parameters import RANGES
from stt_ai.captions.shapes import LINE_WIDTH, MAX_LINES
from stt_ai.ports import Catalogue
from stt_ai.sources.urls import MAX_URL
from stt_ai.types import MAX_SEPARATE_CHANNELS, MAX_SPEAKERS, SummaryStyle, Task

DESCRIPTION = (
    "Speech to text over HTTP. Send your API key as `Authorization: Bearer YOUR_API_KEY`; without one, a few "
    "transcriptions a day are free. Each started minute of audio costs one credit or one free minute; a "
    "request that fails costs nothing. "
    "`warnings` of an answer say what of the recording is missing, or that another model wrote it than was asked for. "
    "Errors of every kind are JSON: `error` says what to do, `code` is for programs, "
    "`request_id` is also in the header `X-Request-ID` of every response."
)

_WHEN = {
    400: "Missing, empty, damaged or unsupported file, or a parameter that is not accepted.",
    401: "Malformed `Authorization`, or a key that is unknown or revoked.",
    402: "No credits remaining, or fewer than this audio costs.",
    404: "Not found, or not yours.",
    409: "A request with the same `Idempotency-Key` is still running, or the upload's offset differs.",
    412: "A tus version other than the one that `Tus-Version` names.",
    413: "The file is larger, or its audio or text longer, than allowed.",
    415: "Unsupported content type.",
    429: "A limit is used up, or too many requests at once.",
    460: "The bytes do not have the checksum that was sent with them.",
    500: "Internal error.",
    503: "No capacity at the moment, or the model is not ready.",
}
_REQUEST_ID = {"X-Request-ID": {"description": "Names this request in the logs.", "schema": {"type": "string"}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
_AUTHENTICATE = {"WWW-Authenticate": {"description": "`Bearer`.", "schema": {"type": "string"}}}
_ALLOWANCE = {
    "RateLimit-Limit": {
        "description": "Your allowance: transcriptions a day without a key, minutes a month, or credits.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Remaining": {"description": "What is left of it.", "schema": {"type": "integer", "minimum": 0}},
    "RateLimit-Reset": {
        "description": "Seconds until it resets; absent with credits, which do not reset.",
        "schema": {"type": "integer", "minimum": 0},
    },
}
_REPLAYED = {
    "Idempotency-Replayed": {
        "description": "`true` if this is the stored response to an earlier request.",
        "schema": {"type": "string"},
    }
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "A unique string you generate for each request. The same request sent again with the same key gets the "
        "same response for a day, and is charged once. A response that was sent is charged even if the connection "
        "broke: with a key, send the request again."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
_LABELS = {
    "X-STT-Model": {"description": "The model that wrote the answer.", "schema": {"type": "string"}},
    "X-STT-Demo-Model": {"description": "`true` when a demo model produced part of it.", "schema": {"type": "string"}},
    "X-STT-Warnings": {
        "description": (
            "The warnings of the answer, also where its form has no place for them: a list of RFC 9651, each item a "
            "code with `start` and `end` in seconds where it concerns a part of the recording, and `message`. When "
            "there are many, those of one code are one item with their `count`. Example: "
            '`audio_missing;start=1.40;end=3.00;message="…", quiet;message="…"`.'
        ),
        "schema": {"type": "string"},
    },
}
STRICT = {
    "type": "boolean",
    "default": False,
    "description": (
        "Refuse a recording that would have warnings about its audio: 400 with the warning's `code`, and nothing is "
        "charged. Warnings about the service, such as `model_substituted`, refuse nothing."
    ),
}

URL_FIELD = {
    "type": "string",
    "format": "uri",
    "maxLength": MAX_URL,
    "description": (
        "In place of `file`: the https address of the recording, from where the service fetches it. It must be on the "
        "public internet, without a user name in it, and redirect at most three times. "
        "`source_forbidden`, `source_refused`, `source_timeout` and `source_too_large` say what went wrong."
    ),
}

UPLOAD_FIELD = {
    "type": "string",
    "description": "In place of `file`: the id of an upload of yours (POST /v1/uploads) of which all has been sent.",
}

_EVENT = {
    "description": (
        "`progress` with `done` and `total` parts of a long text, `delta` with a piece of the summary, `summary` with "
        "the whole body, or `error` with a failure's."
    ),
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["progress", "delta", "summary", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}

_TRANSCRIPT_EVENT = {
    "description": (
        "`progress` with `done` and `total` seconds of audio, `delta` with the next piece of the text, "
        "`transcript` with the whole answer (of the other formats: `content`, `model` and `warnings`), or `error` with "
        "a failure's."
    ),
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["progress", "delta", "transcript", "error"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}


_FILE_FIELD = {"type": "string", "format": "binary", "description": "Audio or video; judged by content, not by name."}
_LANGUAGE_AND_SPEAKER_FIELDS: dict[str, Any] = {
    "language": {
        "type": "string",
        "default": "auto",
        "description": (
            "An ISO 639 code or a tag for a language that GET /v1/languages lists (`es`, `spa`, `es-MX`), its "
            "English name, or auto."
        ),
        "examples": ["auto", "en", "es"],
    },
    "diarize": {"type": "boolean", "default": True, "description": "Identify speakers."},
    "speakers": {
        "type": "integer",
        "default": 0,
        "minimum": 0,
        "maximum": MAX_SPEAKERS,
        "description": "Number of speakers (0 = detect).",
    },
    "min_speakers": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_SPEAKERS,
        "description": "Detect the number of speakers, but expect at least this many.",
    },
    "max_speakers": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_SPEAKERS,
        "description": "Detect the number of speakers, but expect at most this many.",
    },
}
_STREAM_FIELD = {
    "type": "boolean",
    "default": False,
    "description": "Answer with server-sent events that show the progress and the text as it is transcribed.",
}
_SUBTITLE_FIELDS: dict[str, Any] = {
    name: {"type": "integer", "minimum": RANGES[name][0], "maximum": RANGES[name][1], "default": default}
    | {"description": f"For srt and vtt: {what}"}
    for name, default, what in (
        ("line_width", LINE_WIDTH, "maximum characters per line; Chinese, Japanese and Korean ones count as two."),
        ("lines", MAX_LINES, "maximum lines per cue."),
        ("words_per_cue", 0, "maximum words per cue; 0: as many as fit."),
    )
}
_PART_FIELDS: dict[str, Any] = {
    "task": {
        "type": "string",
        "enum": [str(task) for task in Task],
        "default": Task.TRANSCRIBE.value,
        "description": (
            "`transcribe` writes what is said in its own language, `translate` writes it in English. Not all models "
            "can translate."
        ),
    },
    "prompt": {
        "type": "string",
        "maxLength": MAX_PROMPT,
        "description": "Context before the audio: the model follows its spelling and style.",
    },
    KEYWORDS: {
        "type": "array",
        "maxItems": MAX_KEYWORDS,
        "items": {"type": "string", "minLength": 1, "maxLength": MAX_KEYWORD},
        "description": (
            f"Names and terms that may be said, at most {MAX_KEYWORDS_LENGTH} characters in all. Each is written as it "
            "is spelled here where something that sounds like it was said, and nowhere else. Separate them with "
            "commas. Parts in which something does take twice as long to transcribe."
        ),
    },
    "channels": {
        "type": "string",
        "enum": ["mix", "separate"],
        "default": "mix",
        "description": (
            "`separate` transcribes each channel by itself, as in phone calls with one person on each: segments and "
            f"words have their `channel`, and speakers are `Channel 1`, `Channel 2` up to {MAX_SEPARATE_CHANNELS}. "
            "The price is that of the recording, however many channels it has. What a channel picks up of another, at "
            "least 6 dB quieter, is muted."
        ),
    },
    "start": {
        "type": "number",
        "minimum": 0,
        "description": (
            "Second of the recording at which to begin. Only this part is charged; times are those of the recording."
        ),
    },
    "end": {"type": "number", "minimum": 0, "description": "Second of the recording at which to end."},
    "track": {
        "type": "integer",
        "minimum": 0,
        "maximum": MAX_TRACK,
        "default": 0,
        "description": "The audio track of a video, from 1; 0 takes the first with speech in it.",
    },
}


def failures(*statuses: int, shape: type[BaseModel] = ErrorBody) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route for these error statuses."""
    return {
        status: {
            "model": shape,
            "description": _WHEN[status],
            "headers": _REQUEST_ID
            | (_RETRY_AFTER if status in (409, 429, 503) else {})
            | (_AUTHENTICATE if status == 401 else {}),
        }
        for status in statuses
    }


def transcript_responses(
    statuses: tuple[int, ...] = (400, 401, 402, 409, 413, 429, 500, 503),
) -> dict[int | str, dict[str, Any]]:
    """Return what the schema says of the answers of POST /v1/transcribe."""
    text = {"schema": {"type": "string"}}
    success: dict[str, Any] = {
        "model": TranscriptBody,
        "description": "The transcript, in the format asked for.",
        "headers": _REQUEST_ID | _LABELS | _ALLOWANCE | _REPLAYED,
        "content": {
            "text/plain": text,
            "application/x-subrip": text,
            "text/vtt": text,
            "text/event-stream": {"schema": _TRANSCRIPT_EVENT},
        },
    }
    return {200: success, **failures(*statuses)}


def summary_responses() -> dict[int | str, dict[str, Any]]:
    """Return what the schema says of the answers of POST /v1/summarize."""
    success: dict[str, Any] = {
        "model": SummaryBody,
        "description": "The summary; with `stream`, as server-sent events.",
        "headers": _REQUEST_ID | _LABELS | _REPLAYED,
        "content": {"text/event-stream": {"schema": _EVENT}},
    }
    return {200: success, **failures(400, 401, 409, 413, 429, 500, 503)}


def summary_request(max_characters: int) -> dict[str, Any]:
    """`openapi_extra` of the route that reads its JSON body itself."""
    properties: dict[str, Any] = {
        "text": {
            "type": "string",
            "minLength": 1,
            "maxLength": max_characters,
            "pattern": r"\S",
            "description": "The transcript to summarize.",
        },
        "style": choice("What kind of summary.", list(SummaryStyle), SummaryStyle.BRIEF),
        "stream": {"type": "boolean", "default": False, "description": "Answer with server-sent events."},
    }
    schema = {"type": "object", "required": ["text"], "properties": properties}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "parameters": [
            IDEMPOTENCY_KEY,
            *in_query({name: field for name, field in properties.items() if name != "text"}),
        ],
    }


def transcription_form(
    catalogue: Catalogue, default_model: str, urls: bool = False, uploads: bool = False
) -> dict[str, Any]:
    """`openapi_extra` of the route that reads its multipart body itself.

    ``urls``, ``uploads``: `url`, `upload_id` may replace the file.
    """
    properties: dict[str, Any] = {
        "file": _FILE_FIELD,
        "model": choice("The model to use.", [model.id for model in catalogue.models()], default_model),
        **_LANGUAGE_AND_SPEAKER_FIELDS,
        "response_format": choice("Form of the answer.", list(ResponseFormat), "json"),
        **_SUBTITLE_FIELDS,
        **_PART_FIELDS,
        "strict": STRICT,
        "stream": _STREAM_FIELD,
    }
    schema: dict[str, Any] = {"type": "object", "required": ["file"], "properties": properties}
    replacing = ({"url": URL_FIELD} if urls else {}) | ({"upload_id": UPLOAD_FIELD} if uploads else {})
    if replacing:
        sources = [{"required": [name]} for name in ("file", *replacing)]
        schema = {"type": "object", "properties": properties | replacing, "oneOf": sources}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
        "parameters": [IDEMPOTENCY_KEY, *in_query(properties)],
    }


def in_query(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of a body, but for the file or its URL, as parameters of the query, where they may be too."""
    return [
        {"name": name, "in": "query", "required": False, "description": "As in the body.", "schema": _bare(field)}
        for name, field in properties.items()
        if field.get("format") not in ("binary", "uri")
    ]


def _bare(field: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in field.items() if key not in ("description", "default")}


def json_body(shape: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its JSON body itself, where the body may be left out."""
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": json_schema(shape)}}}}


def json_schema(shape: type[BaseModel]) -> dict[str, Any]:
    """Return the schema of ``shape`` with its parts in place: references are sought in the whole document."""
    schema = shape.model_json_schema()
    parts = schema.pop("$defs", {})

    def inlined(found: Any) -> Any:
        if isinstance(found, dict):
            part = parts.get(str(found.get("$ref", "")).removeprefix("#/$defs/"), {})
            return {key: inlined(value) for key, value in (part | found).items() if key != "$ref"}
        return [inlined(item) for item in found] if isinstance(found, list) else found

    return dict(inlined(schema))


def choice(description: str, values: list[Any], default: str) -> dict[str, Any]:
    """Return the schema of a parameter that is one of ``values``."""
    return {"type": "string", "enum": [str(value) for value in values], "default": default, "description": description}

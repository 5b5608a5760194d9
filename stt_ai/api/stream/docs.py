"""The stream in the schema and /docs. OpenAPI knows no WebSockets, so its messages are an extension."""

from typing import Any

from stt_ai.api.openapi import failures
from stt_ai.api.schemas import ErrorBody
from stt_ai.api.stream.closing import CODES

_PROTOCOL = (
    "A WebSocket. Send your key in `Authorization`; a page sends a token from `POST /v1/stream/token` as `?token=`; "
    "without either you are anonymous. Refusals come before the connection is accepted, as the responses below. "
    "Then send the config as JSON: the address takes no parameter but the token. "
    "Wait for `status` `ready`; send audio as binary messages of any size, split "
    "anywhere: 16-bit 16 kHz mono unless the config says otherwise; read partials and texts; send `action` `stop`, "
    "after which you receive the remaining text, then `is_final`, then a close with 1000. A text is never taken back, "
    "and the texts joined by spaces are the transcript; each partial replaces the one before. Audio that arrives "
    "faster than it can be transcribed is slowed down by backpressure, not dropped. Pages of any origin may connect. "
    "Each started minute of audio costs one credit or free minute, and without a key each stream counts as one of "
    "the day's; a stream without audio costs nothing. When a minute is not covered, the stream ends with that error, "
    "after the text of all the audio received. "
    "To resume after a broken connection, connect again with the `session_id` and, as `offset`, the second of the "
    "stream at which the audio that you send next begins: the `end` of the last text that you have. Texts that you "
    "missed are sent again. The server that had the stream remembers it for a while (`resumed` is true); any other "
    "starts afresh at your offset, and nothing is lost either."
)

_CONFIG = [
    ("model", "string", "the default model", "An id from GET /v1/models."),
    ("language", "string", "auto", "An ISO 639-1 code, or `auto`: detected once, then kept."),
    (
        "encoding",
        "string",
        "detected",
        "`pcm_s16le`, `mulaw`, `alaw`, or `opus` (in Ogg or WebM, from MediaRecorder). Left out: `pcm_s16le`, "
        "unless the first bytes are those of Ogg, WebM or a WAV header.",
    ),
    ("sample_rate", "integer", "16000", "8000 to 48000, mono. Not for `opus`."),
    ("interim_results", "boolean", "true", "Whether partials are sent."),
    ("endpointing", "integer or false", "500", "Milliseconds of silence that end an utterance, 10 to 10000."),
    ("utterance_end_ms", "integer", "", "1000 to 5000: sends `utterance_end` after this long without words."),
    ("vad_events", "boolean", "false", "Whether `speech_started` and `speech_stopped` are sent."),
    ("word_timestamps", "boolean", "true", "Whether texts have `words`."),
    ("prompt, hotwords", "string", "", "Context before the audio; words to expect."),
    (
        "keywords",
        "list of strings",
        "",
        "Names and terms that may be said, as in a file's `keywords[]`. Texts spell them so where they were said, and "
        "never add them elsewhere; a partial may still have them otherwise. `hotwords` is another name for it.",
    ),
    (
        "session_id, offset",
        "string, number",
        "",
        "Of a stream whose connection broke, and the second at which you resume.",
    ),
    ("last_segment_id", "integer", "", "Of the last text that you received from it."),
]
_ACTIONS = [
    ("stop", "No more audio follows. The remaining text is sent, then `is_final`."),
    (
        "finalize",
        "Ends the utterance now. The response is a text with `from_finalize`, empty if nothing was being said.",
    ),
    ("keepalive", "Keeps the stream open while you send no audio."),
    (
        "`type` instead of `action`",
        "KeepAlive, Finalize, CloseStream (as Deepgram's clients send), ForceEndpoint and Terminate (as AssemblyAI's).",
    ),
]
_MESSAGES = [
    ("status", "`ready`, with `session_id`, `resumed`, `offset` and the config in effect."),
    ("model, warnings", "With it: the model in use; warnings if it is not the one requested, or is a demo model."),
    ("partial, start, seq, stable_chars", "The utterance so far. Its first `stable_chars` characters will not change."),
    ("text, start, end, words, segment_id", "An utterance, with its times in seconds of the stream."),
    (
        "language, speech_final, from_finalize",
        "With it: `speech_final` false means that it was split, not followed by a pause.",
    ),
    ("event", "`speech_started`, `speech_stopped` (`at`), or `utterance_end` (`last_word_end`)."),
    (
        "warnings",
        "Alone: `message_ignored` answers a text message that is no action, up to ten times; then the stream ends.",
    ),
    (
        "is_final, text, duration",
        "The last message of a stream that was stopped; `text` is empty, `duration` the whole stream's seconds.",
    ),
    (
        "error, code, retryable, request_id",
        "The last message of any other stream; `session_id` and `offset` say where to resume.",
    ),
]


def _codes() -> list[tuple[str, str]]:
    named: dict[int, list[str]] = {1000: ["done"], 1012: ["the server is shutting down: connect again"]}
    for error, code in CODES.items():
        named.setdefault(code, []).append(error.code)
    return [(str(code), ", ".join(names)) for code, names in sorted(named.items())]


UPGRADE: dict[str, Any] = {
    "description": _PROTOCOL,
    "status_code": 426,
    "response_model": ErrorBody,
    "response_description": "The request is not a WebSocket handshake.",
    "responses": {101: {"description": "The connection is a WebSocket from here on."}}
    | failures(400, 401, 402, 429, 500, 503),
    "openapi_extra": {
        "parameters": [
            {
                "name": "token",
                "in": "query",
                "required": False,
                "description": "Of `POST /v1/stream/token`. A key does not belong in an address.",
                "schema": {"type": "string"},
            }
        ],
        "x-websocket": {
            "Config Type Default Meaning": _CONFIG,
            "Action Meaning": _ACTIONS,
            "Message Meaning": _MESSAGES,
            "Close Code": _codes(),
        },
    },
}
"""Of the route that answers whoever comes without an upgrade."""

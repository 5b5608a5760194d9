"""The stream as the schema and /docs tell it. OpenAPI knows no WebSockets, so its messages stand in an extension."""

from typing import Any

from stt_ai.api.openapi import failures
from stt_ai.api.schemas import ErrorBody
from stt_ai.api.stream.closing import CODES

_PROTOCOL = (
    "A WebSocket. Send your key in `Authorization`; a page takes a token of `POST /v1/stream/token` as `?token=`; "
    "without either you are anonymous. Refusals come before the connection is accepted, as the answers below. "
    "Then: send the config as JSON; wait for `status` `ready`; send audio as binary messages of any size and cut, "
    "16-bit 16 kHz mono unless the config says otherwise; read partials and texts; send `action` `stop`, after which "
    "everything is sent, then `is_final`, then the close with 1000. A text is never taken back, and the texts joined "
    "by blanks are the transcript; a partial takes the place of the one before. Audio that comes faster than it can "
    "be heard is held back by the connection, not dropped. Pages of every origin may connect. "
    "Each begun minute of audio costs a credit or a free minute, and without a key each stream is one of the day's; "
    "a stream that brought no audio costs nothing. When a minute is not covered, the stream ends with that error, "
    "once the text of all received audio is sent. "
    "To go on after a cut, connect again with the `session_id` and, as `offset`, the second at which the audio begins "
    "that you send from then on: the `end` of the last text that you have. Texts that you missed are sent again. That "
    "is remembered for a while by the server that had the stream (`resumed` true); on another one it begins afresh "
    "at your offset, which loses nothing either."
)

_CONFIG = [
    ("model", "string", "the default model", "As GET /v1/models lists them."),
    ("language", "string", "auto", "ISO 639-1 code, or `auto`: detected once, then kept."),
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
    ("utterance_end_ms", "integer", "", "1000 to 5000: an `utterance_end` after so long without words."),
    ("vad_events", "boolean", "false", "Whether `speech_started` and `speech_stopped` are sent."),
    ("word_timestamps", "boolean", "true", "Whether texts have `words`."),
    ("prompt, hotwords", "string", "", "What the model takes for said before; words that it should expect."),
    ("session_id, offset", "string, number", "", "Of a stream that was cut off, and the second where you go on."),
    ("last_segment_id", "integer", "", "Of the last text that you have of it."),
]
_ACTIONS = [
    ("stop", "No more audio comes. The remaining text is sent, then `is_final`."),
    ("finalize", "Ends the utterance now. A text with `from_finalize` answers, empty where nothing was being said."),
    ("keepalive", "Says that you are still there while you send no audio."),
    (
        "`type` instead of `action`",
        "KeepAlive, Finalize, CloseStream (as Deepgram's clients send), ForceEndpoint and Terminate (as AssemblyAI's).",
    ),
]
_MESSAGES = [
    ("status", "`ready`, with `session_id`, `resumed`, `offset` and the config in effect."),
    ("model, warnings", "With it: the model that serves; warnings where it is not the one asked for, or a demo model."),
    ("partial, start, seq, stable_chars", "What is being said. Its first `stable_chars` characters stay."),
    ("text, start, end, words, segment_id", "An utterance, with its times in seconds of the stream."),
    ("language, speech_final, from_finalize", "With it: false `speech_final` means that it was cut, not paused after."),
    ("event", "`speech_started`, `speech_stopped` (`at`), or `utterance_end` (`last_word_end`)."),
    ("warnings", "Alone: `message_ignored` answers a text that is none of the actions, up to ten times; then it ends."),
    (
        "is_final, text, duration",
        "The last message of a stream that was stopped; `text` is empty, `duration` the whole stream's seconds.",
    ),
    ("error, code, retryable, request_id", "The last one of any other; `session_id` and `offset` say where to go on."),
]


def _codes() -> list[tuple[str, str]]:
    named: dict[int, list[str]] = {1000: ["done"], 1012: ["the server goes away: connect again"]}
    for error, code in CODES.items():
        named.setdefault(code, []).append(error.code)
    return [(str(code), ", ".join(names)) for code, names in sorted(named.items())]


UPGRADE: dict[str, Any] = {
    "description": _PROTOCOL,
    "status_code": 426,
    "response_model": ErrorBody,
    "response_description": "The request is no WebSocket's.",
    "responses": {101: {"description": "The connection is a WebSocket from here on."}}
    | failures(401, 402, 429, 500, 503),
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

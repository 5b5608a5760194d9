"""The first message of a stream: JSON in, values out; whatever is wrong is named in one sentence."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stt_ai.api.transcription.parameters import known_language, known_model
from stt_ai.api.transcription.selection import keywords
from stt_ai.api.transcription.values import quoted
from stt_ai.errors import BadParameter, MalformedBody, UnsupportedEncoding
from stt_ai.ports import Catalogue
from stt_ai.streaming.config import LiveConfig

ENCODINGS = {
    **{"pcm_s16le": "pcm_s16le", "linear16": "pcm_s16le", "mulaw": "mulaw", "alaw": "alaw"},
    **{"opus": "opus", "ogg_opus": "opus", "webm_opus": "opus"},
}
"""Names that callers may use, and ours."""

DETECTED = "detected"
"""Raw samples, unless the first bytes say that they are something else."""
SAMPLE_RATES = (8_000, 48_000)
DEFAULT_RATE = 16_000
ENDPOINTING_MS = (10, 10_000)
UTTERANCE_END_MS = (1_000, 5_000)
MAX_PROMPT = 1_000
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class StreamParams:
    """A caller's parameters of a stream.

    ``encoding`` is `DETECTED` where the caller names none. ``session_id``: of a stream that was cut off and goes on
    here. ``offset``: the seconds of it at which the audio that comes now begins. ``last_segment_id``: of the last text
    that the caller has of it; -1: none.
    """

    config: LiveConfig
    encoding: str = DETECTED
    sample_rate: int = DEFAULT_RATE
    session_id: str | None = None
    offset: float = 0.0
    last_segment_id: int | None = None


def parse_json(text: str) -> dict[str, Any]:
    """Return the object that ``text`` spells. Raise `MalformedBody`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedBody("The message is not valid JSON.") from None
    if not isinstance(value, dict):
        raise MalformedBody("The message must be a JSON object.")
    return value


_ACTIONS = {
    **{"stop": "stop", "finalize": "finalize", "keepalive": "keepalive"},
    **{"closestream": "stop", "terminate": "stop", "forceendpoint": "finalize"},
}
"""What callers may write as `action` or `type`, in lower case: our names, and Deepgram's and AssemblyAI's."""


def action_of(message: Mapping[str, Any]) -> str | None:
    """Return what a message asks for: stop, finalize or keepalive. None: nothing that is known here."""
    action = message.get("action", message.get("type"))
    return _ACTIONS.get(action.lower()) if isinstance(action, str) else None


def parse_config(given: Mapping[str, Any], catalogue: Catalogue, default_model: str, max_offset: float) -> StreamParams:
    """Raise `BadParameter` or `UnsupportedEncoding`. Unknown keys are ignored; null means the default."""
    given = {key: value for key, value in given.items() if value is not None}
    model = known_model(_text(given, "model", default_model), catalogue)
    config = LiveConfig(
        model=model,
        language=known_language(_text(given, "language", "auto"), catalogue, model),
        interim_results=_boolean(given, "interim_results", True),
        endpointing_ms=_endpointing(given),
        utterance_end_ms=_whole(given, "utterance_end_ms", UTTERANCE_END_MS) if "utterance_end_ms" in given else None,
        vad_events=_boolean(given, "vad_events", False),
        word_timestamps=_boolean(given, "word_timestamps", True),
        prompt=_prompt(given),
        keywords=_keywords(given),
    )
    rate = _whole(given, "sample_rate", SAMPLE_RATES) if "sample_rate" in given else DEFAULT_RATE
    return StreamParams(config, _encoding(given), rate, *_resumed(given, max_offset))


def _resumed(given: Mapping[str, Any], max_offset: float) -> tuple[str | None, float, int | None]:
    session_id, offset = given.get("session_id"), given.get("offset", 0.0)
    if session_id is not None and not (isinstance(session_id, str) and _SESSION_ID.fullmatch(session_id)):
        raise BadParameter("`session_id` must be one that an earlier stream received in `ready`.", "session_id")
    if not _is_number(offset) or not 0 <= offset <= max_offset:
        message = f"`offset` is {_shown(offset)}; it must be seconds of the stream, from 0 to {max_offset:g}."
        raise BadParameter(message, "offset")
    last = _whole(given, "last_segment_id", (-1, 1_000_000)) if "last_segment_id" in given else None
    return session_id, float(offset), last


def _text(given: Mapping[str, Any], name: str, default: str) -> str:
    value = given.get(name, default)
    if not isinstance(value, str):
        raise BadParameter(f"`{name}` is {_shown(value)}; it must be text.", name)
    return value.strip() or default


def _boolean(given: Mapping[str, Any], name: str, default: bool) -> bool:
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise BadParameter(f"`{name}` is {_shown(value)}; it must be true or false.", name)
    return value


def _whole(given: Mapping[str, Any], name: str, bounds: tuple[int, int], more: str = "") -> int:
    value, (minimum, maximum) = given[name], bounds
    if not _is_number(value) or value != int(value) or not minimum <= value <= maximum:
        message = f"`{name}` is {_shown(value)}; it must be a whole number from {minimum} to {maximum}{more}."
        raise BadParameter(message, name)
    return int(value)


def _endpointing(given: Mapping[str, Any]) -> int | None:
    """Return the milliseconds; None for `false`. `true` means the default."""
    value = given.get("endpointing", True)
    if isinstance(value, bool):
        return LiveConfig("").endpointing_ms if value else None
    return _whole(given, "endpointing", ENDPOINTING_MS, " (milliseconds), or false")


def _prompt(given: Mapping[str, Any]) -> str:
    value = given.get("prompt", "")
    if not isinstance(value, str) or len(value) > MAX_PROMPT:
        raise BadParameter(f"`prompt` must be text of at most {MAX_PROMPT} characters.", "prompt")
    return _well_formed(value).strip()


def _keywords(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names and terms, each once; `hotwords`, as other services call them, are the same."""
    name = "keywords" if "keywords" in given else "hotwords"
    value = given.get(name, [])
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadParameter(f"`{name}` is {_shown(value)}; it must be a list of names and terms.", name)
    return keywords(_well_formed(",".join(words)), name)


def _well_formed(text: str) -> str:
    """Return the text without halves of characters, which JSON can spell."""
    return text.encode(errors="replace").decode()


def _encoding(given: Mapping[str, Any]) -> str:
    value = given.get("encoding")
    if value is None:
        return DETECTED
    if not isinstance(value, str) or value.lower() not in ENCODINGS:
        names = ", ".join(dict.fromkeys(ENCODINGS.values()))
        raise UnsupportedEncoding(f"`encoding` is {_shown(value)}; it must be one of {names} (in Ogg or WebM).")
    return ENCODINGS[value.lower()]


def _is_number(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole or (isinstance(value, float) and math.isfinite(value))


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return quoted(value) if isinstance(value, str) else json.dumps(value)[:40]

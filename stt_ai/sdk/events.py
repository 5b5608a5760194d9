"""The events of a live stream. Times are seconds of the stream, from its first sample."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stt_ai.sdk.parsing import parse
from stt_ai.sdk.results import TranscriptWarning, Word


@dataclass(frozen=True, slots=True)
class Ready:
    """The stream is accepted from ``offset`` on. Each connection has one; ``resumed``: the service knew the stream.

    ``warnings``: of the model, such as that another one serves than was asked for.
    """

    session_id: str = ""
    resumed: bool = False
    offset: float = 0.0
    model: str = ""
    language: str = "auto"
    encoding: str = ""
    sample_rate: int = 0
    demo_model: bool = False
    warnings: tuple[TranscriptWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Partial:
    """The utterance so far. Each replaces the one before; its first ``stable_chars`` characters stay."""

    text: str
    start: float = 0.0
    seq: int = 0
    stable_chars: int = 0


@dataclass(frozen=True, slots=True)
class Final:
    """One utterance, never taken back. The texts, joined by spaces, are the transcript."""

    text: str
    start: float = 0.0
    end: float = 0.0
    words: tuple[Word, ...] = ()
    segment_id: int = 0
    language: str = ""
    speech_final: bool = True
    from_finalize: bool = False


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Somebody stopped speaking."""

    at: float


@dataclass(frozen=True, slots=True)
class UtteranceEnd:
    """Nobody has spoken for `utterance_end_ms` since ``last_word_end``."""

    last_word_end: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event. ``text``: the whole transcript; ``duration``: seconds of audio."""

    text: str = ""
    duration: float = 0.0


Event = Ready | Partial | Final | SpeechStarted | SpeechStopped | UtteranceEnd | Ended

_NAMED: dict[str, type[Any]] = {
    "speech_started": SpeechStarted,
    "speech_stopped": SpeechStopped,
    "utterance_end": UtteranceEnd,
}


def read_event(data: Mapping[str, Any]) -> Event | None:
    """The event of a message. None: one that is not known here."""
    if data.get("status") == "ready":
        return parse(Ready, data)
    if data.get("is_final"):
        return parse(Ended, data)
    if "event" in data:
        kind = _NAMED.get(str(data["event"]))
        return parse(kind, data) if kind else None
    if "text" in data:
        return parse(Final, data)
    if "partial" in data:
        return parse(Partial, {**data, "text": data["partial"]})
    return None

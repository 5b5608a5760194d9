"""The events of a live session. All times are seconds of the stream, from its first sample."""

from dataclasses import dataclass

from stt_ai.types import Word


@dataclass(frozen=True, slots=True)
class Partial:
    """Text of the utterance that is being spoken. Each partial replaces the one before.

    The first ``stable_chars`` characters of ``text`` are never taken back: its `Final` begins with them. ``start`` is
    the utterance's; ``seq`` counts the session's partials.
    """

    text: str
    start: float
    seq: int
    stable_chars: int


@dataclass(frozen=True, slots=True)
class Final:
    """One utterance, never taken back. Joined by blanks, the texts are the transcript.

    ``words`` is empty when the caller asked for no word times. ``speech_final``: the speaker paused; otherwise the
    utterance was cut, for its length or by the caller. ``from_finalize``: it answers `LiveSession.finalize`; only such
    a one may have no text, when there was nothing to end.
    """

    text: str
    start: float
    end: float
    words: tuple[Word, ...]
    segment_id: int
    language: str
    speech_final: bool
    from_finalize: bool = False


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak ``at``."""

    at: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """An utterance ended: the last voice ended ``at``."""

    at: float


@dataclass(frozen=True, slots=True)
class UtteranceEnd:
    """Nobody has spoken for as long as the caller asked about since ``last_word_end``."""

    last_word_end: float


Event = Partial | Final | SpeechStarted | SpeechStopped | UtteranceEnd

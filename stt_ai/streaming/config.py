"""What a caller asks of a live session, and what the operator allows it."""

from dataclasses import dataclass

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""Of one message, beyond which nothing is received, whatever a server's settings say. Below it, a message that is too
large is answered in words."""


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """One session's wishes, checked by whoever took them from the caller. Durations are milliseconds.

    ``language`` None: the model detects it, once. ``endpointing_ms``: the silence that ends an utterance; None: only
    cuts, `LiveSession.finalize` and `LiveSession.stop` end one. ``utterance_end_ms``: the silence after which
    `UtteranceEnd` is told, None: never. ``prompt`` and ``hotwords``: what the model takes for said before.
    """

    model: str
    language: str | None = None
    interim_results: bool = True
    endpointing_ms: int | None = 500
    utterance_end_ms: int | None = None
    vad_events: bool = False
    word_timestamps: bool = True
    prompt: str = ""
    hotwords: str = ""


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """How one session is served. Durations are seconds.

    ``step_s``: of audio between two partials, longer under load up to ``longest_step_s``. ``beam_size`` is for finals;
    partials are decoded greedily. ``undecided_s``: of audio that may wait for its text before `feed` waits.
    ``events``: how many may wait for a reader before the session fails. ``patience_s``: for how long a final is tried
    again on a service that cannot take it. ``longest_lag_s``: of texts, beyond which no session is begun.
    """

    step_s: float = 0.3
    longest_step_s: float = 5.0
    beam_size: int = 1
    undecided_s: float = 60.0
    events: int = 256
    patience_s: float = 30.0
    longest_lag_s: float = 2.0

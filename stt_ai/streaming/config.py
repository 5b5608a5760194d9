"""Parameters of a live session: the caller's, and the operator's limits."""

from dataclasses import dataclass

MAX_MESSAGE_BYTES = 2 * 1024 * 1024
"""Of one message, beyond which nothing is received, whatever a server's settings say. Below it, a message that is too
large is answered in words."""


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """The caller's parameters, validated before. Durations are milliseconds.

    ``language`` None: the model detects it, once. ``endpointing_ms``: the silence that ends an utterance; None: only
    cuts, `LiveSession.finalize` and `LiveSession.stop` end one. ``utterance_end_ms``: the silence after which
    `UtteranceEnd` is emitted, None: never. ``prompt``: what the model takes for said before.
    ``keywords``: names and terms that may be said; finals have them, and partials as the model writes them.
    """

    model: str
    language: str | None = None
    interim_results: bool = True
    endpointing_ms: int | None = 500
    utterance_end_ms: int | None = None
    vad_events: bool = False
    word_timestamps: bool = True
    prompt: str = ""
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """The operator's limits for one session. Durations are seconds.

    ``partial_interval_s``: audio between two partials, under load up to ``max_partial_interval_s``. ``beam_size``: for
    finals; partials are decoded greedily. ``max_pending_audio_s``: audio that may wait for its text before `feed`
    waits. ``events``: how many may wait for a reader before the session fails. ``final_retry_s``: how long a final is
    retried on an overloaded service. ``max_lag_s``: mean latency of finals beyond which no new session is taken.
    """

    partial_interval_s: float = 0.3
    max_partial_interval_s: float = 5.0
    beam_size: int = 1
    max_pending_audio_s: float = 60.0
    events: int = 256
    final_retry_s: float = 30.0
    max_lag_s: float = 2.0

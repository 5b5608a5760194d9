"""When the text of a window is in doubt, so that it is decoded again at a higher temperature.

The defaults of `FallbackThresholds` are those of OpenAI's whisper and of faster-whisper.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from stt_ai.speech.loops import tail_loop

MIN_NO_SPEECH = 0.25
SURER_BY = 1.5
"""By how much the log-probability must be higher where no speech was detected: measured on music and noise, which
fail it, and on the faintest speech of meetings, which passes."""


@dataclass(frozen=True, slots=True)
class FallbackThresholds:
    """Thresholds beyond which a window is decoded again.

    ``compression_ratio``: text above it repeats itself. ``log_probability``: the mean over the tokens, below which the
    model guesses. ``no_speech``: the probability of no speech above which such a guess is dropped.
    """

    compression_ratio: float = 2.4
    log_probability: float = -1.0
    no_speech: float = 0.6


@dataclass(frozen=True, slots=True)
class DecodingResult:
    """One decoding of a window: text, its tokens, their mean log-probability, the probability of no speech.

    ``truncated``: it reached the limit of tokens, so its text may be incomplete.
    """

    text: str
    tokens: tuple[int, ...]
    log_probability: float
    no_speech_probability: float
    temperature: float = 0.0
    truncated: bool = False

    @property
    def compression_ratio(self) -> float:
        """Return how many times smaller zlib makes the text."""
        return compression_ratio(self.text)


def compression_ratio(text: str) -> float:
    """Return how many times smaller zlib makes the text; 0 for none. Prose stays below 2, loops go far above."""
    data = text.strip().encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def is_silence(attempt: DecodingResult, thresholds: FallbackThresholds) -> bool:
    """Return whether there is no speech: the likelier silence is, the likelier the text has to be."""
    required = thresholds.log_probability + SURER_BY * (attempt.no_speech_probability - thresholds.no_speech)
    return attempt.no_speech_probability > MIN_NO_SPEECH and attempt.log_probability < required


def repeats_itself(attempt: DecodingResult, thresholds: FallbackThresholds) -> bool:
    """Return whether the text repeats itself: throughout, or at its end."""
    return attempt.compression_ratio > thresholds.compression_ratio or tail_loop(attempt.tokens) > 0


def is_doubtful(attempt: DecodingResult, thresholds: FallbackThresholds) -> bool:
    """Return whether to decode again at a higher temperature: the text loops or is a guess, and is not silence."""
    if is_silence(attempt, thresholds):
        return False
    return repeats_itself(attempt, thresholds) or attempt.log_probability < thresholds.log_probability


def is_implausible(attempt: DecodingResult, thresholds: FallbackThresholds) -> bool:
    """Return whether the text does not end, loops, or is a guess."""
    return attempt.truncated or is_doubtful(attempt, thresholds)


def best(attempts: Sequence[DecodingResult], thresholds: FallbackThresholds) -> DecodingResult:
    """Return the last one if it is not doubtful, else the `likeliest`."""
    if not is_doubtful(attempts[-1], thresholds):
        return attempts[-1]
    return attempts[likeliest(attempts, thresholds)]


def likeliest(attempts: Sequence[DecodingResult], thresholds: FallbackThresholds) -> int:
    """Return the index of the likeliest one that does not repeat itself, else of the likeliest of all."""
    return max(
        range(len(attempts)),
        key=lambda at: (not repeats_itself(attempts[at], thresholds), attempts[at].log_probability),
    )

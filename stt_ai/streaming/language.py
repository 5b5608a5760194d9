"""The language of a live session."""

from stt_ai.speech.language import Languages

CLEAR_PROBABILITY = 0.8
"""Of the language of one utterance, or of several together."""
MIN_SECONDS = 2.0
"""Of speech that settle the language of an utterance's partials."""
MIN_SESSION_SECONDS = 2.5
"""That settle the session's. Whisper takes a language for another on shorter audio, and nobody would correct it."""


class SessionLanguage:
    """``known``: the caller's language, else that of the finals together once it is clear. Then it stays."""

    def __init__(self, asked: str | None) -> None:
        self.known = asked
        self._weights: dict[str, float] = {}
        self._seconds = 0.0

    def note_final(self, languages: Languages, seconds: float) -> None:
        """Count the languages that the model detected in an utterance of so many seconds."""
        if self.known is not None:
            return
        self._seconds += seconds
        for code, probability in languages:
            self._weights[code] = self._weights.get(code, 0.0) + probability * seconds
        likeliest = max(self._weights, key=lambda code: self._weights[code])
        if self._seconds >= MIN_SESSION_SECONDS and self._weights[likeliest] >= CLEAR_PROBABILITY * self._seconds:
            self.known = likeliest


def is_clear(probability: float, seconds: float) -> bool:
    """Return whether a language detected in the first ``seconds`` of an utterance is kept for its partials."""
    return probability >= CLEAR_PROBABILITY and seconds >= MIN_SECONDS

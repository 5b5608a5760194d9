"""The length of the encoder's input: the audio, and as much silence after it as the model needs.

OpenAI's models were trained on windows of 30 s only. Shorter ones work if enough silence follows the speech; with too
little the model does not find the end and repeats its text. So the text of a shortened window is checked
(`stt_ai.speech.fallback.FallbackThresholds`), and decoded from the whole 30 s if it is doubtful.
"""

import math
from dataclasses import dataclass

from stt_ai.engines.features import FRAMES_PER_SECOND, HOP, MAX_FRAMES

STEPS = (400, 500, 600, 700, 800, 900, 1000, 1100, 1200, 1400, 1600, 1800, 2000, 2200, 2400, 2600, MAX_FRAMES)
"""Frames of a shortened window. Few, so that batches fill. They depend on the window alone, so its batch does not
change its text."""
TRAINED_STEPS = (200, 400, 600, 800, 1200, 1600, 2000, 2400, MAX_FRAMES)
TRAINED_SILENCE_S = 1.0
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Silence:
    """Seconds of silence that must follow speech in English, and in another language.

    To detect the language English's are enough.
    """

    english: float
    other: float

    def after(self, language: str | None) -> float:
        """Return the seconds that ``language`` needs; None: to detect it."""
        return self.english if language in (ENGLISH, None) else self.other


MEASURED = {384: Silence(3.0, 8.0), 512: Silence(3.0, 8.0)}
"""By the width of the encoder: Whisper tiny and base. Languages that they know less need more."""


@dataclass(frozen=True, slots=True)
class WindowLengths:
    """``steps``: the lengths in frames that windows may have, ascending. ``silence`` follows the audio at least.

    ``guarded``: what is decoded from less than 30 s has to be checked, since the model was not trained on it.
    """

    steps: tuple[int, ...] = (MAX_FRAMES,)
    silence: Silence = Silence(0.0, 0.0)
    guarded: bool = True

    def lengths_to_try(self, samples: int, language: str | None) -> tuple[int, ...]:
        """Return the lengths at which a window of so many samples is decoded until its text is plausible, ascending.

        ``language`` None: it is to be detected at the first of them.
        """
        seconds = [self.silence.after(language)]
        if self.guarded:
            seconds += [self.silence.other, MAX_FRAMES / FRAMES_PER_SECOND]
        return tuple(sorted({self._frames(samples, silence) for silence in seconds}))

    def _frames(self, samples: int, silence: float) -> int:
        needed = math.ceil(samples / HOP) + round(silence * FRAMES_PER_SECOND)
        return next((step for step in self.steps if step >= needed), MAX_FRAMES)


FULL = WindowLengths()
TRAINED = WindowLengths(TRAINED_STEPS, Silence(TRAINED_SILENCE_S, TRAINED_SILENCE_S), guarded=False)


def lengths_of(width: int, device: str, trained_on_short: bool, silence_s: float | None) -> WindowLengths:
    """Return the lengths for a model whose encoder has so many dimensions.

    ``silence_s``: what an operator measured for this model. Without it, models that nobody measured get 30 s, and so
    do all on a GPU: it encodes 30 s in milliseconds, and lengths that differ would break its batches up.
    """
    if trained_on_short:
        return TRAINED
    if silence_s is not None:
        return WindowLengths(STEPS, Silence(silence_s, silence_s))
    measured = MEASURED.get(width) if device == "cpu" else None
    return FULL if measured is None else WindowLengths(STEPS, measured)

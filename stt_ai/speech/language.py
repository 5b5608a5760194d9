"""The language of a file, from the languages that were detected in some of its windows."""

from collections.abc import Sequence

from stt_ai.types import LanguageDetection

Languages = tuple[tuple[str, float], ...]
"""(code, probability), the likeliest first."""

CLEAR_PROBABILITY = 0.7
RIVAL_RATIO = 0.1
MAX_CANDIDATES = 3
ENOUGH_SECONDS = 10.0
ENOUGH_PROBABILITY = 0.8
SAMPLE_WINDOWS = 4


def candidates(table: Languages) -> tuple[str, ...]:
    """Return the languages that a window may be in, the likeliest first: one, unless the model is unsure."""
    top = table[0][1]
    if top >= CLEAR_PROBABILITY:
        return (table[0][0],)
    return tuple(code for code, probability in table[:MAX_CANDIDATES] if probability >= RIVAL_RATIO * top)


def is_enough(probability: float, seconds: float, windows: int) -> bool:
    """Return whether the first window, ``seconds`` long, of the file's ``windows`` determines the language.

    Whisper learnt to tell languages on windows of 30 s. Below ten seconds it may take a language for its neighbour
    (Spanish and Galician, Norwegian and Danish) with confidence; on a longer window a clear answer is right so often
    that asking again costs more than it mends. When there is but one window there is nothing else to ask.
    """
    return windows <= 1 or (seconds >= ENOUGH_SECONDS and probability >= ENOUGH_PROBABILITY)


def combine(detections: Sequence[LanguageDetection]) -> tuple[str, float]:
    """Return (code, probability) of several windows: the mean of their probabilities, weighted by duration.

    So the language that most of the speech is in wins, and no single short window, however sure, outvotes longer
    ones. Of equally likely languages the first by code is taken: the answer does not depend on the guesses' order.
    """
    ordered = sorted((g for g in detections if g.probabilities), key=lambda g: (g.seconds, g.probabilities))
    if not ordered:
        raise ValueError("no guesses to combine")
    weights = [max(detection.seconds, 1e-3) for detection in ordered]
    means: dict[str, float] = {}
    for detection, weight in zip(ordered, weights, strict=True):
        for code, probability in detection.probabilities:
            means[code] = means.get(code, 0.0) + probability * weight / sum(weights)
    return min(means.items(), key=lambda pair: (-pair[1], pair[0]))

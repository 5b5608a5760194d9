"""Word times taken back to where there is sound: aligners give each pause to the word beside it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stt_ai.types import SAMPLE_RATE, Samples, Word

FRAME = SAMPLE_RATE // 100
SHORTEST_PAUSE = 0.1
"""Seconds. Shorter silences are the closures of consonants such as p, t and k."""
SHORTEST_WORD = 0.05
LONGEST_WORD = 2.0
LONGEST_REST = 0.3
BELOW_SPEECH_DB = 35.0
ABOVE_NOISE_DB = 6.0
LEAST_CONTRAST_DB = 20.0


def trim_pauses(words: Sequence[Word], samples: Samples) -> tuple[Word, ...]:
    """The words of a window, int16 [samples], without the pauses at their beginnings and ends.

    A word before a pause that was cut short gets the rest of its sound. Words without any sound keep their times, and
    where noise hides the pauses nothing moves. No word reaches into the next.
    """
    if not words:
        return ()
    quiet = _quiet(samples)
    trimmed = [_trimmed(word, quiet) for word in words]
    nexts = [word.start for word in trimmed[1:]] + [len(samples) / SAMPLE_RATE]
    return tuple(_sounded_out(word, quiet, until) for word, until in zip(trimmed, nexts, strict=True))


def longest_unspoken(words: Sequence[Word], samples: Samples) -> float:
    """Return the most seconds of sound in a row that no word of the window covers, or that one word stretches over."""
    spoken = ~_quiet(samples)
    if not len(spoken):
        return 0.0
    rate = SAMPLE_RATE / FRAME
    for word in words:
        if word.end - word.start <= LONGEST_WORD:
            spoken[int(word.start * rate) : int(np.ceil(word.end * rate))] = False
    edges = np.flatnonzero(np.diff(np.concatenate(([False], spoken, [False]))))
    return float((edges[1::2] - edges[::2]).max(initial=0)) / rate


def _quiet(samples: Samples) -> npt.NDArray[np.bool_]:
    """bool [10 ms frames]: 35 dB below the speech and hardly above the noise. Empty where that cannot be told."""
    frames = len(samples) // FRAME
    if not frames:
        return np.zeros(0, dtype=np.bool_)
    power = np.square(samples[: frames * FRAME].reshape(frames, FRAME), dtype=np.float32).mean(axis=1)
    level = 10 * np.log10(power + 1e-2)
    noise, speech = np.percentile(level, [5, 95])
    threshold = max(speech - BELOW_SPEECH_DB, noise + ABOVE_NOISE_DB)
    if threshold > speech - LEAST_CONTRAST_DB:
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(level < threshold)


def _trimmed(word: Word, quiet: npt.NDArray[np.bool_]) -> Word:
    rate = SAMPLE_RATE / FRAME
    first = int(np.ceil(word.start * rate))
    sounding = np.flatnonzero(~quiet[first : int(word.end * rate)])
    if not len(sounding):
        return word
    start, end = (first + sounding[0]) / rate, (first + sounding[-1] + 1) / rate
    start = start if start - word.start >= SHORTEST_PAUSE else word.start
    end = min(end, word.end) if word.end - end >= SHORTEST_PAUSE else word.end
    if end - start < SHORTEST_WORD:
        return word
    return replace(word, start=float(start), end=float(end))


def _sounded_out(word: Word, quiet: npt.NDArray[np.bool_], until: float) -> Word:
    """Up to `LONGEST_REST` seconds more, as far as the sound at its end goes on."""
    rate = SAMPLE_RATE / FRAME
    last = int(word.end * rate)
    rest = quiet[last : int(min(until, word.end + LONGEST_REST) * rate)]
    if not len(rest) or rest[0]:
        return word
    sounding = int(np.argmax(rest)) if rest.any() else len(rest)
    return replace(word, end=max(word.end, (last + sounding) / rate))

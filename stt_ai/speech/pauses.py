"""Words and pauses: word times without the pauses that aligners add to them, and sound that has no words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stt_ai.types import SAMPLE_RATE, Samples, Word

FRAME = SAMPLE_RATE // 100
MIN_PAUSE = 0.1
"""Seconds. Shorter silences are the closures of consonants such as p, t and k."""
MIN_WORD = 0.05
MAX_WORD = 2.0
MAX_EXTENSION = 0.3
MIN_UNSPOKEN, MIN_UNSPOKEN_IN_NOISE = 1.0, 3.0
"""Seconds of sound between two words. Of words that are all there it is half a second at most, breath and all. Where
noise hides the pauses, all is sound."""
FEW_WORDS = 2
"""So few words between two places where words are missing belong to what is missing."""
BELOW_SPEECH_DB = 35.0
ABOVE_NOISE_DB = 6.0
MIN_CONTRAST_DB = 20.0


def trim_pauses(words: Sequence[Word], samples: Samples) -> tuple[Word, ...]:
    """Return the words of a window, int16 [samples], without the pauses at their beginnings and ends.

    A word that ends too early is extended to the end of its sound. Words without any sound keep their times, as do all
    where noise hides the pauses. No word overlaps the next.
    """
    if not words:
        return ()
    quiet = _quiet(samples)
    trimmed = [_trimmed(word, quiet) for word in words]
    nexts = [word.start for word in trimmed[1:]] + [len(samples) / SAMPLE_RATE]
    return tuple(_extended(word, quiet, until) for word, until in zip(trimmed, nexts, strict=True))


@dataclass(frozen=True, slots=True)
class Unspoken:
    """Sound without words, from ``start`` to ``end``, in seconds of a window.

    The words from ``first`` up to ``last`` lie within it. They are overlong or few, so they may be anywhere in it.
    """

    start: float
    end: float
    first: int
    last: int


def find_unspoken(words: Sequence[Word], samples: Samples, after: int = 0) -> list[Unspoken]:
    """Return where the words of a window, int16 [samples], leave out more sound than stands between words, in order.

    It is looked for after so many words. Nothing is found where no word is of a usual length.
    """
    frames = len(samples) // FRAME
    quiet = _quiet(samples)
    least = MIN_UNSPOKEN if len(quiet) else MIN_UNSPOKEN_IN_NOISE
    sums = np.concatenate(([0], np.cumsum(~quiet if len(quiet) else np.ones(frames, np.bool_))))
    usual = [at for at, word in enumerate(words) if word.end - word.start <= MAX_WORD]
    if not usual:
        return []

    def sound(start: float, end: float) -> float:
        first, last = (min(int(at * SAMPLE_RATE / FRAME), frames) for at in (start, end))
        return float(sums[max(first, last)] - sums[first]) * FRAME / SAMPLE_RATE

    starts = [0.0, *(words[at].end for at in usual)]
    ends = [*(words[at].start for at in usual), len(samples) / SAMPLE_RATE]
    firsts, lasts = [0, *(at + 1 for at in usual)], [*usual, len(words)]
    found: list[Unspoken] = []
    for start, end, first, last in zip(starts, ends, firsts, lasts, strict=True):
        if first < after or sound(start, end) < least:
            continue
        if found and first - found[-1].last <= FEW_WORDS:
            start, first = found[-1].start, found.pop().first
        found.append(Unspoken(start, end, first, last))
    return [one for one in found if len(words) > one.last - one.first]


def _quiet(samples: Samples) -> npt.NDArray[np.bool_]:
    """Return bool [10 ms frames]: 35 dB below the speech and hardly above the noise; empty if that is unclear."""
    frames = len(samples) // FRAME
    if not frames:
        return np.zeros(0, dtype=np.bool_)
    power = np.square(samples[: frames * FRAME].reshape(frames, FRAME), dtype=np.float32).mean(axis=1)
    level = 10 * np.log10(power + 1e-2)
    noise, speech = np.percentile(level, [5, 95])
    threshold = max(speech - BELOW_SPEECH_DB, noise + ABOVE_NOISE_DB)
    if threshold > speech - MIN_CONTRAST_DB:
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(level < threshold)


def _trimmed(word: Word, quiet: npt.NDArray[np.bool_]) -> Word:
    rate = SAMPLE_RATE / FRAME
    first = int(np.ceil(word.start * rate))
    sounding = np.flatnonzero(~quiet[first : int(word.end * rate)])
    if not len(sounding):
        return word
    start, end = (first + sounding[0]) / rate, (first + sounding[-1] + 1) / rate
    start = start if start - word.start >= MIN_PAUSE else word.start
    end = min(end, word.end) if word.end - end >= MIN_PAUSE else word.end
    if end - start < MIN_WORD:
        return word
    return replace(word, start=float(start), end=float(end))


def _extended(word: Word, quiet: npt.NDArray[np.bool_], until: float) -> Word:
    """Extend the word by up to `MAX_EXTENSION` seconds, as far as the sound at its end continues."""
    rate = SAMPLE_RATE / FRAME
    last = int(word.end * rate)
    rest = quiet[last : int(min(until, word.end + MAX_EXTENSION) * rate)]
    if not len(rest) or rest[0]:
        return word
    sounding = int(np.argmax(rest)) if rest.any() else len(rest)
    return replace(word, end=max(word.end, (last + sounding) / rate))

"""Phonemes of every word, as espeak-ng spells them, and roughly when each is spoken within its word."""

import re
import subprocess
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .grammar import LANGUAGES, words

VOWEL = re.compile(r"[aeiouAEIOU03@V]")
_MARKS = re.compile(r"[',%=_:;|\-!#?*]+")
_VOICES = {"en": "en-us", "es": "es-419"}


@cache
def pronunciations() -> dict[tuple[str, str], tuple[str, ...]]:
    """(language, lower-case word) -> phonemes without stress marks."""
    result = {}
    for language in LANGUAGES:
        listed = words(language)
        command = ["espeak-ng", "-q", "-x", "--sep= ", "-v", _VOICES[language]]
        text = "\n\n".join(f"{word}." for word in listed)
        output = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
        lines = [line for line in output.splitlines() if line.strip()]
        for word, line in zip(listed, lines, strict=True):
            phones = [_MARKS.sub("", phone) for phone in line.split()]
            result[language, word.lower()] = tuple(phone for phone in phones if phone)
    return result


@cache
def phoneme_ids() -> dict[str, int]:
    """Phoneme -> class; 0 is silence."""
    inventory = sorted({phone for phones in pronunciations().values() for phone in phones})
    return {phone: index + 1 for index, phone in enumerate(inventory)}


@cache
def _spread(language: str, word: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Classes of a word's phonemes and the share of the word at which each ends; vowels last longer."""
    phones = pronunciations()[language, word.lower()]
    lengths = np.array([1.6 if VOWEL.match(phone) else 1.0 for phone in phones])
    return np.array([phoneme_ids()[phone] for phone in phones]), np.cumsum(lengths) / lengths.sum()


def phonemes_over(language: str, word: str, frames: int) -> NDArray[np.int64]:
    """(frames,) classes of a word that lasts so many frames."""
    classes, ends = _spread(language, word)
    return classes[np.searchsorted(ends, (np.arange(frames) + 0.5) / max(1, frames)).clip(max=len(classes) - 1)]

"""Loops: an n-gram that a model writes again and again where it has nothing to say."""

import unicodedata
from collections.abc import Hashable, Sequence
from typing import TypeVar

from stt_ai.types import Word

Unit = TypeVar("Unit", bound=Hashable)


def tail_loop(units: Sequence[Hashable], *, max_length: int = 30) -> int:
    """Return the length of the n-gram that the sequence ends with again and again; 0 if there is none.

    People say "no no no" and "two two two four", so short n-grams must repeat more often to count as a loop.
    """
    for size in range(1, min(max_length, len(units) // 3) + 1):
        if _repeats(units, len(units) - size, size) >= _min_repetitions(size):
            return size
    return 0


def without_tail_loop(units: Sequence[Unit]) -> Sequence[Unit]:
    """Return the sequence with the loop at its end, as `tail_loop` finds it, reduced to one n-gram."""
    size = tail_loop(units)
    if not size:
        return units
    times = _repeats(units, len(units) - size, size)
    return units[: len(units) - size * (times - 1)]


_MIN_WORD_S = 0.1
"""Mean duration of a word in the fastest speech."""


def _min_repetitions(size: int) -> int:
    """Return how many repetitions make a loop: 8 of single words, 5 of pairs, 4 of longer n-grams."""
    return {1: 8, 2: 5}.get(size, 4)


def _repeats(units: Sequence[Hashable], start: int, size: int) -> int:
    """Return how many times units[start:start+size] stands in a row, counted backwards from ``start``."""
    gram, count = units[start : start + size], 1
    while start - size >= 0 and units[start - size : start] == gram:
        start, count = start - size, count + 1
    return count


def collapse_loops(words: Sequence[Word], *, truncated: bool = False, max_length: int = 15) -> tuple[Word, ...]:
    """Return the words with each loop, wherever it is, reduced to one n-gram. What people do repeat is kept.

    ``truncated``: the decoding did not end by itself, as loops do not. Otherwise repetitions are a loop only if they
    are faster than speech can be, or twice as many.
    """
    plain = [normalized(word.text) for word in words]
    kept: list[int] = []
    at = 0
    while at < len(words):
        size, times = _loop_from(plain, at, max_length)
        run = words[at : at + size * times]
        said = (
            not truncated
            and times < 2 * _min_repetitions(size)
            and run[-1].end - run[0].start >= _MIN_WORD_S * len(run)
        )
        kept.extend(range(at, at + len(run) if said else at + size))
        at += len(run)
    return tuple(words[index] for index in kept)


def _loop_from(plain: Sequence[str], at: int, max_length: int) -> tuple[int, int]:
    """Return (n, repetitions) of the shortest loop that starts here; (1, 1) if none does."""
    for size in range(1, min(max_length, (len(plain) - at) // 3) + 1):
        gram, times = plain[at : at + size], 1
        while plain[at + times * size : at + (times + 1) * size] == gram:
            times += 1
        if times >= _min_repetitions(size):
            return size, times
    return 1, 1


def normalized(text: str) -> str:
    """Return the text in lower case without accents and punctuation, to compare words; bare punctuation is kept."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(" " if unicodedata.category(c)[0] in "PSZ" else c for c in folded if not unicodedata.combining(c))
    return " ".join(kept.split()) or text.strip()

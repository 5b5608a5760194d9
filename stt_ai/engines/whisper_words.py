"""Decoded tokens and their alignment -> words with times and confidences."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from stt_ai.types import TokenizedWord, Word

SECONDS_PER_POSITION = 0.02
OPENERS = "\"'“¿¡([{-"
CLOSERS = "\"'.。,，!！?？:：”)]}、…"
SENTENCE_ENDS = ".。!！?？"
UNSPACED = frozenset({"zh", "ja", "th", "lo", "my", "yue"})

SplitTokens = Callable[[list[int]], tuple[list[str], list[list[int]]]]


@dataclass(slots=True)
class _Unit:
    """A piece of text with its time in seconds, its tokens and their probabilities, before it is a word."""

    text: str
    tokens: list[int]
    start: float = 0.0
    end: float = 0.0
    probabilities: list[float] = field(default_factory=list)

    @property
    def duration(self) -> float:
        return self.end - self.start


def words_of(
    tokens: Sequence[int], end_token: int, split: SplitTokens, alignment: Any, language: str, duration: float
) -> tuple[Word, ...]:
    """Return the words of one window, with ascending times in [0, ``duration``] seconds.

    ``split`` cuts tokens into words, ``alignment`` is CTranslate2's for ``tokens``: pairs (token, position of 20 ms)
    and a probability for each token.
    """
    texts, parts = split([*tokens, end_token])
    starts = _starts(alignment.alignments, len(tokens), duration)
    units: list[_Unit] = []
    at = 0
    for text, part in zip(texts[:-1], parts[:-1], strict=True):
        after = at + len(part)
        units.append(_Unit(text, part, starts[at], starts[after], list(alignment.text_token_probs[at:after])))
        at = after
    if not units:
        return ()
    _shorten(units)
    return tuple(_clamped(_merge(units, spaced=language not in UNSPACED), duration))


def tokenized_words_of(
    tokens: Sequence[int], end_token: int, split: SplitTokens, language: str
) -> tuple[TokenizedWord, ...]:
    """Return the same words without times, but with their tokens: for text that will be continued."""
    texts, parts = split([*tokens, end_token])
    units = [_Unit(text, part) for text, part in zip(texts[:-1], parts[:-1], strict=True)]
    return tuple(
        TokenizedWord(unit.text, tuple(unit.tokens)) for unit in _merge(units, spaced=language not in UNSPACED)
    )


@dataclass(frozen=True, slots=True)
class Unaligned:
    """Stands for CTranslate2's alignment where none is made: words are spread evenly, each token as likely."""

    text_token_probs: Sequence[float]
    alignments: tuple[tuple[int, int], ...] = ()


def _starts(pairs: Sequence[tuple[int, int]], tokens: int, duration: float) -> list[float]:
    """Return the start of each token and of the end token, in seconds; evenly spread where the aligner failed."""
    first: dict[int, int] = {}
    for token, position in pairs:
        first.setdefault(token, position)
    if len(first) <= tokens:
        return [duration * index / max(tokens, 1) for index in range(tokens + 1)]
    return [first[index] * SECONDS_PER_POSITION for index in range(tokens + 1)]


def _shorten(units: list[_Unit]) -> None:
    """Shorten words beside a pause, which the aligner adds to them, to twice the median word."""
    durations = [unit.duration for unit in units if unit.duration > 0]
    if not durations:
        return
    middle = min(0.7, median(durations))
    max_length = 2 * middle
    for before, unit in itertools.pairwise(units):
        if unit.duration > max_length:
            if unit.text in SENTENCE_ENDS:
                unit.end = unit.start + max_length
            elif before.text in SENTENCE_ENDS:
                unit.start = unit.end - max_length
    first = units[0]
    if first.end > 4 * middle and first.duration > max_length:
        first.start = max(0.0, first.end - max_length)


def _merge(units: Sequence[_Unit], *, spaced: bool) -> list[_Unit]:
    """Join punctuation to its word: openers to the next one, all without a blank before it to the previous one.

    Where words are written apart, "3" ".5" and "twenty" "-one" are one word as well.
    """
    words: list[_Unit] = []
    for unit in units:
        before = words[-1] if words else None
        if before is None:
            words.append(unit)
        elif before.text.strip() in OPENERS and before.text[:1] == " ":
            _join(before, unit, start=unit.start)
        elif unit.text[:1] != " " and (spaced or unit.text.strip() in CLOSERS):
            _join(before, unit, start=before.start)
        else:
            words.append(unit)
    return words


def _join(before: _Unit, unit: _Unit, *, start: float) -> None:
    """Append ``unit``. Punctuation is not spoken: it adds its text and probability, but no time."""
    spoken = any(c.isalnum() for c in unit.text)
    before.text += unit.text
    before.tokens = before.tokens + unit.tokens
    before.start = start
    before.end = unit.end if spoken else before.end
    before.probabilities = before.probabilities + unit.probabilities


def _clamped(units: Sequence[_Unit], duration: float) -> list[Word]:
    words: list[Word] = []
    floor = 0.0
    for unit in units:
        if not unit.text.strip():
            continue
        start = min(max(unit.start, floor), duration)
        end = min(max(unit.end, start), duration)
        logs = [math.log(max(p, 1e-10)) for p in unit.probabilities]
        confidence = min(1.0, math.exp(sum(logs) / len(logs))) if logs else 0.0
        words.append(Word(unit.text, start, end, confidence, len(logs)))
        floor = start
    return words

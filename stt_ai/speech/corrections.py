"""A segment as a person corrected its text, each word timed by those in whose place it stands.

The old text and the new one are aligned by difflib (Ratcliff and Metzener, "Pattern matching: the gestalt approach",
1988), in words, or in characters where a script sets no blanks. What is in both keeps its times and confidence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise

from stt_ai.captions.scripts import may_break
from stt_ai.types import Segment, Word


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is aligned: ``text`` from the character at ``begin`` on. ``spaced``: a blank stands before it."""

    text: str
    begin: int
    spaced: bool

    @property
    def end(self) -> int:
        return self.begin + len(self.text)

    @property
    def key(self) -> tuple[str, bool]:
        return self.text, self.spaced


def with_text(segment: Segment, text: str) -> Segment:
    """Return ``segment`` with the words of ``text``; without any words where that is blank.

    Words that replace others share the time of these by their lengths, with confidence 1. A word that was added shares
    the time of the one before it, or of the one after it at the beginning. ``segment`` has words.
    """
    spelled = "".join(word.text for word in segment.words)
    if text.split() == spelled.split():
        return segment
    old, new = _units(spelled), _units(text)
    model = segment.words[0]
    words: list[Word] = []
    added: list[Word] = []
    matcher = SequenceMatcher(None, [unit.key for unit in old], [unit.key for unit in new], autojunk=False)
    for kind, first, last, begin, end in matcher.get_opcodes():
        if kind == "equal":
            kept = list(_kept(segment.words, old[first].begin, old[last - 1].end, new[begin].spaced))
            words += _spread([*added, kept[0]], kept[0]) + kept[1:]
            added = []
            continue
        made = [replace(model, text=one, confidence=1.0, tokens=1) for one in _joined(new[begin:end])]
        if kind == "replace":
            (replaced,) = _spread([model], *_kept(segment.words, old[first].begin, old[last - 1].end, True))
            words += _spread(made, replaced)
        elif words:
            words[-1:] = _spread([words[-1], *made], words[-1])
        else:
            added = made
    if words:
        blank = spelled[: len(spelled) - len(spelled.lstrip())]
        words[0] = replace(words[0], text=blank + words[0].word)
    return replace(segment, words=tuple(words))


def _units(text: str) -> list[_Unit]:
    units, place = [], 0
    for chunk in text.split():
        place = text.index(chunk, place)
        cuts = [0, *(at for at in range(1, len(chunk)) if may_break(chunk, at)), len(chunk)]
        units += [_Unit(chunk[a:b], place + a, a == 0) for a, b in pairwise(cuts)]
        place += len(chunk)
    return units


def _joined(units: Sequence[_Unit]) -> list[str]:
    """Return the words that ``units`` make, each with the blank before it."""
    words: list[str] = []
    for unit in units:
        if unit.spaced or not words:
            words.append((" " if unit.spaced else "") + unit.text)
        else:
            words[-1] += unit.text
    return words


def _kept(words: Sequence[Word], begin: int, end: int, spaced: bool) -> Iterator[Word]:
    """Yield the words within the characters [begin, end) of their joined texts, cut where they lie there in part.

    ``spaced``: a blank stands before the first.
    """
    place = 0
    for word in words:
        start = place + len(word.text) - len(word.text.lstrip())
        length = len(word.word)
        a, b = max(begin - start, 0), min(end - start, length)
        place += len(word.text)
        if a >= b:
            continue
        seconds = (word.end - word.start) / length
        part = (
            word
            if (a, b) == (0, length)
            else replace(word, text=word.word[a:b], start=word.start + seconds * a, end=word.start + seconds * b)
        )
        blank = spaced if begin >= start else word.text[0].isspace()
        yield replace(part, text=(" " if blank else "") + part.word)


def _spread(words: Sequence[Word], *over: Word) -> list[Word]:
    """Return ``words`` over the time of the words ``over``, each as long as its share of the letters."""
    start, end = over[0].start, max(word.end for word in over)
    letters = [sum(len(word.word) for word in words[:count]) for count in range(len(words) + 1)]
    times = [start + (end - start) * share / letters[-1] for share in letters]
    times[-1] = end
    return [replace(word, start=a, end=b) for word, (a, b) in zip(words, pairwise(times), strict=True)]

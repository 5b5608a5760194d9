"""The words of a file -> segments that read well: whole sentences, cut at pauses, none too long."""

from collections.abc import Sequence
from dataclasses import replace

from stt_ai.types import Segment, Word

SENTENCE_ENDS = ".?!…。！？"
CLAUSE_ENDS = ",;:،、，；："
CLOSERS = "\"'”’»)]}」』"
PAUSE = 1.0
MAX_SECONDS = 30.0
MAX_CHARACTERS = 200


def split(
    words: Sequence[Word],
    duration: float,
    *,
    pause: float = PAUSE,
    max_seconds: float = MAX_SECONDS,
    max_characters: int = MAX_CHARACTERS,
) -> tuple[Segment, ...]:
    """Cut after sentence ends, at pauses of ``pause`` seconds, where the speaker changes, and where it gets too long.

    Each word lies in one segment, in order. Times are kept in [0, ``duration``] seconds and never run backwards.
    """
    segments: list[Segment] = []
    for run in _runs(in_order(words, duration), pause):
        while run:
            cut = _fitting(run, max_seconds, max_characters)
            segments.append(Segment(tuple(run[:cut]), run[0].speaker))
            run = run[cut:]
    return tuple(segments)


def in_order(words: Sequence[Word], duration: float) -> list[Word]:
    """Return the words with times inside [0, ``duration``] that never run backwards, and without empty ones."""
    ordered: list[Word] = []
    floor = 0.0
    for word in words:
        if word.word:
            start = min(max(word.start, floor), max(duration, 0.0))
            ordered.append(replace(word, start=start, end=min(max(word.end, start), max(duration, 0.0))))
            floor = start
    return ordered


def ends_sentence(text: str) -> bool:
    """Return whether ``text`` ends a sentence; quotes and brackets after the mark do not matter."""
    return text.rstrip().rstrip(CLOSERS).endswith(tuple(SENTENCE_ENDS))


def _runs(words: Sequence[Word], pause: float) -> list[list[Word]]:
    runs: list[list[Word]] = []
    previous: Word | None = None
    for word in words:
        new = (
            previous is None
            or ends_sentence(previous.text)
            or word.start - previous.end >= pause
            or word.speaker != previous.speaker
        )
        if new:
            runs.append([])
        runs[-1].append(word)
        previous = word
    return runs


def _fitting(run: Sequence[Word], max_seconds: float, max_characters: int) -> int:
    """Return how many words a segment takes: all, else up to the last comma or longest gap in its later half."""
    fit, characters = 0, 0
    for word in run:
        characters += len(word.text)
        if fit and (word.end - run[0].start > max_seconds or characters > max_characters):
            break
        fit += 1
    if fit == len(run):
        return fit
    later = range(max(1, fit // 2), fit + 1)
    clauses = [n for n in later if run[n - 1].text.rstrip().endswith(tuple(CLAUSE_ENDS))]
    return clauses[-1] if clauses else max(later, key=lambda n: (run[n].start - run[n - 1].end, n))

"""Time to read subtitles whose words have none: models give some words no duration, and at worst a run of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from stt_ai.captions.scripts import cells

CELLS_A_SECOND = 25.0
"""The fastest that adults are expected to read; broadcasters' guides say 17 to 20."""
MIN_RUN_SECONDS = 1.0
"""Of reading: a shorter run of words without duration takes no time from its neighbors."""
INSTANT_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Token:
    """Text that no line break divides. ``spaced``: a blank stands before it. Times are seconds."""

    text: str
    spaced: bool
    start: float
    end: float


def reading_seconds(width: int) -> float:
    """Return the seconds in which text of this width can be read."""
    return width / CELLS_A_SECOND


def spread(tokens: Sequence[Token], until: float) -> list[Token]:
    """Return the tokens with times for those that are all said at one instant.

    They take the time to read them from what follows until the next token, or until ``until`` seconds, and what is
    missing from the silence before.
    """
    paced: list[Token] = []
    first = 0
    while first < len(tokens):
        last = first
        while last + 1 < len(tokens) and tokens[last + 1].end - tokens[first].start < INSTANT_SECONDS:
            last += 1
        run = tokens[first : last + 1]
        following = tokens[last + 1].start if last + 1 < len(tokens) else until
        paced.extend(_paced(run, paced[-1].end if paced else 0.0, following))
        first = last + 1
    return paced


def _paced(run: Sequence[Token], earliest: float, latest: float) -> Sequence[Token]:
    width = sum(cells(token.text) for token in run)
    needed = reading_seconds(width)
    start, end = run[0].start, run[-1].end
    if end - start >= INSTANT_SECONDS or needed < MIN_RUN_SECONDS:
        return run
    end = max(end, min(start + needed, latest))
    start = min(start, max(earliest, end - needed))
    paced, done = [], 0
    for token in run:
        begin = start + (end - start) * done / width
        done += cells(token.text)
        paced.append(replace(token, start=begin, end=start + (end - start) * done / width))
    return paced

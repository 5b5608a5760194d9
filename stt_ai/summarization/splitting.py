"""Cuts texts into parts of so many tokens, and puts summaries of parts together again."""

import re
from collections.abc import Callable, Iterator, Sequence

# From the first mark of a run only: a search from each of them takes the square of the run's length.
_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'»”’)\]]*\s+|[。！？]+\s*|\n\s*")
_TURN = re.compile(r"[^\n]*(?:\n\s*|$)")

Count = Callable[[str], int]


def split(text: str, count: Count, limit: int) -> Iterator[str]:
    """Yield ``text`` in parts of at most ``limit`` tokens, cut between turns, else sentences, else words."""
    limit = max(1, limit)
    part, size = "", 0
    for unit in _units(text, count, limit):
        tokens = count(unit)
        if part and size + tokens > limit:
            yield part
            part, size = "", 0
        part, size = part + unit, size + tokens
    yield part


def grouped(texts: Sequence[str], count: Count, limit: int) -> list[str]:
    """Return fewer texts than there were: neighbors joined, as many as ``limit`` tokens hold, else in pairs."""
    groups: list[list[str]] = [[]]
    size = 0
    for text in texts:
        tokens = count(text) + 1
        if groups[-1] and size + tokens > limit:
            groups.append([])
            size = 0
        groups[-1].append(text)
        size += tokens
    if 1 < len(groups) == len(texts):  # no two of them fit
        return [" ".join(texts[at : at + 2]) for at in range(0, len(texts), 2)]
    return ["\n".join(group) for group in groups]


def cut_sentences(text: str) -> Iterator[str]:
    """Yield sentences, each with the blanks behind it."""
    begin = 0
    for match in _END.finditer(text):
        yield text[begin : match.end()]
        begin = match.end()
    if begin < len(text):
        yield text[begin:]


def _units(text: str, count: Count, limit: int) -> Iterator[str]:
    """Yield turns; sentences of turns, and halves of sentences, that are too long for a part."""
    for turn in filter(None, _TURN.findall(text)):
        if count(turn) <= limit:
            yield turn
            continue
        for sentence in cut_sentences(turn):
            yield from _halved(sentence, count, limit)


def _halved(text: str, count: Count, limit: int) -> Iterator[str]:
    if len(text) < 2 or count(text) <= limit:
        yield text
        return
    middle = len(text) // 2
    blank = text.rfind(" ", 1, middle) + 1
    at = blank if blank > 1 else middle
    yield from _halved(text[:at], count, limit)
    yield from _halved(text[at:], count, limit)

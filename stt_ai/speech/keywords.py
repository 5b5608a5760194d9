"""Names and terms that a caller expects, written as the caller spells them where they were said, and nowhere else.

A window is decoded twice: plainly, and with the keywords as the prompt, which makes a model write them more often,
also where nobody said them. A keyword counts as said only where the plain decoding has nearly the same sounds at the
same place; all other text is the plain one's.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise

from stt_ai.types import Word

MIN_SIMILARITY = 0.6
"""Of what was written plainly to the keyword, from 0 to 1."""
_EXTRA_WORDS = 2
"""A name that is not known is written as so many words more, or fewer."""
_SOUNDS = (("ph", "f"), ("ck", "k"), ("qu", "kw"), ("x", "ks"), ("h", "")), str.maketrans("cqzyjwv", "kksiiff")
"""Letters that are mistaken for each other, as one."""


def keyword_prompt(keywords: Sequence[str], prompt: str) -> str:
    """Return the text that stands before a window so that the model knows the keywords."""
    return f"{', '.join(keywords)}. {prompt}".strip() if keywords else prompt


def corrected(plain: Sequence[Word], biased: Sequence[Word], keywords: Sequence[str]) -> tuple[Word, ...]:
    """Return the words of ``plain`` with the keywords of ``biased`` in the place of what sounds like them.

    Both are decodings of the same window, ``biased`` the one with the keywords as its prompt.
    """
    words = list(plain)
    for keyword in sorted(keywords, key=len, reverse=True):
        parts = keyword.split()
        for first, last in reversed(list(_candidates(words, biased, parts))):
            words[first:last] = _respelled(words[first:last], parts)
    return tuple(words)


def similarity(one: str, other: str) -> float:
    """Return how near two spellings are, by letters or by sounds: 1 less the edits for each letter of the longer."""
    pairs = ((_letters(one), _letters(other)), (_sounds(one), _sounds(other)))
    return max(1 - _distance(a, b) / max(len(a), len(b), 1) for a, b in pairs)


def _candidates(plain: Sequence[Word], biased: Sequence[Word], parts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Give the spans [first, last) of ``plain`` that are to be the keyword of these ``parts``, in order."""
    wanted, spelled = [_letters(part) for part in parts], [_letters(word.text) for word in biased]
    matcher = SequenceMatcher(None, [_letters(word.text) for word in plain], spelled, autojunk=False)
    blocks = matcher.get_opcodes()
    floor = 0
    for begin in range(len(spelled) - len(wanted) + 1):
        end = begin + len(wanted)
        if spelled[begin:end] != wanted or not any(wanted):
            continue
        low, high = _aligned(blocks, begin, end)
        span = _nearest(plain, max(low, floor), high, parts)
        if span is not None:
            floor = span[1]
            yield span


def _aligned(blocks: Sequence[tuple[str, int, int, int, int]], begin: int, end: int) -> tuple[int, int]:
    """Return the span of the plain words that lies where [begin, end) of the biased ones does."""
    low, high = -1, 0
    for kind, i1, i2, j1, j2 in blocks:
        if j2 <= begin or j1 >= end:
            continue
        exact = kind == "equal"
        first = i1 + begin - j1 if exact and begin > j1 else i1
        last = i2 - (j2 - end) if exact and end < j2 else i2
        low, high = first if low < 0 else low, last
    return max(low, 0), high


def _nearest(plain: Sequence[Word], low: int, high: int, parts: Sequence[str]) -> tuple[int, int] | None:
    best, found = MIN_SIMILARITY, None
    for first in range(low, high):
        for last in range(first + 1, min(high, first + len(parts) + _EXTRA_WORDS) + 1):
            near = similarity("".join(word.text for word in plain[first:last]), "".join(parts))
            if near >= best and (found is None or near > best):
                best, found = near, (first, last)
    return found


def _respelled(words: Sequence[Word], parts: Sequence[str]) -> list[Word]:
    """Return the ``parts`` over the time of the ``words``, with the blanks and punctuation around these."""
    before = _edge(words[0].text)
    after = _edge(words[-1].text[::-1])[::-1]
    if len(words) == len(parts):
        spans = [(word.start, word.end) for word in words]
    else:
        start, length = words[0].start, words[-1].end - words[0].start
        letters = [sum(map(len, parts[:n])) / sum(map(len, parts)) for n in range(len(parts) + 1)]
        spans = [(start + length * a, start + length * b) for a, b in pairwise(letters)]
    confidence = min(word.confidence for word in words)
    made = [
        replace(words[0], text=f" {part}", start=start, end=end, confidence=confidence)
        for part, (start, end) in zip(parts, spans, strict=True)
    ]
    made[0] = replace(made[0], text=before + parts[0])
    made[-1] = replace(made[-1], text=made[-1].text + after)
    return made


def _edge(text: str) -> str:
    """Return the blanks and punctuation that ``text`` begins with."""
    return text[: next((index for index, char in enumerate(text) if char.isalnum()), 0)]


def _letters(text: str) -> str:
    """Return the text's letters and digits, without case and accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text).casefold() if char.isalnum())


def _sounds(text: str) -> str:
    """Return `_letters` with one letter for all that sound alike, none of them twice in a row."""
    spelled = _letters(text)
    several, single = _SOUNDS
    for letters, sound in several:
        spelled = spelled.replace(letters, sound)
    spelled = spelled.translate(single)
    return "".join(char for index, char in enumerate(spelled) if not index or char != spelled[index - 1])


def _distance(one: str, other: str) -> int:
    """Return the Levenshtein distance (Levenshtein 1966), by the usual rows of the table."""
    row = list(range(len(other) + 1))
    for number, char in enumerate(one, start=1):
        above, row[0] = row[0], number
        for index, letter in enumerate(other, start=1):
            above, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, above + (char != letter))
    return row[-1]

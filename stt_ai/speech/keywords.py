"""Names and terms that a caller expects, written as the caller spells them where they were said, and nowhere else.

Audio is decoded plainly; where that has something that sounds like a keyword, once more with the keywords as the
prompt, which makes a model write them more often, also where nobody said them. A keyword counts as said only where the
plain decoding has nearly the same sounds at the same place; all other text is the plain one's.
"""

import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from stt_ai.types import DecodingOptions, WindowTranscript, Word

MIN_SIMILARITY = 0.6
"""Of what was written plainly to the keyword, from 0 to 1."""
_EXTRA_WORDS = 2
"""A name that is not known is written as so many words more, or fewer."""
_SOUNDS = (("ph", "f"), ("ck", "k"), ("qu", "kw"), ("x", "ks"), ("h", "")), str.maketrans("cqzyjwv", "kksiiff")
"""Letters that are mistaken for each other, as one."""


async def decode_with_keywords(
    decode: Callable[[DecodingOptions], Awaitable[WindowTranscript]], options: DecodingOptions, keywords: Sequence[str]
) -> WindowTranscript:
    """Return the transcript that ``decode`` gives, with the keywords where they were said."""
    plain = await decode(options)
    if not keywords or not sounds_like_any([word.text for word in plain.words], keywords):
        return plain
    prompt = keyword_prompt(keywords, options.prompt)
    biased = await decode(replace(options, prompt=prompt, language=plain.language))
    return replace(plain, words=corrected(plain.words, biased.words, keywords))


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


def sounds_like_any(texts: Sequence[str], keywords: Sequence[str]) -> bool:
    """Return whether some of these words are near enough to a keyword for `corrected` to change them."""
    return any(True for keyword in keywords for _ in _sounding_alike(texts, keyword.split()))


def settled(texts: Sequence[str], keywords: Sequence[str], before: int) -> int:
    """Return how many of these words, the first of an utterance, no keyword can replace, whatever is said next.

    ``before``: what this returned for fewer words of the same utterance.
    """
    if not keywords:
        return len(texts)
    longest = max(len(keyword.split()) for keyword in keywords) + _EXTRA_WORDS
    spans = (span for keyword in keywords for span in _sounding_alike(texts[before:], keyword.split()))
    first = min((before + first for _, first, _ in spans), default=len(texts))
    return max(before, min(first, len(texts) - longest + 1))


def similarity(one: str, other: str) -> float:
    """Return how near two spellings are, by letters or by sounds: 1 less the edits for each letter of the longer."""
    pairs = ((_letters(one), _letters(other)), (_sounds(one), _sounds(other)))
    return max(_likeness(a, b) for a, b in pairs)


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
    spans = _sounding_alike([word.text for word in plain[low:high]], parts)
    best = max(spans, key=lambda span: span[0], default=None)
    return None if best is None else (low + best[1], low + best[2])


def _sounding_alike(texts: Sequence[str], parts: Sequence[str]) -> Iterator[tuple[float, int, int]]:
    """Give the spans of words that are near enough to the keyword of these ``parts``: (similarity, first, last)."""
    keyword = "".join(parts)
    for first in range(len(texts)):
        for last in range(first + 1, min(len(texts), first + len(parts) + _EXTRA_WORDS) + 1):
            near = similarity("".join(texts[first:last]), keyword)
            if near >= MIN_SIMILARITY:
                yield near, first, last


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


@lru_cache(maxsize=4096)
def _letters(text: str) -> str:
    """Return the text's letters and digits, without case and accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text).casefold() if char.isalnum())


@lru_cache(maxsize=4096)
def _sounds(text: str) -> str:
    """Return `_letters` with one letter for all that sound alike, none of them twice in a row."""
    spelled = _letters(text)
    several, single = _SOUNDS
    for letters, sound in several:
        spelled = spelled.replace(letters, sound)
    spelled = spelled.translate(single)
    return "".join(char for index, char in enumerate(spelled) if not index or char != spelled[index - 1])


def _likeness(one: str, other: str) -> float:
    """Return 1 less the edits for each letter of the longer; 0 where the letters alone rule out `MIN_SIMILARITY`."""
    longer = max(len(one), len(other), 1)
    needed = MIN_SIMILARITY * longer
    if min(len(one), len(other)) < needed or sum(min(one.count(c), other.count(c)) for c in set(other)) < needed:
        return 0.0
    return 1 - _distance(one, other) / longer


def _distance(one: str, other: str) -> int:
    """Return the Levenshtein distance (Levenshtein 1966), by the usual rows of the table."""
    row = list(range(len(other) + 1))
    for number, char in enumerate(one, start=1):
        above, row[0] = row[0], number
        for index, letter in enumerate(other, start=1):
            above, row[index] = row[index], min(row[index] + 1, row[index - 1] + 1, above + (char != letter))
    return row[-1]

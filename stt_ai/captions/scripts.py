"""What subtitles must know of scripts: how wide a character is, and where a line may break without a blank.

The console has the same rules in `console/sdk/scripts.js`.
"""

import unicodedata

_WIDE = (
    *((0x1100, 0x115F), (0x2E80, 0x303E), (0x3041, 0x4DBF), (0x4E00, 0xA4CF), (0xA960, 0xA97F), (0xAC00, 0xD7A3)),
    *((0xF900, 0xFAFF), (0xFE30, 0xFE6F), (0xFF00, 0xFF60), (0xFFE0, 0xFFE6), (0x1F300, 0x1F64F), (0x1F680, 0x1F6FF)),
    *((0x1F900, 0x1FAFF), (0x20000, 0x3FFFD)),
)
"""Blocks of characters that take two cells of a screen (Unicode Standard Annex 11: wide and fullwidth)."""

_SPACELESS = (
    *((0x0E00, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x31FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0xFF00, 0xFFEF)),
    (0x20000, 0x3FFFF),
)
"""Scripts that set no blanks between words: Thai to Tibetan, Burmese, Khmer, kana, Chinese characters."""

_CLOSING = frozenset(".,;:!?…%)]}»”’\"'。、，！？；：」』）】〉》〕ーっッ々")
_JOINERS = "\u200d\ufe0e\ufe0f"
_STACKERS = "\u1039\u17d2"
"""The Burmese virama and the Khmer coeng: the consonant behind them is written below the one before."""
_BURMESE_FINAL = frozenset("\u103a\u1039")

# Thai. Lao has the same letters at the same places of its block.
_LAO_TO_THAI = 0x80
_DIGITS = range(0x0E50, 0x0E5A)
_LEADING_VOWELS = range(0x0E40, 0x0E45)
_CONSONANTS = range(0x0E01, 0x0E2F)
_SIGNS = frozenset([*range(0x0E2F, 0x0E3E), *range(0x0E45, 0x0E4F)])
_SECOND_OF_CLUSTER = frozenset(map(ord, "รลว"))
_SILENT_FIRST = frozenset(map(ord, "หอ"))


def cells(text: str) -> int:
    """Return how many cells of a screen ``text`` takes at most: marks count too, since not every font stacks them."""
    if text.isascii():
        return len(text)
    return sum(2 if _within(ord(char), _WIDE) else 1 for char in text)


def combines(char: str) -> bool:
    """Return whether a character belongs to the one before."""
    return char in _JOINERS or unicodedata.category(char).startswith("M")


def may_break(text: str, position: int) -> bool:
    """Return whether a line may end before ``position``, where no blank stands, without cutting a syllable."""
    before, after = text[position - 1], text[position]
    if after in _CLOSING or combines(after) or before in _STACKERS or before == "\u200d":
        return False
    if text[position + 1 : position + 2] in _BURMESE_FINAL:
        return False
    if _is_thai(before) and _is_thai(after):
        return _syllable_begins(*(_as_thai(char) for char in (before, after, text[position + 1 : position + 2])))
    return _within(ord(before), _SPACELESS) or _within(ord(after), _SPACELESS)


def _syllable_begins(before: int, after: int, following: int) -> bool:
    """Return whether a Thai syllable surely begins with ``after``: before a consonant without a vowel it may not."""
    if before in _LEADING_VOWELS:
        return False
    if after in _LEADING_VOWELS:
        return True
    if after not in _CONSONANTS:
        return after not in _SIGNS and before not in _DIGITS
    onset_goes_on = before in _CONSONANTS and (after in _SECOND_OF_CLUSTER or before in _SILENT_FIRST)
    return following in _SIGNS and not onset_goes_on


def _is_thai(char: str) -> bool:
    return 0x0E00 <= ord(char) <= 0x0EFF


def _as_thai(char: str) -> int:
    """Return the code point of a Thai character, or of the one that stands for a Lao one; 0 for no character."""
    point = ord(char) if char else 0
    return point - _LAO_TO_THAI if 0x0E80 <= point <= 0x0EFF else point


def _within(point: int, blocks: tuple[tuple[int, int], ...]) -> bool:
    return any(first <= point <= last for first, last in blocks)

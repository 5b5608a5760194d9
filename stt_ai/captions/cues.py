"""Cuts words into subtitle cues that fit a screen: what stands in a cue, on which line, and when."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from stt_ai.captions.pacing import Token, reading_seconds
from stt_ai.captions.scripts import cells, combines, may_break
from stt_ai.captions.shapes import DEFAULTS, SubtitleOptions, WordLike

MAX_SECONDS = 7.0
MIN_SECONDS = 0.2
# A cue that would be over before a player draws a frame pushes the next one back instead.
FRAME_SECONDS = 0.04
PAUSE_SECONDS = 2.0

_SENTENCE_END = tuple(".!?…。!?۔।")
_CLAUSE_END = tuple(",;:–—、，；：،")


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once: its lines, and when, in milliseconds."""

    lines: tuple[str, ...]
    start: int
    end: int
    speaker: str | None = None


def tokens_of(words: Iterable[WordLike], width: int) -> list[Token]:
    """Return the words as tokens of at most ``width`` cells; pieces without a blank between them hold together."""
    joined: list[Token] = []
    for run in _runs(piece for word in words for piece in _pieces(word)):
        text, position = "".join(piece.text for piece in run), 0
        for piece in run:
            if position and not may_break(text, position):
                last = joined[-1]
                joined[-1] = replace(last, text=last.text + piece.text, end=max(last.end, piece.end))
            else:
                joined.append(piece)
            position += len(piece.text)
    return [piece for token in joined for piece in _split_long(token, width)]


def group(tokens: Sequence[Token], prefix: int = 0, options: SubtitleOptions = DEFAULTS) -> Iterator[tuple[Token, ...]]:
    """Tokens cue by cue, cut where the sense allows; ``prefix`` cells are taken on each first line."""
    first = 0
    while first < len(tokens):
        count = _capacity(tokens, first, prefix, options)
        if first + count < len(tokens):
            count = _best_cut(tokens, first, count)
        while count > 1 and _ends_in_number(layout(tokens[first : first + count], prefix, options)):
            count -= 1
        yield tuple(tokens[first : first + count])
        first += count


def layout(tokens: Sequence[Token], prefix: int = 0, options: SubtitleOptions = DEFAULTS) -> tuple[str, ...]:
    """Return one line if they fit, else two of about the same length, or more that are as full as they can be."""
    width = options.line_width
    if prefix + _width(tokens) <= width:
        return (_spell(tokens),)

    def unevenness(cut: int) -> float:
        bonus = 8 if tokens[cut - 1].text.endswith(_SENTENCE_END + _CLAUSE_END) else 0
        return abs(prefix + _width(tokens[:cut]) - _width(tokens[cut:])) - bonus

    cuts = [
        cut for cut in range(1, len(tokens)) if prefix + _width(tokens[:cut]) <= width and _width(tokens[cut:]) <= width
    ]
    if not cuts:
        full = next((n for n in range(len(tokens) - 1, 0, -1) if prefix + _width(tokens[:n]) <= width), 1)
        return _spell(tokens[:full]), *layout(tokens[full:], 0, options)
    cut = min(cuts, key=unevenness)
    return _spell(tokens[:cut]), _spell(tokens[cut:])


def settle_times(cues: Sequence[Cue], duration: float) -> list[Cue]:
    """Return the cues with times that never overlap or run backwards, none longer than the limit or, if avoidable, too
    short to be read."""
    starts: list[int] = []
    for cue in cues:
        earliest = starts[-1] + _ms(FRAME_SECONDS) if starts else 0
        starts.append(max(cue.start, earliest))
    ends = [
        min(max(cue.end, start + _min_ms(cue)), start + _ms(MAX_SECONDS))
        for cue, start in zip(cues, starts, strict=True)
    ]
    ends = [min(end, following) for end, (_, following) in zip(ends[:-1], pairwise(starts), strict=True)] + ends[-1:]
    if ends and starts[-1] < _ms(duration):
        ends[-1] = min(ends[-1], _ms(duration))
    return [replace(cue, start=start, end=end) for cue, start, end in zip(cues, starts, ends, strict=True)]


def to_cue(tokens: Sequence[Token], speaker: str | None, prefix: int = 0, options: SubtitleOptions = DEFAULTS) -> Cue:
    """Return the tokens as one cue, its lines broken."""
    end = max(token.end for token in tokens)
    return Cue(layout(tokens, prefix, options), _ms(tokens[0].start), _ms(end), speaker)


def clean(text: str) -> str:
    """Return text on one line, without control characters or halves of surrogate pairs."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(char for char in text if char.isspace() or unicodedata.category(char) != "Cc").replace("\ufeff", "")


def _pieces(word: WordLike) -> Iterator[Token]:
    text = clean(word.text)
    parts = text.split()
    total = sum(map(len, parts))
    done = 0
    for number, part in enumerate(parts):
        start = word.start + (word.end - word.start) * done / total
        done += len(part)
        end = word.start + (word.end - word.start) * done / total
        yield Token(part, number > 0 or text[0].isspace(), start, end)


def _runs(pieces: Iterable[Token]) -> list[list[Token]]:
    """Pieces that no blank divides."""
    runs: list[list[Token]] = []
    for piece in pieces:
        if piece.spaced or not runs:
            runs.append([])
        runs[-1].append(piece)
    return runs


def _split_long(token: Token, width: int) -> Iterator[Token]:
    """Cut a token at ``width`` cells, never between a character and what combines with it."""
    text, spaced, done = token.text, token.spaced, 0
    per_character = (token.end - token.start) / len(text)
    while text:
        cut = _cut(text, width)
        start = token.start + per_character * done
        done += cut
        yield Token(text[:cut], spaced, start, token.start + per_character * done)
        text, spaced = text[cut:], False


def _cut(text: str, width: int) -> int:
    """Return how many characters of ``text`` fit a line of ``width`` cells, up to the end of a syllable if possible."""
    used = most = 0
    while most < len(text) and used + cells(text[most]) <= width:
        used += cells(text[most])
        most += 1
    if most == len(text):
        return most
    for cut in range(most, most // 2, -1):
        if may_break(text, cut):
            return cut
    for cut in range(most, 1, -1):
        if not combines(text[cut]) and text[cut - 1] != "\u200d":
            return cut
    return most


def _capacity(tokens: Sequence[Token], first: int, prefix: int, options: SubtitleOptions) -> int:
    """Return how many tokens from ``first`` on fit one cue: at least one."""
    used, line, words = prefix, 1, 0
    for index in range(first, len(tokens)):
        token = tokens[index]
        needed = cells(token.text) + (token.spaced and index > first)
        words += token.spaced or index == first
        if used + needed > options.line_width:
            used, line, needed = 0, line + 1, cells(token.text)
        too_long = token.end - tokens[first].start > MAX_SECONDS
        pause = index > first and token.start - tokens[index - 1].end >= PAUSE_SECONDS
        full = line > options.lines or 0 < options.words < words
        if index > first and (full or too_long or pause):
            return index - first
        used += needed
    return len(tokens) - first


def _best_cut(tokens: Sequence[Token], first: int, count: int) -> int:
    """Where to end a cue that could hold ``count`` tokens though more follow: full cues, ends of sentences and clauses,
    pauses; not just before a last little rest."""
    total = _width(tokens[first : first + count])
    best, best_score, used = count, float("-inf"), 0
    for taken in range(1, count + 1):
        last, following = tokens[first + taken - 1], tokens[first + taken]
        used += cells(last.text) + (last.spaced and taken > 1)
        score = used / total
        if last.text.endswith(_SENTENCE_END):
            score += 0.7
        elif last.text.endswith(_CLAUSE_END):
            score += 0.4
        score += 0.4 * min(1.0, max(0.0, following.start - last.end))
        rest = tokens[first + taken :]
        if len(rest) <= 2 and _width(rest) < 12:
            score -= 0.5
        if score >= best_score:
            best, best_score = taken, score
    return best


def _ends_in_number(lines: Sequence[str]) -> bool:
    """Return whether readers of SubRip take the last line for the number of the next cue, and leave it out."""
    return len(lines) > 1 and lines[-1].isdecimal()


def _width(tokens: Sequence[Token]) -> int:
    return sum(cells(token.text) + token.spaced for token in tokens) - (tokens[0].spaced if tokens else 0)


def _spell(tokens: Sequence[Token]) -> str:
    return "".join((" " if token.spaced else "") + token.text for token in tokens).strip()


def _min_ms(cue: Cue) -> int:
    return _ms(max(MIN_SECONDS, reading_seconds(sum(map(cells, cue.lines)))))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)

"""Commits the words of an unfinished utterance that two hypotheses, far enough apart, agree on.

After LocalAgreement-2 (Liu et al., 2020; Macháček et al., arXiv 2307.14743), with a distance: two hypotheses on nearly
the same audio agree on what is wrong as well.
"""

from collections import deque
from collections.abc import Sequence

from stt_ai.speech.keywords import settled
from stt_ai.types import SAMPLE_RATE, TokenizedWord

MIN_DISTANCE = round(1.6 * SAMPLE_RATE)
MAX_HYPOTHESES = 16


class Agreement:
    """The decided words of one utterance; they are never taken back."""

    def __init__(self, min_distance: int = MIN_DISTANCE, keywords: Sequence[str] = ()) -> None:
        """``min_distance``: samples of audio between two hypotheses whose agreement commits words. ``keywords``: names
        and terms that the final spells as the caller does, so that words that sound like them may change yet.
        """
        self._min_distance = min_distance
        self._keywords = keywords
        self._settled = 0
        self._earlier: deque[tuple[int, tuple[str, ...]]] = deque(maxlen=MAX_HYPOTHESES)
        self.committed: tuple[TokenizedWord, ...] = ()
        self._shown: tuple[TokenizedWord, ...] = ()
        self._newest: tuple[TokenizedWord, ...] = ()

    @property
    def shown(self) -> str:
        """Return the latest hypothesis without a last word that the one before did not have there.

        Such a word is often half of another, and would be taken back (mask-k of Arivazhagan et al., 2020).
        """
        return "".join(piece.text for piece in self._shown).strip()

    @property
    def newest(self) -> str:
        """Return the latest hypothesis with its last word."""
        return "".join(piece.text for piece in self._newest).strip()

    @property
    def tokens(self) -> tuple[int, ...]:
        """Return the tokens that are agreed on."""
        return tuple(token for piece in self.committed for token in piece.tokens)

    @property
    def settled(self) -> tuple[TokenizedWord, ...]:
        """Return the committed words that the final begins with: all before the first that may become a keyword."""
        return self.committed[: self._settled]

    @property
    def text(self) -> str:
        """Return the text of the settled words."""
        return "".join(piece.text for piece in self.settled).strip()

    def add(self, tail: Sequence[TokenizedWord], end: int, latest: int) -> None:
        """Take a hypothesis for the words after the committed ones, on audio up to sample ``end``.

        The words that it shares with an earlier hypothesis, whose audio ended before ``latest``, are committed, except
        the last word of either, which may be half a word.
        """
        words = (*self.committed, *tail)
        plain_words = tuple(plain(piece.text) for piece in words)
        before = self._earlier[-1][1] if self._earlier else ()
        confirmed = before[len(plain_words) - 1 : len(plain_words)] == plain_words[-1:]
        self._newest = words
        self._shown = words if confirmed else words[:-1]
        old = next((old for at, old in reversed(self._earlier) if at <= min(end - self._min_distance, latest)), ())
        self._earlier.append((end, plain_words))
        agreed = common_prefix(plain_words[:-1], old[:-1])
        if agreed > len(self.committed):
            self.committed = words[:agreed]
            self._settled = settled([piece.text for piece in self.committed], self._keywords, self._settled)


def common_prefix(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many words both begin with."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def prefix_distances(wanted: Sequence[str], found: Sequence[str]) -> list[int]:
    """Return by how many words ``wanted`` differs from the first 0, 1, … of ``found`` (Levenshtein)."""
    costs = [list(range(len(wanted) + 1))]
    for word in found:
        before = costs[-1]
        row = [before[0] + 1]
        for at, other in enumerate(wanted):
            row.append(min(before[at] + (word != other), before[at + 1] + 1, row[at] + 1))
        costs.append(row)
    return [row[-1] for row in costs]


def plain(word: str) -> str:
    """Return what is compared when words are: letters and digits in lower case. Bare signs stay."""
    return "".join(c for c in word.casefold() if c.isalnum()) or word.strip()

"""What was sent of real talks at which time -> latencies, and words wrong. Nobody marked when each word was said."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.benchmarks.recordings import word_errors
from tests.benchmarks.stream_figures import Reported
from tests.benchmarks.stream_talk import Sentence
from tests.support.word_errors import matched_words, normalized

LAST_WORDS = 3
"""Of a sentence: the final that has the last of them that was understood ends it."""


@dataclass
class RealFigures:
    """Of any number of streams. Latencies are seconds.

    ``final``: from the end of a sentence to the final that holds its last word. ``first``: from the beginning of a
    sentence to the first text after it. ``gaps``: what is spoken between two texts; pauses inside a sentence do not
    count. ``without``: from the beginning of speech to its first final, and from each final to the next. ``missing``
    sentences have no final.
    """

    final: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    without: list[float] = field(default_factory=list)
    missing: int = 0
    wrong: int = 0
    words: int = 0

    @property
    def word_error_rate(self) -> float:
        """In percent."""
        return 100 * self.wrong / max(1, self.words)

    def add(self, said: list[Sentence], reported: Reported, speech: Sequence[tuple[float, float]]) -> None:
        """Add one stream. ``speech``: the stretches of it in which somebody speaks, in seconds."""
        times = [at for at, _, _ in reported]
        finals = [(at, text) for at, text, final in reported if final]
        for sentence in said:
            begin = float(sentence.words[0]["start"])
            self.first += [at - begin for at in times if at > begin][:1]
            inside = [at for at in times if begin < at < sentence.end]
            self.gaps += [spoken(speech, before, after) for before, after in pairwise([*inside, sentence.end])]
        self._finals(said, finals)
        self.without += [after - before for before, after in pairwise([said[0].words[0]["start"], *dict(finals)])]
        self.count_words(said, " ".join(text for _, text in finals))

    def count_words(self, said: list[Sentence], recognized: str) -> None:
        """Count the words of ``said`` that are wrong in ``recognized``."""
        wrong, words = word_errors("en", " ".join(sentence.text for sentence in said), recognized)
        self.wrong, self.words = self.wrong + wrong, self.words + words

    def _finals(self, said: list[Sentence], finals: list[tuple[float, str]]) -> None:
        reported = [(at, word) for at, text in finals for word in normalized(text).split()]
        words = [{"word": word} for sentence in said for word in normalized(sentence.text).split()]
        found = dict(matched_words(words, [{"word": word} for _, word in reported])) if reported else {}
        end = 0
        for sentence in said:
            end += len(normalized(sentence.text).split())
            last = [found[at] for at in range(end - 1, max(-1, end - 1 - LAST_WORDS), -1) if at in found]
            if last:
                self.final.append(reported[last[0]][0] - sentence.end)
            else:
                self.missing += 1


def spoken(speech: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """Return how many of the seconds from ``start`` to ``end`` are in the stretches of speech."""
    return sum(max(0.0, min(end, last) - max(start, first)) for first, last in speech)

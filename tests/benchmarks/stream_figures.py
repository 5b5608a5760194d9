"""What was sent of a talk at which time -> latencies, flicker and words wrong."""

from dataclasses import dataclass, field
from itertools import pairwise

from tests.benchmarks.stream_talk import Sentence
from tests.support.word_errors import matched_words, normalized

Reported = list[tuple[float, str, bool]]

EARLY_S = 0.5
"""A final may come so long before a sentence's marked end: the last sound of a word is often hardly audible."""


@dataclass
class Figures:
    """Of any number of streams. Latencies are seconds.

    ``final``: from the end of a sentence to the final that holds its end. ``partial``: from the end of each word that
    was recognized rightly to the first time it was shown. ``erased`` of ``shown`` words were taken back: their ratio is
    the normalized erasure of Arivazhagan et al. (2020). ``missing`` sentences have no final.
    """

    final: list[float] = field(default_factory=list)
    partial: list[float] = field(default_factory=list)
    erased: int = 0
    shown: int = 0
    missing: int = 0
    said: list[str] = field(default_factory=list)
    recognized: list[str] = field(default_factory=list)

    def add(self, said: list[Sentence], reported: Reported) -> None:
        """One stream."""
        finals = [(at, text) for at, text, final in reported if final]
        self.said.append(" ".join(sentence.text for sentence in said))
        self.recognized.append(" ".join(text for _, text in finals))
        for sentence, following in zip(said, [*said[1:], None], strict=True):
            until = following.words[0]["start"] if following else float("inf")
            # What was sent of this sentence, also when it came after the next had begun.
            late = [at for at, _ in finals if at >= sentence.end - EARLY_S]
            if late and (late[0] < until or not self._reported_within(finals, sentence, until)):
                self.final.append(late[0] - sentence.end)
            else:
                self.missing += 1
            self._first_shown(sentence, reported, max(until, late[0] if late else 0.0))
        for utterance in _utterances(reported):
            self.shown += len(utterance[-1])
            self.erased += sum(len(before) - _common(before, after) for before, after in pairwise(utterance))

    def _reported_within(self, finals: list[tuple[float, str]], sentence: Sentence, until: float) -> bool:
        return any(sentence.words[0]["start"] <= at < until for at, _ in finals)

    def _first_shown(self, sentence: Sentence, reported: Reported, until: float) -> None:
        begin = sentence.words[0]["start"]
        shown: dict[int, float] = {}
        for at, text, _ in reported:
            if begin <= at <= until:
                for said, _ in matched_words(sentence.words, [{"word": word} for word in text.split()]):
                    if at >= sentence.words[said]["start"]:
                        shown.setdefault(said, at - sentence.words[said]["end"])
        self.partial += shown.values()


def _utterances(reported: Reported) -> list[list[list[str]]]:
    """The words shown, step by step, of each utterance up to its final."""
    utterances: list[list[list[str]]] = [[]]
    for _, text, final in reported:
        utterances[-1].append(normalized(text).split())
        if final:
            utterances.append([])
    return [utterance for utterance in utterances if utterance]


def _common(before: list[str], after: list[str]) -> int:
    return next(
        (i for i, (one, other) in enumerate(zip(before, after, strict=False)) if one != other),
        min(len(before), len(after)),
    )

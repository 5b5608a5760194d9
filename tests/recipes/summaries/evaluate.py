"""How true the demo summaries are, on meetings that training never saw.

Precision: of the people, numbers, days, months and places that summaries name, the share that their transcripts name.
Told: of the sentences that summaries tell, the share that are facts of the meeting, word for word.
Recall: of the facts that a style is to tell, the share that it tells. A brief summary is held against the three that
it has room for.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from stt_ai.types import SummaryStyle

from ..whisper.grammar import lexicon
from .corpus import NOTHING_ELSE, NOTHING_SAID, NOTHING_TO_DO, Meeting, MeetingMaker, Size, summary

HELD_OUT = Size(facts=10, talk=10, fewest=1)

_NUMERALS = ("digit", "tens", "teen", "scale")
_NAMED = ("person", "place", "day", "month")


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts behind the shares."""

    named: int = 0
    named_truly: int = 0
    sentences: int = 0
    true_sentences: int = 0
    facts: int = 0
    facts_reported: int = 0
    exact: int = 0
    summaries: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def shares(self) -> dict[str, float]:
        pairs = {
            "precision": (self.named_truly, self.named),
            "recall": (self.facts_reported, self.facts),
            "told": (self.true_sentences, self.sentences),
            "exact": (self.exact, self.summaries),
        }
        return {name: round(part / whole, 4) if whole else 1.0 for name, (part, whole) in pairs.items()}


def held_out(count: int, language: str, seed: str = "held out") -> list[Meeting]:
    maker = MeetingMaker(random.Random(f"{seed} {language}"))
    return [maker.meeting(HELD_OUT, language) for _ in range(count)]


def judge(meeting: Meeting, style: SummaryStyle, answer: str) -> Figures:
    """One summary against its meeting."""
    wanted = summary(meeting, style)
    fillers = {known[meeting.language] for known in (NOTHING_ELSE, NOTHING_SAID, NOTHING_TO_DO)}
    facts = {fact.text for fact in meeting.facts}
    said = [sentence for sentence in sentences(answer) if sentence not in fillers]
    due = [sentence for sentence in sentences(wanted) if sentence not in fillers]
    named = names(answer, meeting.language)
    there = Counter(names(meeting.text, meeting.language))
    return Figures(
        named=len(named),
        named_truly=sum(name in there for name in named),
        sentences=len(said),
        true_sentences=sum(sentence in facts for sentence in said),
        facts=len(due),
        facts_reported=len(set(due) & set(said)),
        exact=answer.strip() == wanted,
        summaries=1,
    )


def sentences(text: str) -> list[str]:
    bare = (re.sub(r"^\s*- ", "", line).strip() for line in text.splitlines())
    return [part for line in bare for part in re.split(r"(?<=[.?!])\s+", line) if part]


def names(text: str, language: str) -> list[str]:
    """The people, places, days and months that ``text`` names, and its numbers, each in the words that say it."""
    return [match.lower() for match in _pattern(language).findall(text)]


@cache
def _pattern(language: str) -> re.Pattern[str]:
    def any_of(parts: Iterable[str]) -> str:
        words = sorted({word for part in parts for word in lexicon(language)[part]}, key=len, reverse=True)
        return "|".join(map(re.escape, words))

    numeral = any_of(_NUMERALS)
    joined = " y " if language == "es" else " "
    return re.compile(rf"\b(?:(?:{numeral})(?:(?:{joined}| )(?:{numeral}))*|{any_of(_NAMED)})\b", re.IGNORECASE)


def total(judged: Sequence[Figures]) -> dict[str, float]:
    return sum(judged, Figures()).shares()

"""Whom a sentence of a conversation speaks to, or of."""

import re
from collections.abc import Sequence
from functools import cached_property

from stt_ai.summarization import promise_patterns as patterns
from stt_ai.summarization.turns import Turn, speakers

_ADDRESSED = (
    r"(?:^|[,.;:¿¡!?]\s*|^(?:and|so|ok|okay|then|thanks|y)\W+){name}\s*[,?:]|"
    r",\s*{name}\s*[?.!]*$|^(?:and |so |y )?{name}\b"
)

_INTERVIEWER_TURNS, _INTERVIEWER_SHARE = 4, 0.65
"""An interviewer speaks so many times at least, and asks something in this part of them."""


class Addressees:
    """The people who speak in a conversation, as its sentences name them."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = turns
        self.people = speakers(turns)
        self._addressed = [
            (name, name.lower(), re.compile(_ADDRESSED.format(name=re.escape(name)), re.IGNORECASE))
            for name in self.people
        ]
        names = "|".join(re.escape(name) for name in self.people)
        self._called = re.compile(rf",\s*(?:{names})(?=[\s?.!]*$)", re.IGNORECASE) if names else None
        self._assigned = re.compile(patterns.ASSIGNED.format(names=names)) if names else None
        self._asked_of = re.compile(patterns.ASKED_OF.format(names=names), re.IGNORECASE) if names else None

    def addressed(self, turn: Turn, sentence: str) -> str:
        """Return whom a sentence of ``turn`` speaks to, by name in it or in the two before; empty if nobody."""
        at = next((at for at, one in enumerate(turn.sentences) if sentence in one), 0)
        for text in (sentence, *reversed(turn.sentences[max(0, at - 2) : at])):
            small = text.lower()
            for name, small_name, pattern in self._addressed:
                if name != turn.speaker and small_name in small and pattern.search(text):
                    return name
        return ""

    def assigned(self, sentence: str) -> re.Match[str] | None:
        """Return the match of "Bob will send it", "Bob does it" or "Can Bob do it?", said of somebody who is there."""
        if self._assigned is None or self._asked_of is None:
            return None
        return self._assigned.search(sentence) or self._asked_of.search(sentence)

    def without_address(self, task: str) -> str:
        """Return "call the bank" for "call the bank, Bob"."""
        return self._called.sub("", task) if self._called else task

    def spelled(self, name: str) -> str:
        """Return a name as the turns' labels spell it."""
        return next((person for person in self.people if person.lower() == name.lower()), name)

    def is_absent_person(self, name: str) -> bool:
        """Return whether ``name`` names somebody who does not speak here, and so cannot answer."""
        if name.lower() in patterns.NO_PERSON or name in " ".join(self.people):
            return False
        return name.lower() not in self._small_words  # "Revenue must grow": no name, for it is written small elsewhere

    def only_other(self, speaker: str) -> str:
        """Return who speaks beside ``speaker`` where only two do, else an empty string."""
        others = [person for person in self.people if person != speaker]
        return others[0] if len(others) == 1 and len(self.people) == 2 else ""

    def is_interviewed(self, speaker: str) -> bool:
        """Return whether the other one of two people does little but ask ``speaker`` questions."""
        return self.only_other(speaker) in self._interviewers

    @cached_property
    def _interviewers(self) -> frozenset[str]:
        asks: dict[str, list[bool]] = {}
        for turn in self._turns:
            asks.setdefault(turn.speaker, []).append("?" in turn.text)
        few, share = _INTERVIEWER_TURNS, _INTERVIEWER_SHARE
        return frozenset(who for who, asked in asks.items() if len(asked) >= few and sum(asked) >= share * len(asked))

    @cached_property
    def _small_words(self) -> frozenset[str]:
        words = (re.findall(r"\b[^\W\d_]+\b", turn.text) for turn in self._turns)
        return frozenset(word for found in words for word in found if word == word.lower())

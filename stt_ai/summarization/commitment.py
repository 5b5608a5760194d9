"""What people promised to do, and when."""

import re
from dataclasses import dataclass, replace

from stt_ai.summarization import date_patterns as dates
from stt_ai.summarization.verb_phrases import clean_when, content_words, is_deictic, task_and_when, task_of

REACH = 4
"""Turns after a request or a promise in which it is still spoken of."""
_MEMORY = 60
"""Turns after which the same words are another task."""
_SAME_TASK = 0.75
"""The part of the shorter task's words, two at least, that two wordings of one task share."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """``owner`` does ``task`` (a verb phrase in the text's words) ``when`` (or empty). ``turn``: where it is agreed on.

    ``deictic``: the task says "it" or "that" of something that was named before. ``offered``: it was offered, and
    somebody else agreed in ``turn``.
    """

    owner: str
    task: str
    when: str
    turn: int
    deictic: bool = False
    offered: bool = False

    @property
    def line(self) -> str:
        """Return it as an action item."""
        return f"{self.owner}: {self.task}{' ' + self.when if self.when else ''}"

    def sentence(self, language: str) -> str:
        """Return it as a sentence: as it was promised in English, as an item in other languages."""
        if language != "en":
            return f"{self.line}."
        return f"{self.owner} will {self.task}{' ' + self.when if self.when else ''}."


class Commitments:
    """The promises that stand so far, in order; what is said later dates them, changes them and takes them back."""

    def __init__(self) -> None:
        self.made: list[Commitment] = []

    def add(self, made: Commitment) -> None:
        """Add a promise. Whoever had the task before has it no more; the same person's is listed once."""
        words = content_words(made.task)
        for at in range(len(self.made) - 1, -1, -1):
            older = self.made[at]
            if made.turn - older.turn > _MEMORY:
                break
            if _is_same(words, content_words(older.task)):
                del self.made[at]
                if older.owner == made.owner:
                    fuller = older.task if len(content_words(older.task)) > len(words) else made.task
                    made = replace(made, task=fuller, when=made.when or older.when, deictic=is_deictic(fuller))
                break
        self.made.append(made)

    def take_back(self, owner: str, sentence: str, turn: int | None = None) -> list[Commitment]:
        """Remove and return what ``owner`` declines in ``sentence``, and what was promised last in ``turn``."""
        words = content_words(sentence)
        own = [one for one in self.made if one.owner == owner]
        declined = [one for one in own if len(words & content_words(one.task)) >= 2]
        declined += [one for one in own[-1:] if one.turn == turn and one not in declined]
        self.made = [one for one in self.made if one not in declined]
        return declined

    def withdraw_offer(self, owner: str, turn: int) -> None:
        """Forget what ``owner`` offered if it was agreed on in ``turn``: the owner says it anew, in other words."""
        self.made = [one for one in self.made if not (one.offered and one.owner == owner and one.turn == turn)]

    def last_of(self, owner: str, turn: int, reach: int = REACH) -> int | None:
        """Return the index of the latest promise of ``owner`` in ``turn`` or up to ``reach`` turns before."""
        found = [at for at, one in enumerate(self.made) if one.owner == owner and turn - one.turn <= reach]
        return found[-1] if found else None

    def date(self, index: int, text: str) -> bool:
        """Date a promise by what ``text`` says, if it has no date yet. Return whether it has one from there."""
        when = dates.WHEN.search(text)
        if when is None or self.made[index].when:
            return False
        self.made[index] = replace(self.made[index], when=clean_when(when[0]))
        return True

    def redate_last(self, owner: str, turn: int, when: str) -> None:
        """Give the last promise of ``owner``, made in ``turn`` or just before, another date."""
        index = self.last_of(owner, turn)
        if index is not None and self.made[index].when:
            preposition = re.match(r"(?:by|on|before|until|para|antes del|el) ", self.made[index].when)
            if preposition and re.match(dates.WEEKDAY, when, re.IGNORECASE):
                when = preposition[0] + when
            self.made[index] = replace(self.made[index], when=clean_when(when))

    def date_last(self, owner: str, turn: int, text: str) -> bool:
        """Date the last promise of all, if ``owner`` made it in ``turn`` or just before."""
        last = self.made[-1] if self.made else None
        if last is None or last.owner != owner or last.turn < turn:
            return False
        return self.date(len(self.made) - 1, text)

    def settle_offer(self, owner: str, turn: int, assigned: re.Match[str]) -> bool:
        """ "I could squeeze it in." "Bob does the banner then": set what the "it" was. Return whether it was so."""
        last = self.made[-1] if self.made else None
        if last is None or last.owner != owner or last.turn < turn - 1 or not last.deictic:
            return False
        task, when = task_and_when(task_of(assigned))
        self.made[-1] = replace(last, task=task, when=last.when or when, deictic=is_deictic(task))
        return True


def _is_same(task: frozenset[str], other: frozenset[str]) -> bool:
    """Return whether the words of two tasks are of one. Different numbers make different tasks."""
    shared = task & other
    numbers, others = ({word for word in words if word.isdigit()} for words in (task, other))
    if numbers and others and numbers != others:
        return False
    return len(shared) >= 2 and len(shared) >= _SAME_TASK * min(len(task), len(other))

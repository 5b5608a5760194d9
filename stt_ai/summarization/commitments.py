"""Who promised what by when, out of the turns of a conversation in English or Spanish.

A promise counts for the person who makes it: who says "I will", or who is asked and agrees. What is declined does not
count, and what somebody else takes over is theirs. Rules alone decide on the person and the date, since small language
models give more than a quarter of all tasks to the wrong person.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stt_ai.summarization import promise_patterns as patterns
from stt_ai.summarization.addressees import Addressees
from stt_ai.summarization.commitment import Commitment
from stt_ai.summarization.turns import Turn
from stt_ai.summarization.verb_phrases import (
    after_decline,
    clean_when,
    content_words,
    is_deictic,
    task_and_when,
    task_of,
)

_REACH = 4
"""Turns after a request in which its answer is looked for."""


@dataclass(slots=True)
class _Request:
    """Something that is to be done, asked of ``person`` or of anybody (empty)."""

    task: str
    when: str
    person: str
    by: str
    turn: int
    direct: bool = False
    offer: bool = False


def find_commitments(turns: Sequence[Turn], language: str) -> tuple[Commitment, ...]:
    """Return the promises that stand at the end, in order. ``language`` is `en` or `es`."""
    return tuple(CommitmentFinder(turns, language).found)


class CommitmentFinder:
    """Walks through the turns once, with the requests that are open.

    ``found`` are the promises, ``refused`` pairs of a person and the task that this person declined.
    """

    def __init__(self, turns: Sequence[Turn], language: str) -> None:
        self._turns = turns
        self._language = language if language == "es" else "en"
        self._people = Addressees(turns)
        self._found: list[Commitment] = []
        self._requests: list[_Request] = []
        self.refused: list[tuple[str, str]] = []
        for place, turn in enumerate(self._turns):
            self._requests = [request for request in self._requests if place - request.turn <= _REACH]
            self._follow(place, turn)

    @property
    def found(self) -> list[Commitment]:
        """Return the promises that stand at the end, in order."""
        return self._found

    def _follow(self, place: int, turn: Turn) -> None:
        """Take a turn's answer to what was asked, then its own promises, then its requests."""
        lang = self._language
        declined = False
        answered = self._answered(place, turn)
        for number, sentence in enumerate(turn.sentences):
            if patterns.DECLINES[lang].search(sentence):
                rest = after_decline(sentence)
                if not patterns.PROMISE[lang].search(rest) and not patterns.TAKES[lang].search(rest):
                    declined = True
                    self._decline(place, turn.speaker, sentence)
                    continue
                sentence = rest
            if patterns.TAKES[lang].search(sentence):
                self._take(place, turn.speaker, sentence)
                answered = True
                continue
            if (promise := self._promise_in(sentence)) is not None:
                self._promise(place, turn.speaker, promise, number)
                answered = True
            elif offered := patterns.OFFER[lang].search(sentence):
                task, when = task_and_when(offered["task"])
                self._requests.append(_Request(task, when, turn.speaker, turn.speaker, place, offer=True))
            elif (duty := self._duty(place, sentence)) is not None:
                self._add(duty)
            elif (request := self._request(place, turn, sentence)) is not None:
                if not (is_deictic(request.task) and not content_words(request.task) and self._date(place, request)):
                    self._requests.append(request)
            elif answered and patterns.ABOUT_IT.search(sentence):
                self._date_last(place, turn.speaker, sentence)
        if declined:
            return
        if answered:  # what somebody promises is the answer to what was asked
            self._requests = [one for one in self._requests if one.person != turn.speaker or one.turn == place]
        else:
            self._accept(place, turn)
        self._attach_date(place, turn)

    def _promise_in(self, sentence: str) -> re.Match[str] | None:
        """Return the match of a promise in a sentence that neither asks nor tells what is done as a rule."""
        found = patterns.PROMISE[self._language].search(sentence)
        if found is None or sentence.rstrip().endswith("?"):
            return None
        before = sentence[: found.start()]
        if patterns.NEGATED.search(before[-12:]) or patterns.HABIT.search(before):
            return None
        if found.groupdict().get("doing") and not patterns.WHEN.search(sentence):
            return None  # "I'm writing a test": now, and no promise
        return found

    def _answered(self, place: int, turn: Turn) -> bool:
        """A bare date after "by when?" belongs to the promise before."""
        previous = self._turns[place - 1].text if place else ""
        if patterns.ASKS_WHEN.search(previous) and self._found and (when := patterns.WHEN.search(turn.text)):
            last = self._found[-1]
            if last.owner == turn.speaker and not last.when:
                self._found[-1] = replace(last, when=clean_when(when[0]))
        return False

    def _accept(self, place: int, turn: Turn) -> None:
        """Who is asked and agrees has promised it, and who offers it to somebody who agrees."""
        if not turn.sentences or not patterns.ACCEPTS[self._language].search(turn.sentences[0]):
            return
        for offer in [one for one in self._requests if one.offer and one.turn == place - 1 and one.by != turn.speaker]:
            named = patterns.WHEN.search(turn.text)
            date = offer.when or (clean_when(named[0]) if named else "")
            self._add(Commitment(offer.by, offer.task, date, place, is_deictic(offer.task)))
            self._requests.remove(offer)
        open_requests = [one for one in self._requests if not one.offer]
        asked = [one for one in open_requests if one.turn < place and one.person == turn.speaker]
        if not asked:  # "Can you …?" asks whoever answers
            last = open_requests[-1:]
            asked = [one for one in last if one.direct and one.turn == place - 1 and one.by != turn.speaker]
            asked = [one for one in asked if not one.person]
        for request in asked:
            when = request.when
            if not when and (found := patterns.WHEN.search(turn.text)):
                when = clean_when(found[0])
            self._add(Commitment(turn.speaker, request.task, when, place, is_deictic(request.task)))
            self._requests.remove(request)

    def _take(self, place: int, speaker: str, sentence: str) -> None:
        """ "I'll do it" takes what was asked for last."""
        open_requests = [one for one in self._requests if not one.offer]
        asked = [one for one in open_requests if one.person in ("", speaker) or one.turn >= place - 1]
        if not asked:
            own = [at for at, made in enumerate(self._found) if made.owner == speaker and place - made.turn <= _REACH]
            if own and not self._found[own[-1]].when and (when_said := patterns.WHEN.search(sentence)):
                self._found[own[-1]] = replace(self._found[own[-1]], when=clean_when(when_said[0]))
            elif own:
                return
            elif re.search(r"\b(?:take|handle|do|own)\b (?:it|that|this)\b", sentence, re.IGNORECASE):
                self._add(Commitment(speaker, "take care of it", "", place, True))
            return
        request = asked[-1]
        found = patterns.WHEN.search(sentence)
        when = clean_when(found[0]) if found else request.when
        self._add(Commitment(speaker, request.task, when, place, is_deictic(request.task)))
        self._requests.remove(request)

    def _promise(self, place: int, speaker: str, promise: re.Match[str], number: int) -> None:
        task, when = task_and_when(task_of(promise))
        if (
            not when
            and "doing" in promise.groupdict()
            and promise["doing"]
            and (said := patterns.WHEN.search(promise.string))
        ):
            when = clean_when(said[0])
        last = self._found[-1] if self._found else None
        if (
            promise.groupdict().get("delivery")
            and last
            and last.turn == place
            and last.owner == speaker
            and not last.when
        ):
            self._found[-1] = replace(last, when=when)
            return
        if len(content_words(task)) == 0 and not is_deictic(task):
            return
        request = next(
            (r for r in reversed(self._requests) if r.turn < place and (r.person in ("", speaker) or r.by != speaker)),
            None,
        )
        if request is not None and self._same(request.task, task):
            when = when or request.when
            if is_deictic(task) or len(content_words(task)) < len(content_words(request.task)):
                task = request.task
            self._requests.remove(request)
        if not when:
            rest = self._turns[place].sentences[number + 1 : number + 2]
            later = patterns.WHEN.search(rest[0]) if rest and patterns.ABOUT_IT.search(rest[0]) else None
            when = clean_when(later[0]) if later else ""
        self._add(Commitment(speaker, task, when, place, is_deictic(task)))

    def _same(self, asked: str, promised: str) -> bool:
        words = content_words(promised)
        return not words or bool(words & content_words(asked)) or (is_deictic(promised) and len(words) <= 1)

    def _decline(self, place: int, speaker: str, sentence: str) -> None:
        """What is declined is open to others, and a promise that is taken back is none."""
        for request in self._requests:
            if request.person == speaker:
                self.refused.append((speaker, request.task))
                request.person = ""
        words = content_words(sentence)
        for made in [made for made in self._found if made.owner == speaker]:
            if len(words & content_words(made.task)) >= 2:
                self._found.remove(made)
                self.refused.append((speaker, made.task))
                self._requests.append(_Request(made.task, made.when, "", speaker, place))

    def _request(self, place: int, turn: Turn, sentence: str) -> _Request | None:
        person = self._people.addressed(turn, sentence)
        match = patterns.REQUEST[self._language].search(sentence) or self._people.assigned(sentence)
        if match is None:
            match = patterns.OPEN[self._language].search(sentence)
            person = ""
        if match is None:
            return None
        if match.groupdict().get("who"):
            person = self._people.spelled(match["who"])
            if self._settle_offer(place, person, match):
                return None
        task, when = task_and_when(task_of(match))
        if not content_words(task) and not is_deictic(task):
            return None
        if not content_words(task) and person:  # "Erin can do it": what is open already
            for request in reversed(self._requests):
                if request.person in ("", turn.speaker):
                    request.person = person
                    return None
        request = _Request(task, when, person, turn.speaker, place, match.re is patterns.REQUEST[self._language])
        if match.re is patterns.REQUEST[self._language] and not person and len(self._people.people) == 2:
            request.person = next((other for other in self._people.people if other != turn.speaker), "")
        return request

    def _settle_offer(self, place: int, person: str, match: re.Match[str]) -> bool:
        """ "I could squeeze it in." "Bob does the banner then": says what the "it" was. Return whether it was so."""
        last = self._found[-1] if self._found else None
        if last is None or last.owner != person or last.turn < place - 1 or not last.deictic:
            return False
        task, when = task_and_when(task_of(match))
        self._found[-1] = replace(last, task=task, when=last.when or when, deictic=is_deictic(task))
        return True

    def _duty(self, place: int, sentence: str) -> Commitment | None:
        """Return what somebody must do who is named and does not speak here, so that nobody can answer for them."""
        match = patterns.DUTY[self._language].match(sentence)
        if match is None or not self._people.is_absent_person(match["who"]):
            return None
        task, when = task_and_when(match["task"])
        return Commitment(match["who"], task, when, place) if content_words(task) else None

    def _attach_date(self, place: int, turn: Turn) -> None:
        """ "Sure, I'll send it. By Friday." """
        if self._found and self._found[-1].turn == place and not self._found[-1].when:
            last = turn.sentences[-1]
            when = patterns.WHEN.search(last)
            if when and len(content_words(last) - content_words(when[0])) <= 1:
                self._found[-1] = replace(self._found[-1], when=clean_when(when[0]))

    def _date(self, place: int, request: _Request) -> bool:
        """ "Could you do that by Thursday?" dates the promise of whoever spoke before. Return whether there is one."""
        if not request.when or not self._found:
            return False
        last = self._found[-1]
        if last.turn < place - 1 or last.owner == request.by or last.when:
            return False
        self._found[-1] = replace(last, when=request.when)
        return True

    def _date_last(self, place: int, speaker: str, sentence: str) -> None:
        """ "You will have it on Tuesday" tells the date of the promise before."""
        when, last = patterns.WHEN.search(sentence), self._found[-1] if self._found else None
        if when and last and last.turn == place and last.owner == speaker and not last.when:
            self._found[-1] = replace(last, when=clean_when(when[0]))

    def _add(self, made: Commitment) -> None:
        """A task that somebody else had before is theirs no more; one of the same person is told once."""
        words = content_words(made.task)
        for older in self._found:
            shared = words & content_words(older.task)
            smaller = min(len(words), len(content_words(older.task))) or 1
            if len(shared) / smaller >= 0.75 and len(shared) >= 2:
                self._found.remove(older)
                if older.owner == made.owner:
                    fuller = older.task if len(content_words(older.task)) > len(words) else made.task
                    made = replace(made, task=fuller, when=made.when or older.when, deictic=is_deictic(fuller))
                break
        self._found.append(made)

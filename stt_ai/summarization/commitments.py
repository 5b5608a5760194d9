"""Who promised what by when, out of the turns of a conversation in English or Spanish.

A promise counts for the person who makes it: who says "I will", or who is asked and agrees. What is declined does not
count, and what somebody else takes over is theirs. Rules alone decide on the person and the date, since small language
models give more than a quarter of all tasks to the wrong person.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stt_ai.summarization import promise_patterns as patterns
from stt_ai.summarization.addressees import Addressees
from stt_ai.summarization.commitment import REACH, Commitment, Commitments
from stt_ai.summarization.turns import Turn
from stt_ai.summarization.verb_phrases import (
    after_decline,
    clean_when,
    content_words,
    is_deictic,
    task_and_when,
    task_of,
)


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

    def __init__(self, turns: Sequence[Turn], language: str, on_turn: Callable[[], None] = lambda: None) -> None:
        """Find them. ``on_turn`` is called before each turn and ends it by raising."""
        self._turns = turns
        self._language = language if language == "es" else "en"
        self._people = Addressees(turns)
        self._commitments = Commitments()
        self._requests: list[_Request] = []
        self.refused: list[tuple[str, str]] = []
        for place, turn in enumerate(self._turns):
            on_turn()
            self._requests = [request for request in self._requests if place - request.turn <= REACH]
            self._follow(place, turn)

    @property
    def found(self) -> list[Commitment]:
        """Return the promises that stand at the end, in order."""
        return self._commitments.made

    def _follow(self, place: int, turn: Turn) -> None:
        """Take a turn's answer to what was asked, then its own promises, then its requests."""
        lang = self._language
        declined = False
        answered = False
        if patterns.ASKS_WHEN.search(self._turns[place - 1].text if place else ""):
            self._commitments.date_last(turn.speaker, 0, turn.text)
        clauses = (
            (number, clause)
            for number, sentence in enumerate(turn.sentences)
            for clause in patterns.NEXT_PROMISE.split(sentence)
        )
        for number, spoken in clauses:
            if new_date := patterns.NEW_DATE.match(spoken):
                self._commitments.redate_last(turn.speaker, place, new_date["date"] or new_date["mended"])
            sentence = patterns.RESTART.sub("", spoken)
            if patterns.BROKEN_OFF.search(sentence) or self._passes_on(place, turn, sentence):
                continue
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
                if self._is_weak(place, turn, promise, number):
                    task, when = task_and_when(task_of(promise))
                    self._requests.append(_Request(task, when, turn.speaker, turn.speaker, place, offer=True))
                    continue
                if number == 0 and patterns.CONFIRMS.match(sentence):
                    self._commitments.withdraw_offer(turn.speaker, place - 1)
                self._promise(place, turn.speaker, promise, number)
                answered = True
            elif offered := patterns.OFFER[lang].search(sentence):
                task, when = task_and_when(offered["task"])
                self._requests.append(_Request(task, when, turn.speaker, turn.speaker, place, offer=True))
            elif (duty := self._duty(place, sentence)) is not None:
                self._commitments.add(duty)
            elif (request := self._request(place, turn, sentence)) is not None:
                if not self._dates_the_last(place, request):
                    self._requests.append(request)
            elif answered and patterns.ABOUT_IT.search(sentence):
                self._commitments.date_last(turn.speaker, place, sentence)
        if declined:
            return
        if answered:  # what somebody promises is the answer to what was asked
            self._requests = [one for one in self._requests if one.person != turn.speaker or one.turn == place]
        else:
            self._accept(place, turn)
        self._date_by_closing(place, turn)

    def _promise_in(self, sentence: str) -> re.Match[str] | None:
        """Return the match of a promise in a sentence that neither asks nor tells what is done as a rule."""
        found = patterns.PROMISE[self._language].search(sentence)
        if found is None or sentence.rstrip().endswith("?"):
            return None
        before = sentence[: found.start()]
        if patterns.NEGATED.search(before[-12:]) or patterns.REPORTED.search(before):
            return None
        if patterns.HABIT.search(before) and not patterns.WILL.match(found[0]):
            return None
        if patterns.WEAK_PROMISE.match(found[0]) and patterns.EVERY_TIME.search(sentence):
            return None
        present = found.groupdict().get("doing") or found.groupdict().get("timed")
        soon = patterns.WHEN.search(sentence) or patterns.SOON.search(sentence)
        if present and not soon and not re.search(r"\byour?\b", present):
            return None  # "I'm writing a test", "lo escribo": now, and no promise
        return found

    def _is_weak(self, place: int, turn: Turn, promise: re.Match[str], number: int) -> bool:
        """Return whether "I could …" or "I have to …" is said without a date, and answers nobody."""
        if not patterns.WEAK_PROMISE.match(promise[0]):
            return False
        following = " ".join(turn.sentences[number + 1 : number + 2])
        if patterns.WHEN.search(f"{promise.string} {following}") or patterns.ABOUT_IT.search(following):
            return False
        task, _ = task_and_when(task_of(promise))
        asked = (one for one in self._requests if one.turn >= place - 1 and one.by != turn.speaker)
        return not any(self._same(one.task, task) for one in asked)

    def _accept(self, place: int, turn: Turn) -> None:
        """Who is asked and agrees has promised it, and who offers it to somebody who agrees."""
        first = turn.sentences[0] if turn.sentences else ""
        accepts = patterns.ACCEPTS[self._language].search(first)
        if not accepts and not any(map(patterns.APPROVES.search, turn.sentences[:2])):
            return
        for offer in [one for one in self._requests if one.offer and one.turn == place - 1 and one.by != turn.speaker]:
            named = patterns.WHEN.search(turn.text)
            date = offer.when or (clean_when(named[0]) if named else "")
            made = Commitment(offer.by, offer.task, date, place, is_deictic(offer.task), offered=True)
            self._commitments.add(made)
            self._requests.remove(offer)
        if not accepts:
            return
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
            self._commitments.add(Commitment(turn.speaker, request.task, when, place, is_deictic(request.task)))
            self._requests.remove(request)

    def _take(self, place: int, speaker: str, sentence: str) -> None:
        """ "I'll do it" takes what was asked for last."""
        open_requests = [one for one in self._requests if not one.offer]
        asked = [one for one in open_requests if one.person in ("", speaker) or one.turn >= place - 1]
        if not asked:
            if self._date_own(place, speaker, sentence):
                return
            if re.search(r"\b(?:take|handle|do|own)\b (?:it|that|this)\b", sentence, re.IGNORECASE):
                self._commitments.add(Commitment(speaker, "take care of it", "", place, True))
            return
        request = asked[-1]
        found = patterns.WHEN.search(sentence)
        when = clean_when(found[0]) if found else request.when
        self._commitments.add(Commitment(speaker, request.task, when, place, is_deictic(request.task)))
        self._requests.remove(request)

    def _date_own(self, place: int, speaker: str, sentence: str) -> bool:
        """Date what ``speaker`` promised last, if a date is said. Return whether there is such a promise."""
        own = self._commitments.last_of(speaker, place)
        if own is not None:
            self._commitments.date(own, sentence)
        return own is not None

    def _promise(self, place: int, speaker: str, promise: re.Match[str], number: int) -> None:
        if promise.groupdict().get("delivery") and self._commitments.date_last(speaker, place, promise.string):
            return
        task, when = task_and_when(task_of(promise))
        if place and (other := self._turns[place - 1].speaker) not in ("", speaker):
            task = re.sub(r"(?<= )you\b(?! (?:all|both|guys))(?= \w)", other, task)
        present = promise.groupdict().get("doing") or promise.groupdict().get("timed")
        if not when and present and (said := patterns.WHEN.search(promise.string)) and said[0].strip() not in task:
            when = clean_when(said[0])
        if not when and (ahead := patterns.WHEN_AHEAD.match(promise.string[: promise.start()])):
            when = clean_when(ahead["when"])
        if patterns.TRIES.match(task):
            self._date_own(place, speaker, promise.string)
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
        elif not when and self._people.is_interviewed(speaker):
            return  # "I will stop when I'm old": told, and promised to nobody
        if promise.groupdict().get("clitic") and not when and " " not in task:
            return  # "le pregunto": how a story is told as well
        if not when:
            rest = self._turns[place].sentences[number + 1 : number + 2]
            later = patterns.WHEN.search(rest[0]) if rest and patterns.ABOUT_IT.search(rest[0]) else None
            when = clean_when(later[0]) if later else ""
        self._commitments.add(Commitment(speaker, task, when, place, is_deictic(task)))

    def _same(self, asked: str, promised: str) -> bool:
        words = content_words(promised)
        return not words or bool(words & content_words(asked))

    def _decline(self, place: int, speaker: str, sentence: str) -> None:
        """What is declined is open to others, and a promise that is taken back is none."""
        for request in self._requests:
            if request.person == speaker:
                self.refused.append((speaker, request.task))
                request.person = ""
        for made in self._commitments.take_back(speaker, sentence):
            self.refused.append((speaker, made.task))
            self._requests.append(_Request(made.task, made.when, "", speaker, place))

    def _passes_on(self, place: int, turn: Turn, sentence: str) -> bool:
        """ "I can't. Lu?": give what is open to whoever is called. Return whether the sentence only calls somebody."""
        person = self._people.addressed(turn, sentence) if sentence.endswith("?") else ""
        if not person or person not in sentence or content_words(sentence) - content_words(person) - {"maybe", "about"}:
            return False
        unanswered = [one for one in self._requests if not one.person and not one.offer and place - one.turn <= 1]
        if unanswered:
            unanswered[-1].person = person
        return True

    def _request(self, place: int, turn: Turn, sentence: str) -> _Request | None:
        person = self._people.addressed(turn, sentence)
        match = patterns.REQUEST[self._language].search(sentence) or self._people.assigned(sentence)
        said = None
        if match is None:
            match = patterns.OPEN[self._language].search(sentence)
            person = ""
        if match is None:
            return None
        if match.groupdict().get("who"):
            person = self._people.spelled(match["who"])
            said = patterns.WHEN.search(sentence[: match.start()])
            if self._settle_offer(person, place, match):
                return None
        task, when = task_and_when(self._people.without_address(task_of(match)))
        when = when or (clean_when(said[0]) if said else "")
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

    def _settle_offer(self, person: str, place: int, assigned: re.Match[str]) -> bool:
        """ "I could squeeze it in." "Bob does the banner then." Return whether ``person`` offered it just before."""
        if self._commitments.settle_offer(person, place, assigned):
            return True
        offers = [one for one in self._requests if one.offer and one.by == person and one.turn == place - 1]
        if not offers:
            return False
        self._requests.remove(offers[-1])
        task, when = task_and_when(task_of(assigned))
        self._commitments.add(Commitment(person, task, when or offers[-1].when, place, is_deictic(task)))
        return True

    def _duty(self, place: int, sentence: str) -> Commitment | None:
        """Return what somebody must do who is named and does not speak here, so that nobody can answer for them."""
        match = patterns.DUTY[self._language].match(sentence)
        if match is None or not self._people.is_absent_person(match["who"]):
            return None
        task, when = task_and_when(match["task"])
        return Commitment(match["who"], task, when, place) if content_words(task) else None

    def _dates_the_last(self, place: int, request: _Request) -> bool:
        """ "Could you do that by Thursday?" dates the promise of whoever spoke before. Return whether it does."""
        if content_words(request.task) or not is_deictic(request.task) or not self._commitments.made:
            return False
        owner = self._commitments.made[-1].owner
        return owner != request.by and self._commitments.date_last(owner, place - 1, request.when)

    def _date_by_closing(self, place: int, turn: Turn) -> None:
        """ "Sure, I'll send it. By Friday." """
        closing = turn.sentences[-1] if turn.sentences else ""
        when = patterns.WHEN.search(closing)
        if when and self._commitments.made and len(content_words(closing) - content_words(when[0])) <= 1:
            self._commitments.date_last(self._commitments.made[-1].owner, place, closing)

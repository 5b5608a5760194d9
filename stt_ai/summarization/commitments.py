"""Who promised what by when, out of the turns of a conversation in English or Spanish.

A promise counts for the person who makes it: who says "I will", or who is asked and agrees. What is declined does not
count, and what somebody else takes over is theirs. Rules alone decide on the person and the date, since small language
models give more than a quarter of all tasks to the wrong person.
"""

import re
from collections.abc import Callable, Sequence

from stt_ai.summarization import date_patterns as dates
from stt_ai.summarization import promise_patterns as patterns
from stt_ai.summarization.addressees import Addressees
from stt_ai.summarization.commitment import Commitment, Commitments
from stt_ai.summarization.open_requests import OpenRequests, Request
from stt_ai.summarization.promise_reading import date_in, promise_in, read_promise, tells_a_story
from stt_ai.summarization.turns import Turn
from stt_ai.summarization.verb_phrases import after_decline, content_words, is_deictic, task_and_when, task_of


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
        self._requests = OpenRequests()
        self.refused: list[tuple[str, str]] = []
        for place, turn in enumerate(self._turns):
            on_turn()
            self._requests.expire(place)
            self._follow(place, turn)

    @property
    def found(self) -> list[Commitment]:
        """Return the promises that stand at the end, in order."""
        return self._commitments.made

    def _follow(self, place: int, turn: Turn) -> None:
        """Take a turn's answer to what was asked, then its own promises, then its requests."""
        if dates.ASKS_WHEN.search(self._turns[place - 1].text if place else ""):
            self._commitments.date_last(turn.speaker, 0, turn.text)
        answers = declines = False
        for number, sentence in enumerate(turn.sentences):
            for clause in patterns.NEXT_PROMISE.split(sentence):
                answered, declined = self._follow_clause(place, turn, number, clause, answers)
                answers, declines = answers or answered, declines or declined
        if declines:
            return
        if answers:  # what somebody promises is the answer to what was asked
            self._requests.close_answered(turn.speaker, place)
        else:
            self._accept(place, turn)
        self._date_by_closing(place, turn)

    def _follow_clause(self, place: int, turn: Turn, number: int, spoken: str, answers: bool) -> tuple[bool, bool]:
        """Take in one clause of sentence ``number``. Return whether it promises something, and whether it declines."""
        lang = self._language
        if new_date := dates.NEW_DATE.match(spoken):
            self._commitments.redate_last(turn.speaker, place, new_date["date"] or new_date["mended"])
        sentence = dates.CORRECTED.sub(r"\g<later>", patterns.RESTART.sub("", spoken))
        if patterns.BROKEN_OFF.search(sentence) or self._passes_on(place, turn, sentence):
            return False, False
        if patterns.DECLINES[lang].search(sentence) or _retracts(sentence):
            rest = after_decline(sentence)
            if not patterns.PROMISE[lang].search(rest) and not patterns.TAKES[lang].search(rest):
                self._decline(place, turn.speaker, sentence)
                return False, True
            sentence = rest
        if patterns.TAKES[lang].search(sentence):
            self._take(place, turn.speaker, sentence)
            return True, False
        if (promise := promise_in(sentence, lang)) is not None:
            return self._promise_or_offer(place, turn, promise, number), False
        if offered := patterns.OFFER[lang].search(sentence):
            self._offer(place, turn.speaker, offered["task"])
        elif (duty := self._duty(place, sentence)) is not None:
            self._commitments.add(duty)
        elif (request := self._request(place, turn, sentence)) is not None:
            if not self._dates_the_last(place, request):
                self._requests.add(request)
        elif answers and patterns.ABOUT_IT.search(sentence):
            self._commitments.date_last(turn.speaker, place, sentence)
        return False, False

    def _promise_or_offer(self, place: int, turn: Turn, promise: re.Match[str], number: int) -> bool:
        """Take in what ``turn`` promises. Return whether it is more than an offer."""
        if self._is_weak(place, turn, promise, number):
            self._offer(place, turn.speaker, task_of(promise))
            return False
        if number == 0 and patterns.CONFIRMS.match(promise.string):
            self._commitments.withdraw_offer(turn.speaker, place - 1)
        if promise.groupdict().get("delivery"):
            self._deliver(place, turn.speaker, promise)
        else:
            self._promise(place, turn.speaker, promise, number)
        return True

    def _offer(self, place: int, speaker: str, offered: str) -> None:
        task, when = task_and_when(offered)
        self._requests.add(Request(task, when, speaker, speaker, place, offer=True))

    def _is_weak(self, place: int, turn: Turn, promise: re.Match[str], number: int) -> bool:
        """Return whether "I could …" or "I have to …" is said without a date, and answers nobody."""
        if not patterns.WEAK_PROMISE.match(promise[0]) or patterns.CONCLUDES.match(promise.string):
            return False
        following = " ".join(turn.sentences[number + 1 : number + 2])
        if dates.WHEN.search(f"{promise.string} {following}") or patterns.ABOUT_IT.search(following):
            return False
        task, _ = task_and_when(task_of(promise))
        return not any(_is_answer(task, one.task) for one in self._requests.just_asked(turn.speaker, place))

    def _accept(self, place: int, turn: Turn) -> None:
        """Who is asked and agrees has promised it, and who offers it to somebody who agrees."""
        accepts = patterns.ACCEPTS[self._language].search(turn.sentences[0] if turn.sentences else "")
        if not accepts and not any(map(patterns.APPROVES.search, turn.sentences[:2])):
            return
        said = date_in(turn.text)
        for offer in self._requests.offers(place, lambda one: one.by != turn.speaker):
            self._commit(place, offer.by, offer.task, offer.when or said, offered=True)
            self._requests.close(offer)
        for request in self._requests.asked_of(turn.speaker, place) if accepts else ():
            self._commit(place, turn.speaker, request.task, request.when or said)
            self._requests.close(request)

    def _commit(self, place: int, owner: str, task: str, when: str, offered: bool = False) -> None:
        self._commitments.add(Commitment(owner, task, when, place, is_deictic(task), offered))

    def _take(self, place: int, speaker: str, sentence: str) -> None:
        """ "I'll do it" takes what was asked for last."""
        request = self._requests.takeable(speaker, place)
        if request is not None:
            self._commit(place, speaker, request.task, date_in(sentence) or request.when)
            self._requests.close(request)
        elif not self._date_own(place, speaker, sentence) and patterns.DOES_IT.search(sentence):
            self._commit(place, speaker, "take care of it", "")

    def _date_own(self, place: int, speaker: str, sentence: str) -> bool:
        """Date what ``speaker`` promised last, if a date is said. Return whether there is such a promise."""
        own = self._commitments.last_of(speaker, place)
        if own is not None:
            self._commitments.date(own, sentence)
        return own is not None

    def _deliver(self, place: int, speaker: str, promise: re.Match[str]) -> None:
        """ "You'll have it on Friday" dates what was promised or asked for, or is a promise of its own."""
        if self._commitments.date_last(speaker, place, promise.string):
            return
        task, when = read_promise(promise, "")
        if re.match(r"(?:it|them)\b", promise["delivery"]):
            if (request := self._requests.put_to(speaker, place)) is not None:
                self._commit(place, speaker, request.task, date_in(promise.string) or request.when)
                self._requests.close(request)
                return
            if self._date_own(place, speaker, promise.string):
                return
        self._commitments.add(Commitment(speaker, task, when, place))

    def _promise(self, place: int, speaker: str, promise: re.Match[str], number: int) -> None:
        other = self._turns[place - 1].speaker if place else ""
        task, when = read_promise(promise, other if other != speaker else "")
        if patterns.TRIES.match(task):
            self._date_own(place, speaker, promise.string)
            return
        if not content_words(task) and not is_deictic(task):
            return
        request = self._requests.answerable(speaker, place)
        points = bool(promise.groupdict().get("clitic_object")) and request == self._requests.put_to(speaker, place)
        if request is not None and (points or _is_answer(task, request.task)):
            when = when or request.when
            if points or is_deictic(task) or len(content_words(task)) < len(content_words(request.task)):
                task = request.task
            self._requests.close(request)
        elif not when and self._people.is_interviewed(speaker):
            return  # "I will stop when I'm old": a statement, promised to nobody
        if tells_a_story(promise, task, when):
            return
        following = " ".join(self._turns[place].sentences[number + 1 : number + 2])
        if not when and patterns.ABOUT_IT.search(following):
            when = date_in(following)
        self._commit(place, speaker, task, when)

    def _decline(self, place: int, speaker: str, sentence: str) -> None:
        """What is declined is open to others, and a promise that is taken back is none."""
        self.refused += [(speaker, request.task) for request in self._requests.release(speaker)]
        for made in self._commitments.take_back(speaker, sentence, place if _retracts(sentence) else None):
            self.refused.append((speaker, made.task))
            self._requests.add(Request(made.task, made.when, "", speaker, place))

    def _passes_on(self, place: int, turn: Turn, sentence: str) -> bool:
        """ "I can't. Lu?": give what is open to whoever is called. Return whether the sentence only calls somebody."""
        person = self._people.addressed(turn, sentence) if sentence.endswith("?") else ""
        asked = content_words(patterns.PASSES_ON.sub("", sentence)) - content_words(person)
        if not person or person not in sentence or asked - {"maybe", "about"}:
            return False
        self._requests.pass_on(person, place)
        return True

    def _request(self, place: int, turn: Turn, sentence: str) -> Request | None:
        """Return what a sentence asks, unless it only says who is to do what is open already."""
        person, before = self._people.addressed(turn, sentence), ""
        match = patterns.REQUEST[self._language].search(sentence) or self._people.assigned(sentence)
        if match is None:
            person, match = "", patterns.OPEN[self._language].search(sentence)
        if match is None:
            return None
        if match.groupdict().get("who"):
            person, before = self._people.spelled(match["who"]), sentence[: match.start()]
            if self._settle_offer(person, place, match):
                return None
        task, when = task_and_when(self._people.without_address(task_of(match)))
        vague = not content_words(task)
        if vague and (not is_deictic(task) or (person and self._requests.reassign(person, turn.speaker))):
            return None
        direct = match.re is patterns.REQUEST[self._language]
        if direct and not person:
            person = self._people.only_other(turn.speaker)
        return Request(task, when or date_in(before), person, turn.speaker, place, direct)

    def _settle_offer(self, person: str, place: int, assigned: re.Match[str]) -> bool:
        """ "I could squeeze it in." "Bob does the banner then." Return whether ``person`` offered it just before."""
        if self._commitments.settle_offer(person, place, assigned):
            return True
        offers = self._requests.offers(place, lambda one: one.by == person)
        if not offers:
            return False
        self._requests.close(offers[-1])
        task, when = task_and_when(task_of(assigned))
        self._commit(place, person, task, when or offers[-1].when)
        return True

    def _duty(self, place: int, sentence: str) -> Commitment | None:
        """Return what somebody must do who is named and does not speak here, so that nobody can answer for them."""
        match = patterns.DUTY[self._language].match(sentence)
        if match is None or not self._people.is_absent_person(match["who"]):
            return None
        task, when = task_and_when(match["task"])
        return Commitment(match["who"], task, when, place) if content_words(task) else None

    def _dates_the_last(self, place: int, request: Request) -> bool:
        """ "Could you do that by Thursday?" dates the promise of whoever spoke before. Return whether it does."""
        if content_words(request.task) or not is_deictic(request.task) or not self._commitments.made:
            return False
        owner = self._commitments.made[-1].owner
        return owner != request.by and self._commitments.date_last(owner, place - 1, request.when)

    def _date_by_closing(self, place: int, turn: Turn) -> None:
        """ "Sure, I'll send it. By Friday." """
        closing = turn.sentences[-1] if turn.sentences else ""
        when = dates.WHEN.search(closing)
        if when and self._commitments.made and len(content_words(closing) - content_words(when[0])) <= 1:
            self._commitments.date_last(self._commitments.made[-1].owner, place, closing)


def _retracts(sentence: str) -> bool:
    """ "No, wait, I haven't got the car": return whether this takes back what was said before, not only its date."""
    retracts = patterns.RETRACTS.match(sentence) and patterns.NOT_ME.search(sentence)
    return bool(retracts) and not dates.WHEN.search(sentence)


def _is_answer(promised: str, asked: str) -> bool:
    """Return whether a promise answers a request: it shares a word of meaning with it, or has none."""
    words = content_words(promised)
    return not words or bool(words & content_words(asked))

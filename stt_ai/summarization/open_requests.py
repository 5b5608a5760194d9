"""What was asked or offered in a conversation and is not answered yet."""

from collections.abc import Callable
from dataclasses import dataclass

from stt_ai.summarization.commitment import REACH


@dataclass(slots=True)
class Request:
    """Something that is to be done, asked by ``by`` of ``person`` or of anybody (empty).

    ``direct``: asked of whoever answers, such as "Can you …?". ``offer``: ``by`` would do it if somebody agrees.
    """

    task: str
    when: str
    person: str
    by: str
    turn: int
    direct: bool = False
    offer: bool = False


class OpenRequests:
    """The requests and offers of the last few turns, in order."""

    def __init__(self) -> None:
        self._open: list[Request] = []

    def add(self, request: Request) -> None:
        """Take a request or an offer in."""
        self._open.append(request)

    def close(self, request: Request) -> None:
        """Forget a request that was answered."""
        self._open.remove(request)

    def expire(self, place: int) -> None:
        """Forget what nobody answered within `REACH` turns before ``place``."""
        self._open = [one for one in self._open if place - one.turn <= REACH]

    def close_answered(self, speaker: str, place: int) -> None:
        """Forget what ``speaker`` was asked before turn ``place``, in which this person promised something."""
        self._open = [one for one in self._open if one.person != speaker or one.turn == place]

    def offers(self, place: int, fits: Callable[[Request], bool]) -> list[Request]:
        """Return the offers of the turn before ``place`` that fit."""
        return [one for one in self._open if one.offer and one.turn == place - 1 and fits(one)]

    def asked_of(self, speaker: str, place: int) -> list[Request]:
        """Return what ``speaker`` was asked last before turn ``place``; else what was just asked of whoever answers."""
        requests = [one for one in self._open if not one.offer]
        asked = [one for one in requests if one.turn < place and one.person == speaker]
        last = requests[-1:]
        return [one for one in asked if one.turn == asked[-1].turn] or [
            one for one in last if one.direct and one.turn == place - 1 and one.by != speaker and not one.person
        ]

    def takeable(self, speaker: str, place: int) -> Request | None:
        """Return the last request that ``speaker`` may mean by "I'll do it"."""
        fits = [one for one in self._open if not one.offer and (one.person in ("", speaker) or one.turn >= place - 1)]
        return fits[-1] if fits else None

    def put_to(self, speaker: str, place: int) -> Request | None:
        """Return the last request of the turn before ``place`` that was put to ``speaker`` by name."""
        fits = [one for one in self._open if one.person == speaker and one.turn >= place - 1]
        return fits[-1] if fits else None

    def answerable(self, speaker: str, place: int) -> Request | None:
        """Return the last thing asked or offered before turn ``place`` that a promise of ``speaker`` may answer."""
        fits = [one for one in self._open if one.turn < place and (one.person in ("", speaker) or one.by != speaker)]
        return fits[-1] if fits else None

    def just_asked(self, speaker: str, place: int) -> list[Request]:
        """Return what others than ``speaker`` asked in the turn before ``place`` or in it."""
        return [one for one in self._open if one.turn >= place - 1 and one.by != speaker]

    def release(self, speaker: str) -> list[Request]:
        """Open to anybody what was asked of ``speaker``, who declines. Return it."""
        released = [one for one in self._open if one.person == speaker]
        for request in released:
            request.person = ""
        return released

    def pass_on(self, person: str, place: int) -> None:
        """Put the last request that is open to anybody to ``person``."""
        open_to_all = [one for one in self._open if not one.person and not one.offer and place - one.turn <= 1]
        if open_to_all:
            open_to_all[-1].person = person

    def reassign(self, person: str, by: str) -> bool:
        """ "Erin can do it", said ``by`` somebody: put the last request that is theirs or nobody's to ``person``."""
        for request in reversed(self._open):
            if request.person in ("", by):
                request.person = person
                return True
        return False

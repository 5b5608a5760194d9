"""How long a file would wait, from the audio before it and the time that recent files took for theirs.

What `Backlog` measures is what its caller will see: a file that found Q seconds of audio before it, has S itself and
took T seconds, says that the service does a second of audio in T / (Q + S). A newcomer that finds Q' waits Q' times
that. The parts need not be known: whichever of them is the slowest, and whatever else the machine does (live streams go
before files), is in T. This is the queue-length estimator of Ibrahim and Whitt, "Real-Time Delay Estimation Based on
Delay History" (2009), by audio instead of by customers, for they differ a thousandfold. When the service becomes slower
at once, those who are done tell it late, so those who still wait are asked too, as in the same paper's head-of-line
estimator.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from stt_ai.errors import Overloaded

AHEAD_S = 960.0
"""More of one file is never before another: usually 32 windows of 30 s of it wait for the model at once."""
MEMORY_S = 30.0
"""The measured pace forgets: after so many seconds of files' time what was before counts a third."""
MAX_RETRY_S = 600.0
COMING_S = 10.0
"""Who was let in and took longer to send a file is not about to take a place: it counts when the file is there."""


class Reservation:
    """One request that was let in, from before its file is sent until its work ends."""

    def __init__(self, backlog: "Backlog") -> None:
        self._backlog = backlog

    def begin(self) -> AbstractContextManager[Callable[[float], None]]:
        """Around the work on the file, as `Backlog.begin`."""
        return self._backlog.begin(self)


class _Work:
    """One file that is worked on. ``seconds`` of audio, as far as known; ``found``: what was before it."""

    def __init__(self, seconds: float, found: float, since: float, ahead_s: float) -> None:
        self.seconds = seconds
        self.ahead_s = ahead_s
        self.found = found
        self.since = since
        self.known = False

    @property
    def weight(self) -> float:
        """Return the seconds of it that can be before another file."""
        return min(self.seconds, self.ahead_s)


class Backlog:
    """The files that are worked on in this process, and when the next one would have its turn.

    ``guaranteed_slots``: so many are let in however long they take. Beyond them one is let in when it would wait for at
    most ``max_wait_s`` seconds. ``ahead_s``: of one file, what may be before another.
    """

    def __init__(
        self,
        max_wait_s: float,
        guaranteed_slots: int,
        clock: Callable[[], float] = time.monotonic,
        ahead_s: float = AHEAD_S,
    ) -> None:
        self._max_wait_s = max_wait_s
        self._guaranteed_slots = guaranteed_slots
        self._ahead_s = ahead_s
        self._clock = clock
        self._working: set[_Work] = set()
        self._coming: dict[Reservation, float] = {}  # since when
        self._taken = self._done = 0.0  # seconds of time, and of audio, of recent files
        self._usual = 0.0  # seconds of audio of a recent file

    def __len__(self) -> int:
        return len(self._working)

    @property
    def seconds(self) -> float:
        """Return the audio that a newcomer finds before it."""
        return self._here + self._on_the_way * self._usual

    @property
    def _here(self) -> float:
        return sum(work.weight for work in self._working)

    @property
    def _on_the_way(self) -> int:
        since = self._clock() - COMING_S
        return sum(reserved > since for reserved in self._coming.values())

    @property
    def wait_s(self) -> float:
        """Return how long a newcomer would wait; 0 as long as nothing was measured."""
        if not self._done:
            return 0.0
        return self.seconds * max(self._taken / self._done, self._pace_under_way())

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """Around a request from before its file is sent, so that many who come together are not all let in for one.

        Raise `Overloaded`, which says to come back when half of the longest wait will be left.
        """
        self._require_room()
        reservation = Reservation(self)
        self._coming[reservation] = self._clock()
        try:
            yield reservation
        finally:
            self._coming.pop(reservation, None)

    def _require_room(self) -> None:
        if len(self._working) + self._on_the_way < self._guaranteed_slots or self.wait_s <= self._max_wait_s:
            return
        message = f"The service has more to do than it can begin within {self._max_wait_s:g} seconds. Try again later."
        raise Overloaded(message, min(max(1.0, self.wait_s - self._max_wait_s / 2), MAX_RETRY_S))

    @contextmanager
    def begin(self, reservation: Reservation | None = None) -> Iterator[Callable[[float], None]]:
        """Around the work on one file. What is yielded is called with the seconds of its audio when they are known.

        ``reservation`` None: it was let in otherwise. Only work that ends well is measured: what fails or is given up
        says nothing of the pace.
        """
        if reservation is not None:
            self._coming.pop(reservation, None)
        work = _Work(self._usual, self._here, self._clock(), self._ahead_s)
        self._working.add(work)

        def count(seconds: float) -> None:
            work.seconds, work.known = seconds, True

        try:
            yield count
            if work.known and work.weight > 0:
                self._measure(work)
        finally:
            self._working.discard(work)

    def _pace_under_way(self) -> float:
        """Seconds for a second of audio, which a quarter of those under way have already taken.

        Not the slowest: a few may wait for something of their own, such as a model that is being loaded.
        """
        now = self._clock()
        paces = sorted((now - work.since) / (work.found + work.seconds) for work in self._working if work.seconds > 0)
        return paces[len(paces) * 3 // 4] if paces else 0.0

    def _measure(self, work: _Work) -> None:
        took = self._clock() - work.since
        kept = math.exp(-took / MEMORY_S / max(1, len(self._working)))  # many at once took the same time together
        self._taken = kept * self._taken + took
        self._done = kept * self._done + work.found + work.seconds
        self._usual += 0.1 * (work.weight - self._usual) if self._usual else work.weight

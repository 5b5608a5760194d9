"""Estimates how long a new file would wait, from the audio before it and the pace of recent files.

A file that found Q seconds of audio before it, has S seconds itself and took T seconds shows a pace of T / (Q + S)
seconds for a second of audio. A new file that finds Q' seconds before it waits Q' times that. T includes whatever is
the bottleneck and whatever else the machine does, such as live streams, which go before files. This is the queue-length
estimator of Ibrahim and Whitt, "Real-Time Delay Estimation Based on Delay History" (2009), with seconds of audio in
place of customers, since files differ a thousandfold. Finished files show a sudden slowdown late, so the pace of files
under way counts too, as in the same paper's head-of-line estimator.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from stt_ai.errors import Overloaded

AHEAD_S = 960.0
"""No more than this of one file is before another: usually 32 windows of 30 s of it are in flight."""
MEMORY_S = 30.0
"""The time constant, in seconds of files' time, with which measurements of the pace lose weight."""
MAX_RETRY_S = 600.0
RESERVED_S = 10.0
"""A request that was admitted and has not sent its file within this time counts again only once the file is there."""


class Reservation:
    """The place of one admitted request, from before its file is sent until its work ends."""

    def __init__(self, backlog: "Backlog") -> None:
        self._backlog = backlog

    def begin(self) -> AbstractContextManager[Callable[[float], None]]:
        """Return the context of the work on the file, as `Backlog.begin` does."""
        return self._backlog.begin(self)


class _Work:
    """One file that is worked on. ``seconds``: its audio, as far as known; ``found``: the audio before it."""

    def __init__(self, seconds: float, found: float, since: float, ahead_s: float) -> None:
        self.seconds = seconds
        self.ahead_s = ahead_s
        self.found = found
        self.since = since
        self.known = False

    @property
    def weight(self) -> float:
        """Return the seconds of it that count as before another file."""
        return min(self.seconds, self.ahead_s)


class Backlog:
    """The files that are worked on in this process, and how long a new one would wait.

    ``guaranteed_slots`` files are admitted whatever the wait. Beyond them a file is admitted if it would wait for at
    most ``max_wait_s`` seconds. ``ahead_s``: how much of one file counts as before another.
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
        self._elsewhere = 0.0  # seconds of audio that other processes work on
        self._reserved: dict[Reservation, float] = {}  # -> since when
        self._taken = self._done = 0.0  # seconds of time, and of audio, of recent files
        self._usual = 0.0  # seconds of audio of a recent file

    def __len__(self) -> int:
        return len(self._working)

    @property
    def seconds(self) -> float:
        """Return the seconds of audio before a new file."""
        return self._seconds_in_work + self._awaited * self._usual

    @property
    def _seconds_in_work(self) -> float:
        return self._elsewhere + sum(work.weight for work in self._working)

    def count_elsewhere(self, remaining_s: Iterable[float]) -> None:
        """Count files that other processes work on, such as jobs, by the seconds of audio that are left of each."""
        self._elsewhere = sum(min(seconds, self._ahead_s) for seconds in remaining_s)

    @property
    def _awaited(self) -> int:
        since = self._clock() - RESERVED_S
        return sum(reserved > since for reserved in self._reserved.values())

    @property
    def wait_s(self) -> float:
        """Return how many seconds a new file would wait; 0 as long as nothing was measured."""
        if not self._done:
            return 0.0
        return self.seconds * max(self._taken / self._done, self._pace_under_way())

    @contextmanager
    def reserve(self) -> Iterator[Reservation]:
        """Hold a place for a request whose file is not sent yet, so that many at once are not all admitted for one.

        Raise `Overloaded`, with a ``retry_after`` at which half of the longest wait will be left.
        """
        self._require_room()
        reservation = Reservation(self)
        self._reserved[reservation] = self._clock()
        try:
            yield reservation
        finally:
            self._reserved.pop(reservation, None)

    def _require_room(self) -> None:
        if len(self._working) + self._awaited < self._guaranteed_slots or self.wait_s <= self._max_wait_s:
            return
        message = f"The service has more to do than it can begin within {self._max_wait_s:g} seconds. Try again later."
        raise Overloaded(message, min(max(1.0, self.wait_s - self._max_wait_s / 2), MAX_RETRY_S))

    @contextmanager
    def begin(self, reservation: Reservation | None = None) -> Iterator[Callable[[float], None]]:
        """Count the work on one file. Yield a function to call with the seconds of its audio once they are known.

        ``reservation`` None: it was admitted otherwise. Only work that succeeds is measured: failures say nothing about
        the pace.
        """
        if reservation is not None:
            self._reserved.pop(reservation, None)
        work = _Work(self._usual, self._seconds_in_work, self._clock(), self._ahead_s)
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
        """Return the pace that a quarter of the files under way have already exceeded.

        Not that of the slowest one: a few may wait for something else, such as a model that is loading.
        """
        now = self._clock()
        paces = sorted((now - work.since) / (work.found + work.seconds) for work in self._working if work.seconds > 0)
        return paces[len(paces) * 3 // 4] if paces else 0.0

    def _measure(self, work: _Work) -> None:
        took = self._clock() - work.since
        kept = math.exp(-took / MEMORY_S / max(1, len(self._working)))  # files at the same time share it
        self._taken = kept * self._taken + took
        self._done = kept * self._done + work.found + work.seconds
        self._usual += 0.1 * (work.weight - self._usual) if self._usual else work.weight

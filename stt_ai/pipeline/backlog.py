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
from contextlib import contextmanager

from stt_ai.errors import Overloaded
from stt_ai.ports import OnDuration, OnText, TranscriptionService
from stt_ai.types import Transcript, TranscriptionRequest, Upload

AHEAD_S = 960.0
"""More of one file is never before another: usually 32 windows of 30 s of it wait for the model at once."""
MEMORY_S = 30.0
"""The measured pace forgets: after so many seconds of files' time what was before counts a third."""
LONGEST_RETRY_S = 600.0
COMING_S = 10.0
"""Who was let in and took longer to send a file is not about to take a place: it counts when the file is there."""


class _Stay:
    """One file that is worked on. ``seconds`` of audio, as far as known; ``found``: what was before it."""

    def __init__(self, seconds: float, found: float, since: float, ahead_s: float) -> None:
        self.seconds = seconds
        self.ahead_s = ahead_s
        self.found = found
        self.since = since
        self.known = False

    @property
    def weight(self) -> float:
        return min(self.seconds, self.ahead_s)


class Backlog:
    """The files that are worked on in this process, and when the next one would have its turn.

    ``always``: so many are let in however long they take. Beyond them one is let in when it would wait for at most
    ``longest_s`` seconds. ``ahead_s``: of one file, what may be before another.
    """

    def __init__(
        self,
        longest_s: float,
        always: int,
        clock: Callable[[], float] = time.monotonic,
        ahead_s: float = AHEAD_S,
    ) -> None:
        self._longest_s = longest_s
        self._always = always
        self._ahead_s = ahead_s
        self._clock = clock
        self._stays: set[_Stay] = set()
        self._coming: dict[object, float] = {}  # since when, the oldest first
        self._taken = self._done = 0.0  # seconds of time, and of audio, of recent files
        self._usual = 0.0  # seconds of audio of a recent file

    def __len__(self) -> int:
        return len(self._stays)

    @property
    def seconds(self) -> float:
        """Of audio, that a newcomer finds before it."""
        return self._here + self._on_the_way * self._usual

    @property
    def _here(self) -> float:
        return sum(stay.weight for stay in self._stays)

    @property
    def _on_the_way(self) -> int:
        since = self._clock() - COMING_S
        return sum(begun > since for begun in self._coming.values())

    @property
    def wait_s(self) -> float:
        """How long a newcomer would wait; 0 as long as nothing was measured."""
        if not self._done:
            return 0.0
        return self.seconds * max(self._taken / self._done, self._pace_under_way())

    @contextmanager
    def room(self) -> Iterator[None]:
        """Around a request from before its file is sent, so that many who come together are not all let in for one.

        Raises `Overloaded`, which says to come back when half of the longest wait will be left.
        """
        self._require_room()
        coming = object()
        self._coming[coming] = self._clock()
        try:
            yield
        finally:
            self._coming.pop(coming, None)

    def _require_room(self) -> None:
        if len(self._stays) + self._on_the_way < self._always or self.wait_s <= self._longest_s:
            return
        message = f"The service has more to do than it can begin within {self._longest_s:g} seconds. Try again later."
        raise Overloaded(message, min(max(1.0, self.wait_s - self._longest_s / 2), LONGEST_RETRY_S))

    @contextmanager
    def stay(self) -> Iterator[Callable[[float], None]]:
        """Around the work on one file. To be told the seconds of its audio when they are known.

        Only work that ends well is measured: what fails or is given up says nothing of the pace.
        """
        if self._coming:  # whoever it was that is here now
            del self._coming[next(iter(self._coming))]
        stay = _Stay(self._usual, self._here, self._clock(), self._ahead_s)
        self._stays.add(stay)

        def tell(seconds: float) -> None:
            stay.seconds, stay.known = seconds, True

        try:
            yield tell
            if stay.known and stay.weight > 0:
                self._measure(stay)
        finally:
            self._stays.discard(stay)

    def _pace_under_way(self) -> float:
        """Seconds for a second of audio, which a quarter of those under way have already taken.

        Not the slowest: a few may wait for something of their own, such as a model that is being loaded.
        """
        now = self._clock()
        paces = sorted((now - stay.since) / (stay.found + stay.seconds) for stay in self._stays if stay.seconds > 0)
        return paces[len(paces) * 3 // 4] if paces else 0.0

    def _measure(self, stay: _Stay) -> None:
        took = self._clock() - stay.since
        kept = math.exp(-took / MEMORY_S / max(1, len(self._stays)))  # many at once took the same time together
        self._taken = kept * self._taken + took
        self._done = kept * self._done + stay.found + stay.seconds
        self._usual += 0.1 * (stay.weight - self._usual) if self._usual else stay.weight


class CountedTranscription:
    """A `TranscriptionService` whose files are in ``backlog`` while they are worked on."""

    def __init__(self, service: TranscriptionService, backlog: Backlog) -> None:
        self._service = service
        self._backlog = backlog

    async def transcribe(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        on_duration: OnDuration | None = None,
        on_text: OnText | None = None,
    ) -> Transcript:
        with self._backlog.stay() as tell:

            async def told(seconds: float) -> None:
                tell(seconds)
                if on_duration is not None:
                    await on_duration(seconds)

            return await self._service.transcribe(upload, request, told, on_text)

"""Refuses new live sessions while the finals of the open ones take too long."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stt_ai.errors import Overloaded
from stt_ai.ports import LiveRecognizer
from stt_ai.types import DecodingOptions, Hypothesis, LoadedModel, Samples, WindowTranscript

RECENT_S = 10.0
MIN_COUNT = 3
"""Finals that are averaged at least: a single one may have waited for a batch of files that began before it."""


class LatencyMonitor:
    """Measures finals. No further session has room while recent ones took more than ``max_s`` on average."""

    def __init__(self, max_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_s = max_s
        self._clock = clock
        self._measured: deque[tuple[float, float]] = deque(maxlen=1000)  # (when, seconds that it took)
        self._waiting: dict[object, float] = {}

    @property
    def seconds(self) -> float:
        """Return the mean latency of recent finals and of overdue ones; 0 where there are too few."""
        now = self._clock()
        while self._measured and self._measured[0][0] < now - RECENT_S:
            self._measured.popleft()
        known = [took for _, took in self._measured]
        late = [now - since for since in self._waiting.values() if now - since > self._max_s]
        return sum(known + late) / len(known + late) if len(known + late) >= MIN_COUNT else 0.0

    def require_room(self) -> None:
        """Raise `Overloaded` while finals take too long."""
        if self.seconds > self._max_s:
            message = "The service has as many live streams open as it can transcribe in time. Try again later."
            raise Overloaded(message, RECENT_S)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure one decode that somebody waits for, while the context is open."""
        request, since = object(), self._clock()
        self._waiting[request] = since
        try:
            yield
        finally:
            del self._waiting[request]
            self._measured.append((self._clock(), self._clock() - since))


class TimedRecognizer:
    """A `LiveRecognizer` whose finals are timed; partials may be late or dropped, and are not."""

    def __init__(self, recognizer: LiveRecognizer, latency: LatencyMonitor) -> None:
        self._recognizer = recognizer
        self._latency = latency

    async def describe(self) -> LoadedModel:
        """As `LiveRecognizer.describe`."""
        return await self._recognizer.describe()

    async def transcribe_partial(
        self, samples: Samples, options: DecodingOptions, *, key: str, within_s: float
    ) -> Hypothesis | None:
        """As `LiveRecognizer.transcribe_partial`; not timed."""
        return await self._recognizer.transcribe_partial(samples, options, key=key, within_s=within_s)

    async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        """As `LiveRecognizer.transcribe_final`; timed."""
        with self._latency.timed():
            return await self._recognizer.transcribe_final(samples, options, key=key)

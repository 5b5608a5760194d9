"""How late the texts of the live sessions are, so that no more are begun than can be heard in time."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stt_ai.errors import Overloaded
from stt_ai.ports import LiveRecognizer
from stt_ai.types import DecodingOptions, Hypothesis, LoadedModel, Samples, WindowTranscript

RECENT_S = 10.0
ENOUGH = 3
"""One text may have waited for a batch of files that had begun before it; so many together say that it is always so."""


class Lag:
    """``longest_s``: when recent texts took longer than this on average, no further session has room."""

    def __init__(self, longest_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest_s = longest_s
        self._clock = clock
        self._heard: deque[tuple[float, float]] = deque(maxlen=1000)  # (when, seconds that it took)
        self._waiting: dict[object, float] = {}

    @property
    def seconds(self) -> float:
        """From a question to its text, on average of the last ones and of what waits still; 0 where few were asked."""
        now = self._clock()
        while self._heard and self._heard[0][0] < now - RECENT_S:
            self._heard.popleft()
        known = [took for _, took in self._heard]
        late = [now - since for since in self._waiting.values() if now - since > self._longest_s]
        return sum(known + late) / len(known + late) if len(known + late) >= ENOUGH else 0.0

    def require_room(self) -> None:
        """Raises `Overloaded`."""
        if self.seconds > self._longest_s:
            message = "As many live streams are open as can be heard in time. Try again later."
            raise Overloaded(message, RECENT_S)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Measure one decode that somebody waits for, while the context is open."""
        question, since = object(), self._clock()
        self._waiting[question] = since
        try:
            yield
        finally:
            del self._waiting[question]
            self._heard.append((self._clock(), self._clock() - since))


class TimedRecognizer:
    """A `LiveRecognizer` whose decisions are timed; guesses may be late or dropped, and are nobody's measure."""

    def __init__(self, recognizer: LiveRecognizer, lag: Lag) -> None:
        self._recognizer = recognizer
        self._lag = lag

    async def describe(self) -> LoadedModel:
        """As `LiveRecognizer.describe`."""
        return await self._recognizer.describe()

    async def guess(self, samples: Samples, options: DecodingOptions, *, key: str, within: float) -> Hypothesis | None:
        """As `LiveRecognizer.guess`; not timed."""
        return await self._recognizer.guess(samples, options, key=key, within=within)

    async def hear(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        """As `LiveRecognizer.hear`; timed."""
        with self._lag.timed():
            return await self._recognizer.hear(samples, options, key=key)

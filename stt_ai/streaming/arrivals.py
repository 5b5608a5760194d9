"""When the audio of a live session came, so that it is known how late its text is."""

from collections import deque
from collections.abc import Callable

from stt_ai.meters import AUDIO, LIVE_LAG, Meters
from stt_ai.types import SAMPLE_RATE

PIECE = 5 * SAMPLE_RATE
"""Samples that are counted at once: a stream comes in tenths of seconds, and there may be hundreds of streams."""

GRAIN = SAMPLE_RATE // 50
"""Samples whose time is known together: a caller may send them one by one."""


class Arrivals:
    """Positions are samples of the stream."""

    def __init__(self, meters: Meters, clock: Callable[[], float], begin: int) -> None:
        self._meters = meters
        self._clock = clock
        self._came: deque[tuple[int, float]] = deque()  # (position that was reached, when)
        self._counted = self._position = begin
        self.model = ""

    def reached(self, position: int) -> None:
        """Everything before ``position`` has come by now."""
        self._position = position
        if self._came and self._came[-1][0] // GRAIN == position // GRAIN:
            self._came.pop()
        self._came.append((position, self._clock()))
        if position - self._counted >= PIECE:
            self._count()

    def told(self, position: int) -> None:
        """The text of what ended at ``position`` is told now."""
        self.forget(position)
        if self._came:
            self._meters.observe(LIVE_LAG, self._clock() - self._came[0][1])

    def forget(self, position: int) -> None:
        """Nothing that ends before ``position`` will be told any more."""
        while self._came and self._came[0][0] < position:
            self._came.popleft()

    def end(self) -> None:
        """No more comes. May be called again."""
        self._count()

    def _count(self) -> None:
        if self._position > self._counted:
            self._meters.add(AUDIO, (self._position - self._counted) / SAMPLE_RATE, model=self.model, kind="live")
            self._counted = self._position

"""Arrival times of a live session's audio, to measure how late its text is."""

from collections import deque
from collections.abc import Callable

from stt_ai.meters import AUDIO, LIVE_LAG, Meters
from stt_ai.types import SAMPLE_RATE

COUNTED_AT_ONCE = 5 * SAMPLE_RATE
"""Samples that the meter counts in one step: a stream sends ten messages a second, and there may be hundreds."""

RESOLUTION = SAMPLE_RATE // 50
"""Samples that share one arrival time: a caller may send them one by one."""


class LatencyTracker:
    """Measures the latency of finals. Positions are samples of the stream."""

    def __init__(self, meters: Meters, clock: Callable[[], float], begin: int) -> None:
        self._meters = meters
        self._clock = clock
        self._arrivals: deque[tuple[int, float]] = deque()  # (position that was reached, when)
        self._counted = self._position = begin
        self.model = ""

    def received(self, position: int) -> None:
        """Note that everything before ``position`` has come by now."""
        self._position = position
        if self._arrivals and self._arrivals[-1][0] // RESOLUTION == position // RESOLUTION:
            self._arrivals.pop()
        self._arrivals.append((position, self._clock()))
        if position - self._counted >= COUNTED_AT_ONCE:
            self._count()

    def emitted(self, position: int) -> None:
        """Measure the latency of a final that ends at ``position`` and is emitted now."""
        self.discard_before(position)
        if self._arrivals:
            self._meters.observe(LIVE_LAG, self._clock() - self._arrivals[0][1])

    def discard_before(self, position: int) -> None:
        """Forget arrivals before ``position``, up to which no more text comes."""
        while self._arrivals and self._arrivals[0][0] < position:
            self._arrivals.popleft()

    def end(self) -> None:
        """Count the rest. May be called more than once."""
        self._count()

    def _count(self) -> None:
        if self._position > self._counted:
            self._meters.add(AUDIO, (self._position - self._counted) / SAMPLE_RATE, model=self.model, kind="live")
            self._counted = self._position

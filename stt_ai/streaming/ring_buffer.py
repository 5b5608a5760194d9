"""The samples of a stream that may still be needed."""

import numpy as np

from stt_ai.types import Samples


class RingBuffer:
    """Samples by their position in the stream. Its memory is at most twice what it ever held at once."""

    def __init__(self, start: int = 0) -> None:
        """``start``: the position of the first sample that comes."""
        self._buffer = np.empty(1 << 15, np.int16)
        self._begin = self._end = 0  # in the buffer
        self._first = start

    @property
    def start(self) -> int:
        """Return the position of the oldest sample that is held."""
        return self._first

    @property
    def end(self) -> int:
        """Return the position that the next sample will have."""
        return self._first + self._end - self._begin

    @property
    def capacity(self) -> int:
        """Return how many samples its memory could hold."""
        return len(self._buffer)

    def append(self, samples: Samples) -> None:
        """Add the next samples of the stream."""
        if self._end + len(samples) > len(self._buffer):
            self._make_room(len(samples))
        self._buffer[self._end : self._end + len(samples)] = samples
        self._end += len(samples)

    def drop_before(self, position: int) -> None:
        """Forget the samples before ``position``; not beyond the end."""
        gone = min(max(0, position - self._first), self._end - self._begin)
        self._begin += gone
        self._first += gone

    def copy(self, start: int, end: int) -> Samples:
        """Return the samples [start, end). Raise `ValueError` if they are not all held."""
        if not self._first <= start <= end <= self.end:
            raise ValueError(f"samples {start} to {end} are not held")
        offset = self._begin - self._first
        return self._buffer[start + offset : end + offset].copy()

    def _make_room(self, more: int) -> None:
        held = self._buffer[self._begin : self._end]
        needed = len(held) + more
        buffer = self._buffer if 2 * needed <= len(self._buffer) else np.empty(2 * needed, np.int16)
        buffer[: len(held)] = held.copy()
        self._buffer, self._begin, self._end = buffer, 0, len(held)

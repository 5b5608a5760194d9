"""The events of a session, until its reader takes them."""

import asyncio
from collections import deque

from stt_ai.errors import SlowConsumer, SttError
from stt_ai.streaming.events import Event, Final, Partial


class EventQueue:
    """An async iterator over events, for one reader. Only the newest partial is kept; all else waits in order.

    ``delivered_until``: the position, in samples, at which the last final ends that the reader took.
    """

    def __init__(self, limit: int, delivered_until: int) -> None:
        self._limit = limit
        self._waiting: deque[tuple[Event, int | None]] = deque()
        self._partial: Partial | None = None
        self._changed = asyncio.Event()
        self._closed = False
        self._failure: SttError | None = None
        self.delivered_until = delivered_until

    def put(self, event: Event, end: int | None = None) -> None:
        """Append an event. ``end``: the position at which a final ends. Raise `SlowConsumer` if too many wait."""
        if isinstance(event, Partial):
            self._partial = event
        elif len(self._waiting) >= self._limit:
            raise SlowConsumer("This connection does not read its transcript fast enough.")
        else:
            self._waiting.append((event, end))
        if isinstance(event, Final):
            self._partial = None
        self._changed.set()

    def skip(self, end: int) -> None:
        """Count the stream as delivered up to position ``end``, before which nothing was said."""
        if not any(at is not None for _, at in self._waiting):
            self.delivered_until = max(self.delivered_until, end)

    def close(self, failure: SttError | None = None) -> None:
        """Take no more events. The reader gets those that wait, then the end, or ``failure``."""
        if not self._closed:
            self._closed, self._failure = True, failure
            self._changed.set()

    def __aiter__(self) -> "EventQueue":
        return self

    async def __anext__(self) -> Event:
        while not (self._waiting or self._partial or self._closed):
            self._changed.clear()
            await self._changed.wait()
        if self._waiting:
            event, end = self._waiting.popleft()
            self.delivered_until = end if end is not None else self.delivered_until
            return event
        if self._partial:
            partial, self._partial = self._partial, None
            return partial
        if self._failure:
            raise self._failure
        raise StopAsyncIteration

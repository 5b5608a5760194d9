"""What a session has to tell, until its reader takes it."""

import asyncio
from collections import deque

from stt_ai.errors import SlowConsumer, SttError
from stt_ai.streaming.events import Event, Final, Partial


class Outbox:
    """An async iterator for one reader. Of the partials only the newest waits; all else waits in order.

    ``told``: the position, in samples, of the end of the last final that the reader took.
    """

    def __init__(self, limit: int, told: int) -> None:
        self._limit = limit
        self._waiting: deque[tuple[Event, int | None]] = deque()
        self._partial: Partial | None = None
        self._changed = asyncio.Event()
        self._closed = False
        self._failure: SttError | None = None
        self.told = told

    def put(self, event: Event, end: int | None = None) -> None:
        """``end``: of a final, the position that it reaches. Raises `SlowConsumer` when too much waits."""
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
        """Nothing was said up to position ``end``."""
        if not any(at is not None for _, at in self._waiting):
            self.told = max(self.told, end)

    def close(self, failure: SttError | None = None) -> None:
        """Nothing more comes. The reader gets what waits, then the end, or ``failure``."""
        if not self._closed:
            self._closed, self._failure = True, failure
            self._changed.set()

    def __aiter__(self) -> "Outbox":
        return self

    async def __anext__(self) -> Event:
        while not (self._waiting or self._partial or self._closed):
            self._changed.clear()
            await self._changed.wait()
        if self._waiting:
            event, end = self._waiting.popleft()
            self.told = end if end is not None else self.told
            return event
        if self._partial:
            partial, self._partial = self._partial, None
            return partial
        if self._failure:
            raise self._failure
        raise StopAsyncIteration

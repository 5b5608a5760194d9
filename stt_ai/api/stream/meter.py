"""Pays for a stream minute by minute: each is reserved before it begins, and the stream is charged however it ends."""

import asyncio
import logging
import time

from stt_ai.api.admission import Grant
from stt_ai.api.http.background import start
from stt_ai.errors import LeaseExpired, SttError, Unavailable
from stt_ai.types import SAMPLE_RATE

logger = logging.getLogger(__name__)

MINUTE = 60 * SAMPLE_RATE
RESERVE_AHEAD = 10 * SAMPLE_RATE
"""So long before it begins a minute is asked for, so that the audio need not wait for the books."""
RETRY_INTERVAL_S, MAX_RETRY_S = 5.0, 600.0
"""Books that cannot be reached when a stream ends are asked again so often, and for so long."""


class StreamMeter:
    """Positions are samples that the stream has received, from 0."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant
        self._minutes = 0
        self._ahead: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Reserve the first minute. Raise `PaymentRequired` or `TooManyRequests`."""
        await self._reserve()

    async def room(self, received: int) -> int:
        """Return how many more samples are paid for, at least one.

        Raise `PaymentRequired`, `TooManyRequests`, or `Unavailable` when the minute that begins cannot be reserved.
        """
        while received >= self._minutes * MINUTE:
            await self._reserve_next()
        left = self._minutes * MINUTE - received
        if left <= RESERVE_AHEAD and self._ahead is None:
            self._ahead = start(self._reserve_ahead())
            self._ahead.add_done_callback(_retrieve_exception)
        return left

    def end(self, received: int) -> asyncio.Task[None]:
        """Charge what was received, in a task that nobody can cancel. Without any audio nothing is charged."""
        return start(self._settle(received))

    async def _reserve_next(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            try:
                await asyncio.shield(ahead)
                return
            except LeaseExpired:
                raise
            except Unavailable as error:
                logger.warning("a minute of a stream could not be reserved ahead: %s", error.code)
        await self._reserve()

    async def _reserve_ahead(self) -> None:
        await self._reserve()
        self._ahead = None  # a reservation that failed stays, and is awaited when its minute begins

    async def _reserve(self) -> None:
        await self._grant.reserve(60.0 * (self._minutes + 1))
        self._minutes += 1

    async def _settle(self, received: int) -> None:
        """The stream need not wait for books that are gone, and is charged when they are back."""
        if not received:
            return
        try:
            await self._grant.settle(received / SAMPLE_RATE)
        except SttError as error:
            self._grant.abandon()  # or leaving it would give back what it holds
            if isinstance(error, Unavailable) and not isinstance(error, LeaseExpired):
                start(self._settle_later(received))
            else:
                _log_uncharged(error)

    async def _settle_later(self, received: int) -> None:
        deadline = time.monotonic() + MAX_RETRY_S
        while True:
            await asyncio.sleep(RETRY_INTERVAL_S)
            try:
                await self._grant.settle(received / SAMPLE_RATE)
                return
            except SttError as error:
                may_retry = isinstance(error, Unavailable) and not isinstance(error, LeaseExpired)
                if not may_retry or time.monotonic() > deadline:
                    _log_uncharged(error)
                    return


def _log_uncharged(error: SttError) -> None:
    logger.warning("a stream could not be charged in full, its lease will see to it: %s", error.code)


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    """A refusal matters only when the minute begins, and perhaps it never does."""
    if not task.cancelled():
        task.exception()

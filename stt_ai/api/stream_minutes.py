"""Pays for a stream minute by minute: each is reserved before it begins, and the stream is charged however it ends."""

import asyncio
import logging

from stt_ai.api.admission import Grant
from stt_ai.api.background import start
from stt_ai.errors import LeaseExpired, SttError, Unavailable
from stt_ai.types import SAMPLE_RATE

logger = logging.getLogger(__name__)

MINUTE = 60 * SAMPLE_RATE
AHEAD = 10 * SAMPLE_RATE
"""So long before it begins a minute is asked for, so that the audio need not wait for the books."""


class Minutes:
    """Positions are samples that the stream has received, from 0."""

    def __init__(self, grant: Grant) -> None:
        self._grant = grant
        self._minutes = 0
        self._coming: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Reserves the first minute. Raises `PaymentRequired` or `TooManyRequests`."""
        await self._reserve()

    async def room(self, received: int) -> int:
        """How many more samples are paid for, at least one.

        Raises `PaymentRequired`, `TooManyRequests`, or `Unavailable` when the minute that begins cannot be reserved.
        """
        if received >= self._minutes * MINUTE:
            await self._come()
        left = self._minutes * MINUTE - received
        if left <= AHEAD and self._coming is None:
            self._coming = start(self._reserve())
            self._coming.add_done_callback(_seen)
        return left

    def end(self, received: int) -> asyncio.Task[None]:
        """Charges what was received, in a task that nobody can cancel. Without any audio nothing is charged."""
        return start(self._settle(received))

    async def _come(self) -> None:
        coming, self._coming = self._coming, None
        if coming is not None:
            try:
                await asyncio.shield(coming)
                return
            except LeaseExpired:
                raise
            except Unavailable as error:
                logger.warning("a minute of a stream could not be reserved ahead: %s", error.code)
        await self._reserve()

    async def _reserve(self) -> None:
        await self._grant.reserve(60.0 * (self._minutes + 1))
        self._minutes += 1

    async def _settle(self, received: int) -> None:
        if not received:
            return
        try:
            await self._grant.settle(received / SAMPLE_RATE)
        except SttError as error:
            logger.warning("a stream could not be charged in full, its lease will see to it: %s", error.code)
            self._grant.abandon()


def _seen(task: asyncio.Task[None]) -> None:
    """A refusal matters only when the minute begins, and perhaps it never does."""
    if not task.cancelled():
        task.exception()

"""A model that a replica holds, or tries to."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from stt_ai.deployments.metrics import process_meters
from stt_ai.errors import ModelUnavailable
from stt_ai.meters import MODEL_LOAD_SECONDS, MODEL_LOADS
from stt_ai.types import LoadedModel

logger = logging.getLogger(__name__)

RETRY_LOAD_S = 30.0

Engine = TypeVar("Engine")


class ModelLoader(Generic[Engine]):
    """Loads it once, and after a failure again when somebody wants it, at most every half minute.

    ``load`` runs in a thread of its own and may raise `ModelUnavailable`. ``message``: what callers read then, instead
    of what stands in the log, which names folders and addresses of the inside.
    """

    def __init__(self, load: Callable[[], tuple[Engine, LoadedModel]], message: str) -> None:
        self._load = load
        self._message = message
        self._lock = asyncio.Lock()
        self._failed_at = 0.0
        self.engine: Engine | None = None
        self.description = LoadedModel("")

    def try_now(self) -> ModelUnavailable | None:
        """Wait until it is loaded. The failure is logged and returned."""
        begun, meters = time.monotonic(), process_meters()
        try:
            self.engine, self.description = self._load()
        except ModelUnavailable as failure:
            logger.error("%s", failure)
            self._failed_at = time.monotonic()
            meters.add(MODEL_LOADS, outcome="failed")
            return failure
        meters.add(MODEL_LOADS, outcome="loaded")
        meters.observe(MODEL_LOAD_SECONDS, time.monotonic() - begun)
        return None

    async def ready(self) -> Engine:
        """Raise `ModelUnavailable`."""
        if self.engine is None:
            async with self._lock:
                if self.engine is None and time.monotonic() - self._failed_at > RETRY_LOAD_S:
                    await asyncio.to_thread(self.try_now)
        if self.engine is None:
            raise ModelUnavailable(self._message, 60)
        return self.engine

    async def describe(self) -> LoadedModel:
        """Raise `ModelUnavailable`."""
        await self.ready()
        return self.description

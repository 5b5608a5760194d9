"""Reports to the backlog of this process the jobs, which other processes work on by the same models."""

import asyncio
import logging
from collections.abc import Callable

from stt_ai.errors import SttError
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.messages import JobLoad

logger = logging.getLogger(__name__)

EVERY_S = 5.0


async def follow_load(client: JobsClient, on_load: Callable[[JobLoad], None], every_s: float = EVERY_S) -> None:
    """Ask again and again how much is to be done, and report it to ``on_load``."""
    while True:
        try:
            on_load(await client.load())
        except SttError as error:
            logger.debug("the load of jobs is not known: %s", error.code)
        await asyncio.sleep(every_s)

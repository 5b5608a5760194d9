"""The diarizer's handle as the port that the pipeline knows."""

import asyncio
import time

from ray.serve.handle import DeploymentHandle

from stt_ai.deployments.remote import DESCRIBED_S, call
from stt_ai.errors import ModelLoading
from stt_ai.types import LoadedModel, Pcm, SpeakerCount, SpeakerTurn


class RemoteDiarizer:
    """``wait_s``: how long a request waits for a replica that is being started."""

    def __init__(self, handle: DeploymentHandle, wait_s: float) -> None:
        self._handle = handle
        self._wait_s = wait_s
        self._described: LoadedModel | None = None
        self._described_at = 0.0

    async def describe(self) -> LoadedModel:
        """Asked of a replica at most every `DESCRIBED_S`: it is a hop that every request would pay for."""
        if self._described is None or time.monotonic() - self._described_at > DESCRIBED_S:
            try:
                async with asyncio.timeout(self._wait_s):
                    self._described = await call(lambda: self._handle.describe.remote())
            except TimeoutError:
                raise ModelLoading("The part that tells speakers apart is starting. Please try again.", 15) from None
            self._described_at = time.monotonic()
        assert self._described is not None
        return self._described

    async def diarize(self, pcm: Pcm, speakers: SpeakerCount) -> tuple[SpeakerTurn, ...]:
        turns: tuple[SpeakerTurn, ...] = await call(lambda: self._handle.diarize.remote(pcm, speakers))
        return turns

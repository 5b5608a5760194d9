"""The diarizer's handle as the port that the pipeline knows."""

from ray.serve.handle import DeploymentHandle

from stt_ai.deployments.remote import Description, call
from stt_ai.deployments.tracing import trace_context
from stt_ai.types import LoadedModel, Pcm, SpeakerCount, SpeakerTurn


class RemoteDiarizer:
    """The diarizer over its handle. ``wait_s``: how long a request waits for a replica that is starting."""

    def __init__(self, handle: DeploymentHandle, wait_s: float) -> None:
        self._handle = handle
        loading = "Speaker identification is starting. Please try again shortly."
        self.description = Description(handle, wait_s, loading)

    async def describe(self) -> LoadedModel:
        """As `stt_ai.ports.Diarizer.describe`."""
        return await self.description.get()

    async def diarize(self, pcm: Pcm, speakers: SpeakerCount) -> tuple[SpeakerTurn, ...]:
        """As `stt_ai.ports.Diarizer.diarize`."""
        turns: tuple[SpeakerTurn, ...] = await call(
            lambda: self._handle.diarize.remote(pcm, speakers, **trace_context())
        )
        return turns

"""How the service is, asked of Serve in the background, so that `/health` answers at once under any load."""

import asyncio
import logging
from dataclasses import replace

from ray import serve
from ray.serve.schema import DeploymentStatusOverview

from stt_ai.deployments.remote import RemoteTranscriber
from stt_ai.errors import SttError
from stt_ai.types import GpuInfo, LoadedModel, PartHealth, ServiceHealth

logger = logging.getLogger(__name__)

REFRESH_S = 5.0


class ClusterHealth:
    """The last known state of every deployment of this application, not older than a few seconds.

    The first question starts the refreshing, which then goes on by itself.
    """

    def __init__(self, transcriber: RemoteTranscriber, model: str) -> None:
        self._transcriber = transcriber
        self._model = model
        self._loaded: LoadedModel | None = None
        self._parts: tuple[PartHealth, ...] = ()
        self._refreshing: asyncio.Task[None] | None = None

    async def health(self) -> ServiceHealth:
        if self._refreshing is None or self._refreshing.done():
            await self._refresh()
            self._refreshing = asyncio.create_task(self._keep_fresh())
        loaded = self._loaded
        if loaded is None:
            return ServiceHealth(GpuInfo(), self._parts)
        note = "demo model in use; the log says why" if loaded.demo else ""
        name = f"transcriber-{self._model}"
        parts = tuple(replace(part, detail=note) if part.name == name and part.ok else part for part in self._parts)
        return ServiceHealth(loaded.gpu, parts, loaded.demo)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self._refresh()
            except Exception:
                logger.exception("could not ask Serve how the deployments are")

    async def _refresh(self) -> None:
        application = serve.get_replica_context().app_name
        status = await asyncio.to_thread(serve.status)
        deployments = status.applications[application].deployments
        self._parts = tuple(_part(name, overview) for name, overview in sorted(deployments.items()))
        if self._loaded is None:
            await self._describe()

    async def _describe(self) -> None:
        try:
            async with asyncio.timeout(1):
                self._loaded = await self._transcriber.describe()
        except (SttError, TimeoutError):
            logger.info("the model %s is not loaded yet", self._model)


def _part(name: str, overview: DeploymentStatusOverview) -> PartHealth:
    """A part with no replica is well when it is one that is loaded on first use."""
    running = overview.replica_states.get("RUNNING", 0)
    healthy = str(overview.status.value) == "HEALTHY" or running > 0
    return PartHealth(name, healthy, "" if healthy else overview.message or str(overview.status.value))

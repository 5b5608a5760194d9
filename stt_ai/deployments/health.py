"""How the service is, asked of Serve in the background, so that `/health` answers at once under any load."""

import asyncio
import logging
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Protocol

from ray import serve
from ray.serve.schema import DeploymentStatusOverview

from stt_ai.errors import ModelUnavailable, SttError
from stt_ai.types import GpuInfo, LoadedModel, PartHealth, ServiceHealth

logger = logging.getLogger(__name__)

REFRESH_S = 5.0


class Described(Protocol):
    async def describe(self) -> LoadedModel: ...


class ClusterHealth:
    """The last known state of every deployment of this application, not older than a few seconds.

    ``models`` are the deployments that hold a model from the start, by their names; ``needed`` are those without which
    nothing is transcribed. The first question starts the refreshing, which then goes on by itself.
    """

    def __init__(self, models: Mapping[str, Described], needed: Set[str] = frozenset()) -> None:
        self._models = models
        self._needed = needed
        self._loaded: dict[str, LoadedModel] = {}
        self._failed: set[str] = set()
        self._parts: tuple[PartHealth, ...] = ()
        self._refreshing: asyncio.Task[None] | None = None

    async def health(self) -> ServiceHealth:
        if self._refreshing is None or self._refreshing.done():
            await self._refresh()
            self._refreshing = asyncio.create_task(self._keep_fresh())
        loaded = self._loaded.values()
        gpu = next((model.gpu for model in loaded if model.gpu.available), GpuInfo())
        return ServiceHealth(gpu, tuple(map(self._noted, self._parts)), any(model.demo for model in loaded))

    def _noted(self, part: PartHealth) -> PartHealth:
        """With what the part itself says of its model, and whether it is needed."""
        loaded = part.name in self._loaded or part.name not in self._models
        part = replace(part, needed=part.name in self._needed, ready=part.ready and loaded)
        if part.ok and part.name in self._failed:
            return replace(part, ok=False, detail="its model cannot be loaded; the log says why")
        if part.ok and part.name in self._loaded and self._loaded[part.name].demo:
            return replace(part, detail="demo model in use; the log says why")
        return part

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
        self._parts = tuple(part_health(name, overview) for name, overview in sorted(deployments.items()))
        await asyncio.gather(*(self._describe(name) for name in self._models if name not in self._loaded))

    async def _describe(self, name: str) -> None:
        try:
            async with asyncio.timeout(1):
                self._loaded[name] = await self._models[name].describe()
            self._failed.discard(name)
        except ModelUnavailable:
            self._failed.add(name)
        except (SttError, TimeoutError):
            logger.info("%s has not loaded its model yet", name)


# While replicas come since there is work, and go since there is none. What lost its replica is UNHEALTHY.
_WELL = {"HEALTHY", "UPSCALING", "DOWNSCALING"}


def part_health(name: str, overview: DeploymentStatusOverview) -> PartHealth:
    """A part with no replica is well when it is one that is loaded on first use, and while that goes on."""
    running = overview.replica_states.get("RUNNING", 0) > 0
    well = str(overview.status.value) in _WELL or running
    return PartHealth(name, well, "" if well else overview.message or str(overview.status.value), ready=running)

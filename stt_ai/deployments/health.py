"""How the service is, asked of Serve in the background, so that `/health` answers at once under any load."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from typing import Protocol

from ray import serve
from ray.serve.schema import DeploymentStatusOverview

from stt_ai.errors import SttError
from stt_ai.types import GpuInfo, LoadedModel, PartHealth, ServiceHealth

logger = logging.getLogger(__name__)

REFRESH_S = 5.0


class Described(Protocol):
    """A deployment's model as far as known; `stt_ai.deployments.remote.Description` is one."""

    known: LoadedModel | None
    failed: bool

    async def get(self) -> LoadedModel:
        """Return what serves the part."""
        ...


class ClusterHealth:
    """The last known state of every deployment of this application, not older than a few seconds.

    ``transcribers`` are by the id of their model, ``others`` by the name of their deployment. ``kept`` are the
    deployments that hold their model from the start: they alone are asked for it, since a question would make Serve
    start a replica of the others. ``needed`` are those without which nothing is transcribed. ``deployments`` blocks
    while it asks Serve how they are. The first question starts the refreshing, which then goes on by itself.
    """

    def __init__(
        self,
        transcribers: Mapping[str, Described],
        others: Mapping[str, Described],
        kept: Set[str],
        needed: Set[str] = frozenset(),
        deployments: Callable[[], Mapping[str, DeploymentStatusOverview]] | None = None,
    ) -> None:
        self._transcribers = transcribers
        self._models = {**{f"transcriber-{name}": one for name, one in transcribers.items()}, **others}
        self._kept = kept
        self._needed = needed
        self._deployments = deployments or _own_deployments
        self._parts: tuple[PartHealth, ...] = ()
        self._refreshing: asyncio.Task[None] | None = None

    async def health(self) -> ServiceHealth:
        """Return how each part is, as far as can be known without loading a model."""
        if self._refreshing is None or self._refreshing.done():
            await self._refresh()
            self._refreshing = asyncio.create_task(self._keep_fresh())
        known = [one.known for one in self._models.values() if one.known is not None]
        gpu = next((model.gpu for model in known if model.gpu.available), GpuInfo())
        models = {
            name: None if one.failed else one.known
            for name, one in self._transcribers.items()
            if one.failed or one.known is not None
        }
        return ServiceHealth(gpu, tuple(map(self._noted, self._parts)), models)

    def _noted(self, part: PartHealth) -> PartHealth:
        """Return the part with its model, and whether it is needed."""
        model = self._models.get(part.name)
        kept = part.name in self._kept
        known = model.known if model is not None and not model.failed else None
        part = replace(
            part, needed=part.name in self._needed, ready=part.ready and not (kept and known is None), model=known
        )
        if part.ok and kept and model is not None and model.failed:
            return replace(part, ok=False, detail="its model cannot be loaded; the log says why")
        if part.ok and known is not None:
            return replace(part, detail=known.reason or ("a demo model serves" if known.demo else ""))
        return part

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self._refresh()
            except Exception:
                logger.exception("could not ask Serve how the deployments are")

    async def _refresh(self) -> None:
        deployments = await asyncio.to_thread(self._deployments)
        self._parts = tuple(part_health(name, overview) for name, overview in sorted(deployments.items()))
        await asyncio.gather(*map(self._ask, self._kept))

    async def _ask(self, name: str) -> None:
        try:
            async with asyncio.timeout(1):
                await self._models[name].get()
        except (SttError, TimeoutError) as error:
            logger.info("%s does not say what it serves with: %s", name, error)


def _own_deployments() -> Mapping[str, DeploymentStatusOverview]:
    """Return how Serve says that the deployments of this replica's application are."""
    deployments: Mapping[str, DeploymentStatusOverview]
    deployments = serve.status().applications[serve.get_replica_context().app_name].deployments
    return deployments


# While replicas come since there is work, and go since there is none. What lost its replica is UNHEALTHY.
_WELL = {"HEALTHY", "UPSCALING", "DOWNSCALING"}


def part_health(name: str, overview: DeploymentStatusOverview) -> PartHealth:
    """Return whether a part without a replica is well: one that is loaded on first use, also while it loads."""
    running = overview.replica_states.get("RUNNING", 0) > 0
    well = str(overview.status.value) in _WELL or running
    return PartHealth(name, well, "" if well else overview.message or str(overview.status.value), ready=running)

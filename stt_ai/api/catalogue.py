"""GET /v1/models, /v1/languages and /health."""

import asyncio
import logging

from fastapi import APIRouter

from stt_ai.api.openapi import failures
from stt_ai.api.schemas import HealthBody, LanguageBody, LanguagesBody, ModelBody, ModelsBody, PartBody
from stt_ai.api.services import Services
from stt_ai.types import GpuInfo, PartHealth, ServiceHealth

logger = logging.getLogger(__name__)


def catalogue_routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/models", summary="List models", responses=failures(500))
    async def models() -> ModelsBody:
        """The models on offer."""
        return ModelsBody(
            models=[
                ModelBody(id=model.id, name=model.name, languages=model.languages, speed=model.speed)
                for model in services.catalogue.models()
            ]
        )

    @router.get("/v1/languages", summary="List languages", responses=failures(500))
    async def languages() -> LanguagesBody:
        """The languages of the models, with their codes."""
        return LanguagesBody(
            languages=[LanguageBody(code=code, name=name) for code, name in services.catalogue.languages()]
        )

    @router.get("/health", summary="Health", responses=failures(500))
    async def health() -> HealthBody:
        """How the service is; `degraded` when a part cannot serve, which `parts` then names."""
        found = await probe(services)
        return HealthBody(
            status="ok" if found.ok else "degraded",
            gpu_available=found.gpu.available,
            gpu_name=found.gpu.name,
            gpu_memory_mb=found.gpu.memory_mb,
            demo_models=found.demo_models,
            version=services.config.version,
            parts=[PartBody(name=part.name, ok=part.ok, detail=part.detail) for part in found.parts],
        )

    return router


async def probe(services: Services) -> ServiceHealth:
    """The service's health; a probe that fails or takes too long is itself the part that is not well."""
    try:
        async with asyncio.timeout(services.config.health_timeout):
            return await services.health.health()
    except TimeoutError:
        detail = "did not answer in time"
    except Exception:
        logger.exception("the health probe failed")
        detail = "failed"
    return ServiceHealth(GpuInfo(), (PartHealth("health", False, detail),))

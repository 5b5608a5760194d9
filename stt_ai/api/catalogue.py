"""GET /v1/models, /v1/languages and /health."""

import asyncio
import logging

from fastapi import APIRouter

from stt_ai.api.openai_names import NAMES
from stt_ai.api.openapi import failures
from stt_ai.api.schemas import HealthBody, LanguageBody, LanguagesBody, ModelBody, ModelsBody, OpenAiModel, PartBody
from stt_ai.api.services import Services
from stt_ai.errors import NotFound
from stt_ai.types import GpuInfo, PartHealth, ServiceHealth

logger = logging.getLogger(__name__)


def catalogue_routes(services: Services) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/models", summary="List models", responses=failures(500))
    async def models() -> ModelsBody:
        """The models on offer; `object` and `data` are what OpenAI's clients read."""
        found = services.catalogue.models()
        return ModelsBody(
            models=[ModelBody(id=m.id, name=m.name, languages=m.languages, speed=m.speed) for m in found],
            object="list",
            data=[OpenAiModel.of(model.id) for model in found],
        )

    @router.get("/v1/models/{model}", summary="One model (OpenAI)", responses=failures(404, 500))
    async def model(model: str) -> OpenAiModel:
        """A model on offer as OpenAI's clients read it; also by the names that OpenAI's audio routes take."""
        if model not in NAMES and model not in (known.id for known in services.catalogue.models()):
            raise NotFound("There is no such model. GET /v1/models lists those there are.")
        return OpenAiModel.of(model)

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
    return ServiceHealth(GpuInfo(), (PartHealth("health", False, detail, needed=True, ready=False),))

"""GET /v1/models, /v1/languages and /health."""

import asyncio
import logging
from collections.abc import Mapping

from fastapi import APIRouter

from stt_ai.api.openai.names import NAMES
from stt_ai.api.openapi import failures
from stt_ai.api.schemas import HealthBody, LanguageBody, LanguagesBody, ModelBody, ModelsBody, OpenAiModel, PartBody
from stt_ai.api.services import Services
from stt_ai.errors import NotFound
from stt_ai.types import GpuInfo, LoadedModel, ModelInfo, PartHealth, ServiceHealth

logger = logging.getLogger(__name__)


def catalogue_routes(services: Services) -> APIRouter:
    """Return the routes of /v1/models, /v1/languages and /health."""
    router = APIRouter()

    @router.get("/v1/models", summary="List models", responses=failures(500))
    async def list_models() -> ModelsBody:
        """The models on offer; `object` and `data` are what OpenAI's clients read.

        `available` is true if the model itself answers when requested, and false if another one does, which `served_by`
        names, or none can. Both are null while that is unknown: no model is loaded to find out.
        """
        found = services.catalogue.models()
        serving = (await probe(services)).models
        return ModelsBody(
            models=[_model(model, services.config.default_model, serving) for model in found],
            object="list",
            data=[OpenAiModel.of(model.id) for model in found],
        )

    @router.get("/v1/models/{model}", summary="One model (OpenAI)", responses=failures(404, 500))
    async def get_model(model: str) -> OpenAiModel:
        """A model on offer as OpenAI's clients read it; also by the names that OpenAI's audio routes take."""
        if model not in NAMES and model not in (known.id for known in services.catalogue.models()):
            raise NotFound("There is no such model. GET /v1/models lists those there are.")
        return OpenAiModel.of(model)

    @router.get("/v1/languages", summary="List languages", responses=failures(500))
    async def list_languages() -> LanguagesBody:
        """The languages of the models, with their codes."""
        return LanguagesBody(
            languages=[LanguageBody(code=code, name=name) for code, name in services.catalogue.languages()]
        )

    @router.get("/health", summary="Health", responses=failures(500))
    async def get_health() -> HealthBody:
        """How the service is; `degraded` when a part cannot serve, which `parts` then names."""
        found = await probe(services)
        return HealthBody(
            status="ok" if found.ok else "degraded",
            gpu_available=found.gpu.available,
            gpu_name=found.gpu.name,
            gpu_memory_mb=found.gpu.memory_mb,
            demo_models=found.demo_models,
            version=services.config.version,
            parts=[_part(part) for part in found.parts],
        )

    return router


def _model(model: ModelInfo, default: str, serving: Mapping[str, LoadedModel | None]) -> ModelBody:
    served_by = serving.get(model.id)
    available = None if model.id not in serving else served_by is not None and not (served_by.reason or served_by.demo)
    return ModelBody(
        id=model.id,
        name=model.name,
        languages=model.languages,
        speed=model.speed,
        default=model.id == default,
        available=available,
        served_by=served_by.label if served_by else None,
    )


def _part(part: PartHealth) -> PartBody:
    model = part.model
    return PartBody(
        name=part.name,
        ok=part.ok,
        detail=part.detail,
        served_by=model.label if model else None,
        origin=(model.origin or None) if model else None,
        demo=model is not None and model.demo,
    )


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

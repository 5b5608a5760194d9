"""GET /livez, /readyz and /metrics: for whatever watches over the service."""

import secrets
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from stt_ai.api.billing_admission import bearer_of
from stt_ai.api.openapi import failures
from stt_ai.api.schemas import ErrorBody, ProbeBody
from stt_ai.api.services import Services
from stt_ai.api.status.catalogue import probe
from stt_ai.errors import Unauthorized, Unavailable
from stt_ai.ports import Exposition

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_FIGURES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Metrics of all machines, in Prometheus's text format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}


def probe_routes(services: Services) -> APIRouter:
    """Return the routes of /livez, /readyz and /metrics."""
    router = APIRouter()

    @router.get("/livez", summary="Is the process alive?", responses=failures(500))
    async def livez() -> ProbeBody:
        """Succeeds while the process runs, whatever the state of its parts. Restart it when this does not answer."""
        return ProbeBody(status="ok")

    @router.get("/readyz", summary="Readiness", responses=failures(500, 503))
    async def readyz() -> ProbeBody:
        """503 names the parts that are missing for a transcription by the default model. `GET /health` has all."""
        found = await probe(services)
        missing = [part.name for part in found.parts if part.needed and not (part.ok and part.ready)]
        if missing:
            raise Unavailable(f"Not ready: {', '.join(missing)}.", 5)
        return ProbeBody(status="ok")

    if services.exposition is not None:
        router.include_router(_metrics_route(services.exposition, services.config.metrics_token))
    return router


def _failures_in_json(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`failures` of a route whose own answers are no JSON: FastAPI would say the same of all."""
    schema = {"$ref": f"#/components/schemas/{ErrorBody.__name__}"}
    responses = failures(*statuses)
    for response in responses.values():
        del response["model"]
        response["content"] = {"application/json": {"schema": schema}}
    return responses


def _metrics_route(exposition: Exposition, token: str) -> APIRouter:
    router = APIRouter()

    @router.get(
        "/metrics",
        summary="Figures for operators",
        response_class=PlainTextResponse,
        responses=_FIGURES | _failures_in_json(401, 500, 503),
    )
    async def metrics(request: Request) -> PlainTextResponse:
        """For Prometheus, with the operators' token as `Authorization: Bearer …`; they set it as STT_AI_METRICS_TOKEN.

        Without one nobody gets them: from here a proxy's callers look like neighbours.
        """
        offered = bearer_of(request.headers) or ""
        if not token or not secrets.compare_digest(offered.encode(), token.encode()):
            raise Unauthorized("Metrics are for operators: send the value of STT_AI_METRICS_TOKEN as a bearer token.")
        return PlainTextResponse(await exposition.text(), media_type=MEDIA_TYPE)

    return router

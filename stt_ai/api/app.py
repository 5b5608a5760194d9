"""Puts the HTTP API together."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from stt_ai.api.account.keys import key_routes
from stt_ai.api.account.plans import plan_routes
from stt_ai.api.account.routes import account_routes
from stt_ai.api.admission import Admission, ProcessAdmission
from stt_ai.api.billing_admission import BillingAdmission
from stt_ai.api.console.describe import described, operation_id
from stt_ai.api.console.docs import docs_routes
from stt_ai.api.console.routes import console_routes
from stt_ai.api.http.errors import install_error_handlers
from stt_ai.api.http.lingering_close import LingeringClose
from stt_ai.api.http.middleware import Cors, HeadAsGet, LastResort, RequestContext, TrailingSlash
from stt_ai.api.http.uploads import sweep_stale
from stt_ai.api.jobs.load import follow_load
from stt_ai.api.jobs.routes import job_routes
from stt_ai.api.jobs.webhooks import describe_messages, webhook_secret_routes
from stt_ai.api.openai.routes import openai_routes
from stt_ai.api.openapi import DESCRIPTION
from stt_ai.api.services import Services
from stt_ai.api.status.catalogue import catalogue_routes
from stt_ai.api.status.probes import probe_routes
from stt_ai.api.stream.context import SocketContext
from stt_ai.api.stream.routes import stream_routes
from stt_ai.api.stream.token import token_routes
from stt_ai.api.summary.routes import summary_routes
from stt_ai.api.transcription.routes import transcription_routes
from stt_ai.api.uploads.protocol import capabilities
from stt_ai.api.uploads.routes import Owners, upload_routes
from stt_ai.errors import SttError
from stt_ai.sources.resumable import ResumableUploads

logger = logging.getLogger(__name__)
SWEEP_EVERY_S = 600.0

# `observed` makes ours. FastAPI's own would count each request again, and record the messages of exceptions, which may
# hold a caller's values.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}


def create_app(services: Services) -> FastAPI:
    """Return the API over ``services``, ready to be served. Starting it clears uploads that dead processes left."""
    config = services.config
    admission = services.admission or _admission(services, config.max_concurrent_uploads)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sweep_stale(config.uploads_dir)
        background = [asyncio.create_task(_sweep(services.uploads))] if services.uploads else []
        if services.jobs and services.jobs.on_load:
            background.append(asyncio.create_task(follow_load(services.jobs.client, services.jobs.on_load)))
        yield
        for task in background:
            task.cancel()

    app = FastAPI(
        title="STT.ai",
        version=config.version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        telemetry=NO_TELEMETRY,
        generate_unique_id_function=operation_id,
    )
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    _include_routers(app, services, admission)
    install_error_handlers(app)
    # The last added is the outermost.
    app.add_middleware(TrailingSlash)
    app.add_middleware(LingeringClose)
    app.add_middleware(LastResort)
    app.add_middleware(HeadAsGet)
    tus = {"/v1/uploads": capabilities(config.max_file_bytes)} if services.uploads else {}
    app.add_middleware(Cors, options=tus)
    app.add_middleware(RequestContext, send_request_id=not config.server_sends_request_id, meters=services.meters)
    app.add_middleware(SocketContext, meters=services.meters)
    return app


def _include_routers(app: FastAPI, services: Services, admission: Admission) -> None:
    """Serve each part that ``services`` have."""
    config = services.config
    app.include_router(transcription_routes(services, admission))
    app.include_router(openai_routes(services, admission))
    app.include_router(catalogue_routes(services))
    app.include_router(probe_routes(services))
    if services.live:
        entering = services.admission or _admission(services, services.live.limits.max_streams)
        parts = (services.live, services.catalogue, config.default_model, entering, config.trusted_proxies)
        app.include_router(stream_routes(*parts, services.meters))
    if services.summarizer:
        app.include_router(summary_routes(services, services.summarizer, admission))
    if services.live and services.billing:
        app.include_router(token_routes(services.billing))
    if services.jobs and services.billing:
        app.include_router(job_routes(services, services.jobs, admission))
        app.include_router(webhook_secret_routes(services.jobs, config))
        describe_messages(app.webhooks)
    if services.billing:
        app.include_router(account_routes(services.billing, config))
        app.include_router(key_routes(services.billing, config))
        app.include_router(plan_routes(config.plans))
    if services.uploads:
        app.include_router(upload_routes(services.uploads, Owners(services.billing, config), config))
    app.include_router(docs_routes(app))
    app.include_router(console_routes())


async def _sweep(uploads: ResumableUploads) -> None:
    """Delete expired uploads, now and from time to time."""
    while True:
        try:
            await uploads.sweep()
        except SttError:
            logger.warning("expired uploads could not be deleted", exc_info=True)
        await asyncio.sleep(SWEEP_EVERY_S)


def _admission(services: Services, max_concurrent: int) -> Admission:
    limits = (services.config.max_file_bytes, max_concurrent, services.capacity)
    return BillingAdmission(services.billing, *limits) if services.billing else ProcessAdmission(*limits)

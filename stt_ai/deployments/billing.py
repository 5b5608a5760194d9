"""The billing deployment: the only place from which a running service reaches its accounts."""

import asyncio
import logging
import time
from typing import Any

from ray import serve
from ray.serve import Application

from stt_ai import environment
from stt_ai.billing.plans import BillingConfig
from stt_ai.deployments.metrics import process_meters, watch_jobs
from stt_ai.deployments.resources import SURGE_PERCENT, actor_options
from stt_ai.deployments.tracing import export_spans, traced
from stt_ai.environment import Secrets
from stt_ai.errors import InternalError, SttError
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.messages import JOB_OPERATIONS
from stt_ai.jobs.webhooks.messages import WEBHOOK_OPERATIONS
from stt_ai.settings import BillingSettings, JobsSettings

logger = logging.getLogger(__name__)

EXPIRY_EVERY = 4  # times in the time of one lease
PING_S = 10.0
PING_EVERY_S = 2.0
JUMP_S = 2.0
"""A change of the system clock that is larger than what time synchronization makes."""


class BillingDeployment:
    """Carries out billing's operations, and ends the leases that nobody renews.

    ``database_url`` None: that of the environment, else SQLite in the user's data folder, which allows one replica.
    """

    def __init__(self, config: BillingConfig, database_url: str | None, jobs: JobsConfig) -> None:
        # Imported here: the builder of the service imports this module too, and needs no database library.
        from stt_ai.billing.database import Database
        from stt_ai.billing.service import BillingService
        from stt_ai.billing.worker import THREADS, BillingWorker
        from stt_ai.jobs.service import JobService
        from stt_ai.jobs.webhooks.service import WebhookService

        export_spans()
        url = database_url or environment.database_url()
        database = Database(url, threads=THREADS, meters=process_meters())
        database.migrate()
        self._clock_set: float | None = None
        secret = Secrets.read().address_secret
        service = BillingService(database, config, could_renew=self._could_renew, address_secret=secret)
        self._worker = BillingWorker(service)
        job_service = JobService(service, jobs)
        watch_jobs(process_meters(), job_service.load)
        on_jobs = ((job_service, JOB_OPERATIONS), (WebhookService(service), WEBHOOK_OPERATIONS))
        self._on_jobs: dict[str, Any] = {name: part for part, names in on_jobs for name in names}
        self._every = config.lease_s / EXPIRY_EVERY
        self._grace = config.lease_s
        self._expiring: asyncio.Task[None] | None = None

    @traced("billing {}")
    async def perform(self, operation: str, *arguments: Any) -> Any:
        """Return the operation's result, or its refusal: Serve would log a raised one with its whole traceback."""
        try:
            return await self._worker.run(operation, *arguments)
        except SttError as refusal:
            return refusal.with_traceback(None)

    @traced("jobs {}")
    async def perform_on_jobs(self, operation: str, *arguments: Any) -> Any:
        """Return the result of an operation on jobs or webhooks, as `perform` does."""
        try:
            if operation not in self._on_jobs:
                raise InternalError(f"Jobs have no operation {operation}.")
            return await self._worker.run_on(self._on_jobs[operation], operation, *arguments)
        except SttError as refusal:
            return refusal.with_traceback(None)

    async def check_health(self) -> None:
        """Raise if the database does not answer, and restart the expiry of leases if it has ended."""
        if self._expiring is None or self._expiring.done():  # it ends by an error, too
            self._expiring = asyncio.create_task(self._keep_expiring())
        await self._ping()

    async def _keep_expiring(self) -> None:
        """End overdue leases, but only once everybody has had a lease's length to renew.

        Nobody can renew while there is no replica or the database does not answer. A lease also looks overdue after
        the clock was set ahead or the machine slept: leases are timed by the system clock, which machines share.
        """
        while True:
            self._clock_set, clock = None, _clock_offset()
            await asyncio.sleep(self._grace)
            self._clock_set = clock
            try:
                while self._could_renew():
                    ended = await self._worker.expire_overdue()
                    if ended:
                        logger.warning("%d requests were not renewed in time; what they held was given back", ended)
                    await asyncio.sleep(self._every)
                logger.warning("the clock was set by %.0f s", _clock_offset() - clock)
            except Exception:
                logger.exception("leases could not be expired")
                self._clock_set = None
                await self._until_it_answers()

    def _could_renew(self) -> bool:
        """Return whether everybody has had a lease's length to renew, and the clock was not set meanwhile."""
        return self._clock_set is not None and abs(_clock_offset() - self._clock_set) < JUMP_S

    async def _until_it_answers(self) -> None:
        """Wait for the database: the time to renew begins when it is back."""
        while True:
            try:
                await self._ping()
                return
            except Exception:
                await asyncio.sleep(PING_EVERY_S)

    async def _ping(self) -> None:
        async with asyncio.timeout(PING_S):
            await self._worker.ping()


def _clock_offset() -> float:
    """Return the difference of the clocks in seconds; it changes if the system clock is set or the machine sleeps."""
    return time.time() - time.monotonic()


def build(settings: BillingSettings, jobs: JobsSettings) -> Application:
    """Return the deployment that ``settings`` describe."""
    return (
        serve.deployment(BillingDeployment)
        .options(
            name="billing",
            num_replicas=1,  # SQLite allows more only for the time of a redeploy
            max_surge_percent=SURGE_PERCENT,
            max_ongoing_requests=1000,  # they are short, and a refused one would not be charged
            ray_actor_options=actor_options(env_vars=environment.values(environment.BILLING)),
            graceful_shutdown_timeout_s=30,
            health_check_period_s=5,
            health_check_timeout_s=30,
        )
        .bind(config=settings.config, database_url=settings.database_url, jobs=jobs.config)
    )

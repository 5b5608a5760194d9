"""Jobs as the API and the runner see them, over whatever carries an operation to where the database is."""

from collections.abc import Iterable, Mapping

from stt_ai.billing.client import Carrier
from stt_ai.jobs.messages import ClaimedJob, EndedJob, JobLoad, JobPage, JobStatus, JobView, NewJob, NoSummary, Progress
from stt_ai.jobs.webhooks.client import WebhooksClient


class JobsClient:
    """`JobService`'s operations. Every call may be made again: none counts, charges or makes a thing twice.

    ``webhooks``: those on the messages about jobs that have ended, over the same carrier.
    """

    def __init__(self, carry: Carrier) -> None:
        self.webhooks = WebhooksClient(carry)
        self._carry = carry

    async def create(self, lease: str, new: NewJob) -> JobView:
        """As `JobService.create`."""
        job: JobView = await self._carry("create", lease, new)
        return job

    async def get(self, credential: str | None, job_id: str) -> JobView:
        """As `JobService.get`."""
        job: JobView = await self._carry("get", credential, job_id)
        return job

    async def list_jobs(
        self, credential: str, status: JobStatus | None = None, cursor: str | None = None, limit: int = 50
    ) -> JobPage:
        """As `JobService.list_jobs`."""
        page: JobPage = await self._carry("list_jobs", credential, status, cursor, limit)
        return page

    async def cancel(self, credential: str | None, job_id: str) -> JobView:
        """As `JobService.cancel`."""
        job: JobView = await self._carry("cancel", credential, job_id)
        return job

    async def erase(self, credential: str | None, job_id: str) -> None:
        """As `JobService.erase`."""
        await self._carry("erase", credential, job_id)

    async def rename_speakers(self, credential: str | None, job_id: str, names: Mapping[str, str]) -> JobView:
        """As `JobService.rename_speakers`."""
        job: JobView = await self._carry("rename_speakers", credential, job_id, dict(names))
        return job

    async def correct(self, credential: str | None, job_id: str, replaced: str, name: str) -> JobView:
        """As `JobService.correct`."""
        job: JobView = await self._carry("correct", credential, job_id, replaced, name)
        return job

    async def claim(self) -> ClaimedJob | None:
        """As `JobService.claim`."""
        job: ClaimedJob | None = await self._carry("claim")
        return job

    async def renew(self, job: ClaimedJob, progress: Progress) -> None:
        """As `JobService.renew`, under the claim's fence."""
        await self._carry("renew", job.id, job.fence, progress)

    async def reserve(self, job: ClaimedJob, seconds: float) -> None:
        """As `JobService.reserve`, under the claim's fence."""
        await self._carry("reserve", job.id, job.fence, seconds)

    async def fetched(self, job: ClaimedJob) -> None:
        """As the service's `fetched`, under the claim's fence."""
        await self._carry("fetched", job.id, job.fence)

    async def succeed(self, job: ClaimedJob, seconds: float, model: str, no_summary: NoSummary | None = None) -> None:
        """As `JobService.succeed`, under the claim's fence."""
        await self._carry("succeed", job.id, job.fence, seconds, model, no_summary)

    async def fail(self, job: ClaimedJob, code: str, message: str) -> None:
        """As `JobService.fail`, under the claim's fence."""
        await self._carry("fail", job.id, job.fence, code, message)

    async def retry(self, job: ClaimedJob, code: str, message: str) -> None:
        """As `JobService.retry`, under the claim's fence."""
        await self._carry("retry", job.id, job.fence, code, message)

    async def ended(self) -> tuple[EndedJob, ...]:
        """As the service's `ended`."""
        jobs: tuple[EndedJob, ...] = await self._carry("ended")
        return jobs

    async def cleared(self, job_id: str) -> None:
        """As the service's `cleared`."""
        await self._carry("cleared", job_id)

    async def overdue(self) -> tuple[str, ...]:
        """As `JobService.overdue`."""
        ids: tuple[str, ...] = await self._carry("overdue")
        return ids

    async def erased(self, job_id: str) -> None:
        """As `JobService.erased`."""
        await self._carry("erased", job_id)

    async def load(self) -> JobLoad:
        """As `JobService.load`."""
        load: JobLoad = await self._carry("load")
        return load

    async def kept(self, job_ids: Iterable[str]) -> frozenset[str]:
        """As `JobService.kept`."""
        ids: frozenset[str] = await self._carry("kept", tuple(job_ids))
        return ids

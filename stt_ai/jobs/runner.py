"""Takes jobs out of the queue, has them transcribed, and sweeps what is over."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from stt_ai.errors import (
    AudioTooLong,
    BadRequest,
    FileTooLarge,
    LeaseExpired,
    PaymentRequired,
    SttError,
    TooManyRequests,
)
from stt_ai.jobs import stored
from stt_ai.jobs.checkpoint import StoredCheckpoint
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.messages import ClaimedJob, Progress, Stage
from stt_ai.jobs.summaries import StoredSummaries
from stt_ai.jobs.working import keep_working
from stt_ai.ports import Checkpoint, OnDuration, OnText, Summarizer
from stt_ai.sources.fetching import Fetcher
from stt_ai.storage.store import Store
from stt_ai.storage.workspace import sweep_stale, working_folder
from stt_ai.types import SummaryStyle, Transcript, TranscriptionRequest, Upload

logger = logging.getLogger(__name__)

CALLERS = (BadRequest, FileTooLarge, AudioTooLong, PaymentRequired, TooManyRequests)
"""Failures that another attempt would meet again: they are the caller's to mend."""
ORPHANED_S = 3600.0
INTERNAL = SttError("The service failed to process this recording.")


class ResumableTranscription(Protocol):
    """The pipeline, as the runner needs it."""

    async def transcribe(
        self,
        upload: Upload,
        request: TranscriptionRequest,
        on_duration: OnDuration | None = None,
        on_text: OnText | None = None,
        checkpoint: Checkpoint = ...,
    ) -> Transcript: ...


class Runner:
    """Works on up to ``max_running`` jobs at once; ``poll_s``: how long an empty queue is left alone."""

    def __init__(
        self,
        jobs: JobsClient,
        store: Store,
        transcription: ResumableTranscription,
        folder: Path,
        *,
        fetcher: Fetcher | None = None,
        summarizer: Summarizer | None = None,
        max_running: int = 4,
        poll_s: float = 1.0,
        sweep_every_s: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._jobs = jobs
        self._store = store
        self._transcription = transcription
        self._folder = folder
        self._fetcher = fetcher
        self._summarizing = StoredSummaries(store, summarizer)
        self._max_running = max_running
        self._poll_s = poll_s
        self._sweep_every_s = sweep_every_s
        self._clock = clock
        self._draining = asyncio.Event()

    async def run(self) -> None:
        """Work until `drain`; then end when all that was begun has."""
        sweeping = asyncio.create_task(self._keep_sweeping())
        try:
            await keep_working(
                self._claim, self.work_on, self._draining, max_running=self._max_running, poll_s=self._poll_s
            )
        finally:
            sweeping.cancel()

    def drain(self) -> None:
        """Take no more jobs."""
        self._draining.set()

    async def work_on(self, job: ClaimedJob) -> None:
        """Work on a claimed job to its end, or until it is in other hands."""
        checkpoint = StoredCheckpoint(self._store, job.id)
        work = asyncio.create_task(self._transcribe(job, checkpoint))
        renewing = asyncio.create_task(self._keep_renewing(job, checkpoint, work))
        try:
            await work
        except (asyncio.CancelledError, LeaseExpired):
            if not work.done():
                work.cancel()
                raise
            logger.info("the job %s is in other hands", job.id)
        except Exception as error:
            await self._failed(job, error)
        finally:
            renewing.cancel()

    async def sweep(self) -> int:
        """Erase what is over, and what a crash left, here and of jobs that are gone; return of how many jobs."""
        await asyncio.to_thread(sweep_stale, self._folder)
        await self._store.sweep()
        over = set(await self._jobs.overdue())
        over |= await self._orphans()
        for job_id in sorted(over):
            await self._store.delete_group(job_id)
            await self._jobs.erased(job_id)
        for ended in await self._jobs.ended():
            await self._clear(ended.id, ended.keep_audio)
        return len(over)

    async def _orphans(self) -> set[str]:
        """Return what belongs to no job and is older than it takes to queue one: a recording is stored first."""
        groups = [group for group in await self._store.groups() if group.startswith(stored.PREFIX)]
        old = self._clock() - ORPHANED_S
        kept = await self._jobs.kept(groups)
        orphans = [group for group in groups if group not in kept]
        return {group for group in orphans if all(one.modified_at <= old for one in await self._store.objects(group))}

    async def _claim(self) -> ClaimedJob | None:
        try:
            return await self._jobs.claim()
        except SttError as error:
            logger.warning("no job could be claimed: %s", error.code)
            return None

    async def _transcribe(self, job: ClaimedJob, checkpoint: StoredCheckpoint) -> None:
        request = stored.REQUEST.validate_json(job.options)
        async with self._recording(job) as upload:

            async def reserve(seconds: float) -> None:
                await self._jobs.reserve(job, seconds)

            transcript = await self._transcription.transcribe(upload, request, reserve, checkpoint=checkpoint)
        checkpoint.progress = Progress(Stage.FINISHING, checkpoint.progress.total_s, checkpoint.progress.total_s)
        body = await asyncio.to_thread(stored.TRANSCRIPT.dump_json, transcript)
        await self._store.put(stored.key(job.id, stored.RESULT), body)
        no_summary = None
        if job.summary:
            checkpoint.progress = replace(checkpoint.progress, stage=Stage.SUMMARIZING)
            no_summary = await self._summarizing.summarize(job.id, transcript.text, SummaryStyle(job.summary))
        await self._jobs.succeed(job, transcript.duration, transcript.model, no_summary)
        await self._clear(job.id, job.keep_audio)

    @contextlib.asynccontextmanager
    async def _recording(self, job: ClaimedJob) -> AsyncIterator[Upload]:
        """Yield the recording as a file of this machine."""
        with working_folder(self._folder) as folder:
            path = folder / "audio"
            source = json.loads(job.source)
            if not await self._store.get_file(stored.key(job.id, stored.AUDIO), path):
                await self._fetch(job, source, path)
            if source["url"]:
                await self._jobs.fetched(job)
            yield Upload(path, path.stat().st_size, source["filename"])

    async def _fetch(self, job: ClaimedJob, source: Mapping[str, Any], path: Path) -> None:
        """Get the recording from where it lies, once, however often the job is taken up."""
        if not source["url"] or self._fetcher is None:
            raise BadRequest("The recording is gone. Please send it again.")
        with path.open("wb") as file:

            async def write(data: bytes) -> None:
                await asyncio.to_thread(file.write, data)

            await self._fetcher.fetch(source["url"], source["max_bytes"], write, source["headers"])
        await self._store.put_file(stored.key(job.id, stored.AUDIO), path)

    async def _failed(self, job: ClaimedJob, error: Exception) -> None:
        if not isinstance(error, SttError):
            logger.error("the job %s failed unexpectedly", job.id, exc_info=error)
        failure = error if isinstance(error, SttError) else INTERNAL
        try:
            if isinstance(error, CALLERS):
                await self._jobs.fail(job, failure.code, failure.message)
                await self._clear(job.id, job.keep_audio)
            else:
                logger.warning("attempt %d of the job %s failed: %s", job.attempt, job.id, failure.code)
                await self._jobs.retry(job, failure.code, failure.message)
        except SttError as unsaved:
            logger.warning("the end of the job %s could not be kept: %s", job.id, unsaved.code)

    async def _clear(self, job_id: str, keep_audio: bool) -> None:
        """Erase what an ended job needs no more. A sweep does it again where this fails."""
        await StoredCheckpoint(self._store, job_id).clear()
        if not keep_audio:
            await self._store.delete(stored.key(job_id, stored.AUDIO))
        await self._jobs.cleared(job_id)

    async def _keep_renewing(self, job: ClaimedJob, checkpoint: StoredCheckpoint, work: asyncio.Task[None]) -> None:
        """Renew the job's lease until it is lost; then end the work, which nobody wants any more.

        The first window of this attempt is reported at once: however soon the worker dies, it has not worked in vain.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(checkpoint.advanced.wait(), job.renew_every_s)
        while True:
            try:
                await self._jobs.renew(job, checkpoint.progress)
            except LeaseExpired:
                work.cancel()
                return
            except SttError as error:
                logger.warning("the lease of the job %s could not be renewed: %s", job.id, error.code)
            await asyncio.sleep(job.renew_every_s)

    async def _keep_sweeping(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:
                logger.exception("what is over could not be erased")
            await asyncio.sleep(self._sweep_every_s)

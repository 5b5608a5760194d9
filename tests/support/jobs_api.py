"""The API with jobs over real billing, queue, store and runner; what transcribes is a recorder."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stt_ai.api.app import create_app
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.services import ApiConfig, Services
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.messages import JOB_OPERATIONS
from stt_ai.jobs.runner import Runner
from stt_ai.jobs.service import JobService
from stt_ai.jobs.webhooks.service import WebhookService
from stt_ai.sources.fetching import Fetcher
from stt_ai.sources.resumable import ResumableUploads
from stt_ai.storage.folder import FolderStore
from stt_ai.types import Transcript
from tests.support.api import TALK, Fixed, FourModels, Recorder, serving
from tests.support.billing import Books
from tests.support.tls_server import client


def operation_of(services: tuple[JobService, WebhookService], name: str) -> Any:
    """Return an operation on jobs or on webhooks, as the billing deployment finds it."""
    jobs, webhooks = services
    return getattr(jobs if name in JOB_OPERATIONS else webhooks, name)


class Resumable(Recorder):
    """A `Recorder` that starts from the beginning, whatever the checkpoint has."""

    async def transcribe(self, *arguments: Any, checkpoint: Any = None) -> Transcript:
        return await super().transcribe(*arguments)


@dataclass
class JobsHouse:
    """``url``: of the API. Nothing is worked on but within `working`."""

    url: str
    books: Books
    runner_of: Any
    transcription: Resumable
    uploads: ResumableUploads

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        runner = self.runner_of()
        started, loops = threading.Event(), []

        async def run() -> None:
            loops.append(asyncio.get_running_loop())
            started.set()
            await runner.run()

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        started.wait()
        try:
            yield
        finally:
            loops[0].call_soon_threadsafe(runner.drain)
            thread.join()


@pytest.fixture
def jobs_house(books: Books, tmp_path: Path) -> Iterator[JobsHouse]:
    services = JobService(books.service, JobsConfig()), WebhookService(books.service)

    async def carry(operation: str, *arguments: Any) -> Any:
        return await asyncio.to_thread(operation_of(services, operation), *arguments)

    jobs, store, transcription = JobsClient(carry), FolderStore(tmp_path / "store"), Resumable(TALK)
    fetcher = Fetcher(client())

    def runner_of() -> Runner:
        return Runner(jobs, store, transcription, tmp_path / "work", fetcher=fetcher, poll_s=0.01)

    config = ApiConfig(tmp_path / "uploads", "large-v3-turbo")
    parts = (transcription, FourModels(), Fixed(), config)
    uploads = ResumableUploads(store, min_free_bytes=0)
    served = {"jobs": JobServices(jobs, store, 720, client().policy), "fetcher": fetcher, "uploads": uploads}
    house = Services(*parts, billing=books.client, **served)
    with serving(create_app(house)) as port:
        yield JobsHouse(f"http://127.0.0.1:{port}", books, runner_of, transcription, uploads)

"""POST /v1/jobs over the real books and store: what is queued, and what is refused."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from stt_ai.api.app import create_app
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.services import ApiConfig, Services
from stt_ai.jobs import stored
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.service import JobService
from stt_ai.sources.fetching import Fetcher
from stt_ai.sources.resumable import ResumableUploads
from stt_ai.storage.folder import FolderStore
from tests.support.api import Fixed, FourModels, Recorder
from tests.support.billed_api import books, refused
from tests.support.billing import Books
from tests.support.tls_server import client

__all__ = ["books"]

SOUND = bytes(range(256)) * 40
FILE = {"file": ("a.wav", SOUND)}


@dataclass
class Edge:
    """The API, and what is behind it."""

    http: httpx.AsyncClient
    books: Books
    service: JobService
    store: FolderStore
    uploads: ResumableUploads

    async def post(self, key: str | None, body: Any = None, **form: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return await self.http.post("/v1/jobs", json=body, headers=headers, **form)

    async def upload(self, key: str, data: bytes = SOUND, length: int = len(SOUND)) -> str:
        owner = self.books.service.account(key).id
        made = self.uploads.create(owner, length, "talk.mp3").description.id
        with self.uploads.appending(owner, made, 0) as appender:
            await appender.write(data)
            await appender.flush()
        return made


@pytest.fixture
async def edge(books: Books, tmp_path: Path) -> AsyncIterator[Edge]:
    service = JobService(books.service, JobsConfig())

    async def carry(operation: str, *arguments: Any) -> Any:
        return getattr(service, operation)(*arguments)

    store = FolderStore(tmp_path / "store")
    uploads = ResumableUploads(tmp_path / "resumable", min_free_bytes=0)
    jobs = JobServices(JobsClient(carry), store, 720)
    parts = (Recorder(), FourModels(), Fixed(), ApiConfig(tmp_path / "uploads", "large-v3-turbo"))
    services = Services(*parts, billing=books.client, fetcher=Fetcher(client()), uploads=uploads, jobs=jobs)
    transport = httpx.ASGITransport(create_app(services), raise_app_exceptions=False, client=("192.0.2.1", 40123))
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
        yield Edge(http, books, service, store, uploads)


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "form"])
async def test_a_complete_upload_is_queued(edge: Edge, form: bool) -> None:
    key = edge.books.account(credits=5)
    upload = await edge.upload(key)
    sent = {"files": {"upload_id": (None, upload)}} if form else {"body": {"source": {"upload_id": upload}}}
    answer = await edge.post(key, **sent)
    assert (answer.status_code, answer.json()["title"]) == (202, "talk.mp3"), answer.text
    assert await edge.store.get(stored.key(answer.json()["id"], stored.AUDIO)) == SOUND
    job = edge.service.claim()
    assert job is not None and json.loads(job.source)["filename"] == "talk.mp3"


async def test_an_upload_that_is_not_complete_or_another_accounts_is_refused(edge: Edge) -> None:
    key, other = edge.books.account(credits=5), edge.books.account(credits=5)
    part = await edge.upload(key, SOUND[:100])
    refused(await edge.post(key, {"source": {"upload_id": part}}), 400, "upload_incomplete")
    whole = {"source": {"upload_id": await edge.upload(key)}}
    refused(await edge.post(other, whole), 404, "not_found")
    refused(await edge.post(None, whole), 401, "unauthorized")
    refused(await edge.post(key, {"source": {"upload_id": "../up"}}), 404, "not_found")
    assert await edge.store.groups() == ()


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"url": "https://example.com/", "upload_id": "up_1"},
        {"upload_id": "up_1", "headers": {"Authorization": "x"}},
    ],
)
async def test_a_source_is_one_of_two(edge: Edge, source: dict[str, Any]) -> None:
    refused(await edge.post(edge.books.account(credits=5), {"source": source}), 400, "invalid_parameter")


@pytest.mark.parametrize("name", ["webhook", "summary"])
async def test_what_is_not_supported_is_said(edge: Edge, name: str) -> None:
    key = edge.books.account(credits=5)
    body = {"source": {"url": "https://example.com/"}, name: {"url": "https://example.com/"}}
    for answer in (
        await edge.post(key, body),
        await edge.post(key, files=FILE, data={name: "https://example.com/"}),
        await edge.post(key, files=FILE, params={name: "x"}),
    ):
        refused(answer, 400, "invalid_parameter")
        assert f"`{name}` is not supported" in answer.json()["error"]
    assert edge.service.list_jobs(key, None, None, 10).jobs == ()

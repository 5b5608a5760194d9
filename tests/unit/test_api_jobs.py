"""POST /v1/jobs over the real books and store: what is queued, and what is refused."""

import json
from collections.abc import AsyncIterator, Iterator
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
from stt_ai.jobs.webhooks.service import WebhookService
from stt_ai.jobs.webhooks.signing import new_secret
from stt_ai.sources.fetching import Fetcher
from stt_ai.sources.resumable import ResumableUploads
from stt_ai.storage.folder import FolderStore
from tests.support.api import Fixed, FourModels, Recorder
from tests.support.billed_api import books, refused
from tests.support.billing import Books
from tests.support.jobs_api import operation_of
from tests.support.tls_server import client

__all__ = ["books"]

SOUND = bytes(range(256)) * 40
FILE = {"file": ("a.wav", SOUND)}


HOOK = "https://example.com/hook"


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

    async def ask(self, method: str, path: str, key: str, body: Any = None) -> Any:
        answer = await self.http.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})
        assert answer.is_success, answer.text
        return answer.json()

    async def upload(self, key: str, data: bytes = SOUND, length: int = len(SOUND)) -> str:
        owner = self.books.service.account(key).id
        made = (await self.uploads.create(owner, length, "talk.mp3")).description.id
        async with self.uploads.appending(owner, made, 0) as appender:
            await appender.write(data)
            await appender.flush()
        return made


@pytest.fixture
async def edge(books: Books, tmp_path: Path) -> AsyncIterator[Edge]:
    service, webhooks = JobService(books.service, JobsConfig()), WebhookService(books.service)

    async def carry(operation: str, *arguments: Any) -> Any:
        return operation_of((service, webhooks), operation)(*arguments)

    store = FolderStore(tmp_path / "store")
    uploads = ResumableUploads(store, min_free_bytes=0)
    jobs = JobServices(JobsClient(carry), store, 720, client(()).policy)
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
    assert await edge.store.groups() == ("uploads",)


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


@pytest.mark.parametrize(("name", "hint"), [("retention", "there are channels,"), ("keepAudio", "mean `keep_audio`")])
async def test_a_field_that_there_is_not_is_refused(edge: Edge, name: str, hint: str) -> None:
    answer = await edge.post(edge.books.account(credits=5), files=FILE, data={name: "1"})
    refused(answer, 400, "invalid_parameter")
    assert f"`{name}`" in answer.json()["error"] and hint in answer.json()["error"]


@pytest.mark.parametrize("name", ["summary"])
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


async def queued(edge: Edge, key: str | None, webhook: dict[str, Any], form: bool = False) -> httpx.Response:
    if form:
        return await edge.post(key, files=FILE, data={"webhook": json.dumps(webhook)})
    return await edge.post(key, {"source": {"url": "https://example.com/a.mp3"}, "webhook": webhook})


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "form"])
async def test_a_webhook_is_kept_with_its_job_and_its_deliveries_are_listed(edge: Edge, form: bool) -> None:
    key = edge.books.account(credits=5)
    secret, metadata = new_secret(), {"order": 7, "names": ["Zoë"]}
    answer = await queued(edge, key, {"url": HOOK, "secret": secret, "metadata": metadata}, form)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert job["webhook"] == {"url": HOOK, "metadata": metadata}
    assert secret not in answer.text
    deliveries = f"/v1/jobs/{job['id']}/deliveries"
    assert await edge.ask("GET", deliveries, key) == {"deliveries": []}
    await edge.ask("POST", f"/v1/jobs/{job['id']}/cancel", key)
    (delivery,) = (await edge.ask("GET", deliveries, key))["deliveries"]
    expected = {"event": "job.cancelled", "url": HOOK, "status": "pending", "ended_at": None, "attempts": []}
    assert delivery | expected == delivery and delivery["id"].startswith("msg_")
    assert await edge.ask("POST", f"{deliveries}/{delivery['id']}/redeliver", key) == delivery
    refused(await edge.http.get(deliveries), 404, "not_found")


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "form"])
@pytest.mark.parametrize(
    ("webhook", "code"),
    [
        ({}, "invalid_parameter"),
        ({"url": "http://example.com/"}, "source_forbidden"),
        ({"url": "https://127.0.0.1/"}, "source_forbidden"),
        ({"url": "https://[::1]/"}, "source_forbidden"),
        ({"url": "https://user:word@example.com/"}, "source_forbidden"),
        ({"url": "file:///etc/passwd"}, "source_forbidden"),
        ({"url": HOOK, "secret": "whsec_short"}, "invalid_parameter"),
        ({"url": HOOK, "secret": "A" * 44}, "invalid_parameter"),
        ({"url": HOOK, "metadata": {"a": "b" * 2048}}, "invalid_parameter"),
        ({"url": HOOK, "metadata": ["a"]}, "invalid_parameter"),
        ({"url": HOOK, "metadata": {"a": float("nan")}}, "invalid_parameter"),
        ({"url": HOOK, "events": ["job.failed"]}, "invalid_parameter"),
    ],
)
async def test_a_webhook_that_cannot_be_sent_is_refused(
    edge: Edge, webhook: dict[str, Any], code: str, form: bool
) -> None:
    key = edge.books.account(credits=5)
    if form:
        answer = await queued(edge, key, webhook, form)
    else:
        body = json.dumps({"source": {"url": HOOK}, "webhook": webhook})
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        answer = await edge.http.post("/v1/jobs", content=body, headers=headers)
    refused(answer, 400, code)
    assert edge.service.list_jobs(key, None, None, 10).jobs == ()


async def test_a_form_says_what_its_webhook_should_be(edge: Edge) -> None:
    key = edge.books.account(credits=5)
    refused(await edge.post(key, files=FILE, data={"webhook": HOOK}), 400, "invalid_parameter")
    answer = await queued(edge, key, {"url": HOOK, "metadata": 1}, form=True)
    assert "`webhook.metadata`" in answer.json()["error"]


async def test_a_caller_without_a_key_sends_a_secret_with_the_webhook(edge: Edge) -> None:
    refused(await queued(edge, None, {"url": HOOK}), 400, "invalid_parameter")
    assert (await queued(edge, None, {"url": HOOK, "secret": new_secret()})).status_code == 202


async def test_an_accounts_secret_is_read_and_changed(edge: Edge) -> None:
    key = edge.books.account()
    path = "/v1/account/webhook-secret"
    first = await edge.ask("GET", path, key)
    assert first["secret"].startswith("whsec_") and first["previous_until"] is None
    assert await edge.ask("GET", path, key) == first
    second = await edge.ask("POST", f"{path}/rotate", key)
    assert second["secret"] != first["secret"] and second["previous_until"] is not None
    third = await edge.ask("POST", f"{path}/rotate", key, {"overlap_hours": 0})
    assert third["previous_until"] is None
    refused(await edge.http.get(path), 401, "unauthorized")
    authorized = {"Authorization": f"Bearer {key}"}
    assert (await edge.http.get(path, headers=authorized)).headers["Cache-Control"] == "no-store"
    too_long = await edge.http.post(f"{path}/rotate", json={"overlap_hours": 1000}, headers=authorized)
    refused(too_long, 400, "invalid_parameter")


async def test_the_schema_is_whole(edge: Edge) -> None:
    document = (await edge.http.get("/openapi.json")).json()

    def references(found: Any) -> Iterator[str]:
        if isinstance(found, dict):
            yield from [found["$ref"]] if isinstance(found.get("$ref"), str) else []
        for part in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
            yield from references(part)

    for reference in references(document):
        place = document
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
    message = document["webhooks"]["job_ended"]["post"]
    assert {one["name"] for one in message["parameters"]} == {"webhook-id", "webhook-timestamp", "webhook-signature"}

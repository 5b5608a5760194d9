"""POST /v1/jobs over the real books and store: what is queued, and what is refused."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from stt_ai.api.app import create_app
from stt_ai.api.jobs.load import follow_load
from stt_ai.api.jobs.services import JobServices
from stt_ai.api.services import ApiConfig, Services
from stt_ai.errors import SttError, Unavailable
from stt_ai.jobs import stored
from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.config import JobsConfig
from stt_ai.jobs.messages import JobLoad, NoSummary
from stt_ai.jobs.service import JobService
from stt_ai.jobs.webhooks.service import WebhookService
from stt_ai.jobs.webhooks.signing import new_secret
from stt_ai.sources.fetching import Fetcher
from stt_ai.sources.resumable import ResumableUploads
from stt_ai.storage.folder import FolderStore
from stt_ai.types import Summary, SummaryStyle
from tests.support.api import TALK, Fixed, FourModels, Recorder
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


SPEECH = replace(TALK, windows=())
WRITTEN = Summary("They greet each other.", SummaryStyle.BRIEF, "scribe")


async def done(edge: Edge, key: str, no_summary: NoSummary | None = None, **form: Any) -> str:
    """Return the path of the result of a job that has succeeded."""
    answer = await edge.post(key, files=FILE, **form)
    assert answer.status_code == 202, answer.text
    job_id = answer.json()["id"]
    for name, kept in (
        (stored.RESULT, stored.TRANSCRIPT.dump_json(SPEECH)),
        (stored.SUMMARY_NAME, stored.SUMMARY.dump_json(WRITTEN)),
    ):
        await edge.store.put(stored.key(job_id, name), kept)
    work = edge.service.claim()
    assert work is not None and work.id == job_id
    edge.service.succeed(job_id, work.fence, SPEECH.duration, SPEECH.model, no_summary)
    return f"/v1/jobs/{job_id}/result"


async def test_the_result_has_the_summary_beside_the_transcript(edge: Edge) -> None:
    key = edge.books.account(credits=5)
    for form in ({"data": {"summary": "brief"}}, {"params": {"summary": "brief"}}):
        result = await edge.ask("GET", await done(edge, key, **form), key)
        assert result["summary"] == {"summary": WRITTEN.text, "style": "brief", "model": "scribe"}
    assert "summary" not in await edge.ask("GET", await done(edge, key), key)


async def test_a_summary_that_failed_is_reported_in_the_job_and_among_the_warnings(edge: Edge) -> None:
    key = edge.books.account(credits=5)
    path = await done(edge, key, NoSummary("overloaded", "Too much to do."), data={"summary": "brief"})
    job = await edge.ask("GET", path.removesuffix("/result"), key)
    assert (job["status"], job["error"]) == ("succeeded", None)
    assert (job["summary"]["style"], job["summary"]["error"]["code"]) == ("brief", "overloaded")
    result = await edge.ask("GET", path, key)
    assert (result["summary"], result["text"]) == (None, SPEECH.text)
    assert result["warnings"][-1] == {"code": "summary_failed", "message": "There is no summary: Too much to do."}


@pytest.mark.parametrize("summary", [{"style": "long"}, "brief", {"style": "brief", "words": 3}])
async def test_a_summary_of_no_known_style_is_refused(edge: Edge, summary: Any) -> None:
    key = edge.books.account(credits=5)
    refused(await edge.post(key, {"source": {"url": HOOK}, "summary": summary}), 400, "invalid_parameter")
    refused(await edge.post(key, files=FILE, data={"summary": "long"}), 400, "invalid_parameter")


async def test_a_summary_is_asked_for_in_json(edge: Edge) -> None:
    answer = await edge.post(edge.books.account(credits=5), {"source": {"url": HOOK}, "summary": {}})
    assert answer.json()["summary"] == {"style": "brief", "error": None}


async def test_a_result_can_be_had_in_openais_form(edge: Edge) -> None:
    key = edge.books.account(credits=5)
    path = await done(edge, key, data={"task": "transcribe", "language": "en"})
    body = await edge.ask("GET", f"{path}?response_format=verbose_json", key)
    assert (body["task"], body["language"], body["text"]) == ("transcribe", "english", SPEECH.text)
    assert [word["word"] for word in body["words"]] == [word.word for one in SPEECH.segments for word in one.words]
    assert "".join(segment["text"] for segment in body["segments"]).strip() == SPEECH.text


async def test_subtitles_of_a_result_look_as_they_are_asked_for(edge: Edge) -> None:
    key = edge.books.account(credits=5)
    path = await done(edge, key)
    headers = {"Authorization": f"Bearer {key}"}
    cues = (await edge.http.get(f"{path}?response_format=srt&words_per_cue=1", headers=headers)).text
    words = sum(len(segment.words) for segment in SPEECH.segments)
    assert cues.count(" --> ") == words > 1
    refused(await edge.http.get(f"{path}?words_per_cue=1", headers=headers), 400, "invalid_parameter")
    refused(await edge.http.get(f"{path}?response_format=srt&lines=0", headers=headers), 400, "invalid_parameter")
    early = refused(await edge.post(key, files=FILE, data={"line_width": "40"}), 400, "invalid_parameter")
    assert "goes with the result" in early


async def test_every_form_of_a_result_has_what_people_corrected(edge: Edge) -> None:
    key = edge.books.account(credits=5)
    path = await done(edge, key)
    job, headers = path.removesuffix("/result"), {"Authorization": f"Bearer {key}"}
    before = await edge.ask("GET", path, key)
    first, other = before["segments"][:2]
    assert (first["id"], other["id"], first["speaker"]) == (0, 1, "Speaker 1")
    await edge.ask("PATCH", f"{job}/speakers", key, {"speakers": {"Speaker 2": "Ada"}})
    text = f"Zanzibar\u0000  {' '.join(first['text'].split()[1:])}"
    changes = {"segments": [{"id": 0, "text": text, "speaker": "Ada"}, {"id": 1, "text": ""}]}
    assert (await edge.ask("PATCH", f"{job}/segments", key, changes))["corrected_at"] is not None
    after = await edge.ask("GET", path, key)
    (corrected, *_) = after["segments"]
    assert [one["id"] for one in after["segments"]] == [one["id"] for one in before["segments"] if one["id"] != 1]
    assert corrected["text"] == text.replace("\0 ", "") and corrected["speaker"] == "Ada" == after["speakers"][0]
    assert corrected["words"][0] == first["words"][0] | {"word": "Zanzibar", "confidence": 1.0, "speaker": "Ada"}
    assert corrected["words"][1:] == [word | {"speaker": "Ada"} for word in first["words"][1:]]
    for form in ("txt", "srt", "vtt", "verbose_json"):
        found = (await edge.http.get(f"{path}?response_format={form}", headers=headers)).text
        assert "Zanzibar" in found and other["text"] not in found
    (kept,) = [one.name for one in await edge.store.objects(job.rpartition("/")[2]) if "corrections" in one.name]
    back = {"segments": [{"id": 0, "text": None, "speaker": None}, {"id": 1, "text": other["text"]}]}
    assert (await edge.ask("PATCH", f"{job}/segments", key, back))["corrected_at"] is None
    await edge.ask("PATCH", f"{job}/speakers", key, {"speakers": {"Speaker 2": ""}})
    assert await edge.ask("GET", path, key) == before
    assert kept not in [one.name for one in await edge.store.objects(job.rpartition("/")[2])]


@pytest.mark.parametrize(
    "segment",
    [{"id": 99, "text": "a"}, {"id": -1}, {"text": "a"}, {"id": 0, "text": "a" * 2001}, {"id": 0, "speaker": ""}],
)
async def test_a_correction_of_what_there_is_not_is_refused(edge: Edge, segment: dict[str, Any]) -> None:
    key = edge.books.account(credits=5)
    url = (await done(edge, key)).replace("result", "segments")
    headers = {"Authorization": f"Bearer {key}"}
    refused(await edge.http.patch(url, json={"segments": [segment]}, headers=headers), 400, "invalid_parameter")
    refused(await edge.http.patch(url, json={"segments": [{"id": 0, "text": "a"}]}), 404, "not_found")
    waiting = (await edge.post(key, files=FILE)).json()["id"]
    early = await edge.http.patch(f"/v1/jobs/{waiting}/segments", json={"segments": [{"id": 0}]}, headers=headers)
    refused(early, 409, "job_not_done")


async def test_corrections_at_the_same_time_are_all_kept(edge: Edge) -> None:
    key = edge.books.account(credits=5)
    path = await done(edge, key)
    url, count = path.replace("result", "segments"), len(SPEECH.segments)
    changes = [{"segments": [{"id": number, "text": f"Said {number}."}]} for number in range(count)]
    await asyncio.gather(*(edge.ask("PATCH", url, key, change) for change in changes))
    found = (await edge.ask("GET", path, key))["segments"]
    assert [one["text"] for one in found] == [f"Said {number}." for number in range(count)]


@pytest.mark.parametrize("options", [{"lingua": "en"}, {"language": ["en"]}, {"lines": 2}, {"response_format": "srt"}])
async def test_an_option_that_there_is_not_is_refused(edge: Edge, options: dict[str, Any]) -> None:
    answer = await edge.post(edge.books.account(credits=5), {"source": {"url": HOOK}, "options": options})
    refused(answer, 400, "invalid_parameter")
    assert next(iter(options)) in answer.json()["error"]


NATIVE = {
    "task": "transcribe",
    "prompt": "Dr. Núñez",
    "keywords[]": "Núñez, Zoë",
    "channels": "separate",
    "start": "1",
    "end": "9.5",
    "track": "2",
    "strict": "true",
}


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "form"])
async def test_a_job_takes_every_parameter_of_a_transcription(edge: Edge, form: bool) -> None:
    key = edge.books.account(credits=5)
    if form:
        answer = await edge.post(key, files=FILE, data=NATIVE)
    else:
        numbers = {"start": 1, "end": 9.5, "track": 2, "strict": True, "keywords": ["Núñez", "Zoë"]}
        options = {name: value for name, value in NATIVE.items() if name != "keywords[]"} | numbers
        answer = await edge.post(key, {"source": {"url": HOOK}, "options": options})
    assert answer.status_code == 202, answer.text
    work = edge.service.claim()
    assert work is not None
    asked = stored.REQUEST.validate_json(work.options)
    assert (asked.prompt, asked.keywords, asked.strict) == ("Dr. Núñez", ("Núñez", "Zoë"), True)
    selection = asked.selection
    assert (selection.separate, selection.start, selection.end, selection.track) == (True, 1.0, 9.5, 2)


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


async def test_whoever_admits_files_is_told_how_much_work_jobs_are(edge: Edge) -> None:
    key = edge.books.account(credits=5)
    await edge.post(key, files=FILE)
    loads: asyncio.Queue[JobLoad] = asyncio.Queue()
    answers: list[JobLoad | SttError] = [Unavailable("Not now."), edge.service.load()]

    async def carry(operation: str, *arguments: Any) -> JobLoad:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, SttError):
            raise answer
        return answer

    following = asyncio.create_task(follow_load(JobsClient(carry), loads.put_nowait, every_s=0))
    assert (await loads.get()).queued == 1
    following.cancel()

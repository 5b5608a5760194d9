"""`client.jobs` and recordings by their addresses, against the API over the real queue and runner."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from stt_ai import AsyncClient, Client
from stt_ai.sdk import Job, JobEnded, JobError, Summary, errors
from stt_ai.sdk.job_calls import MAX_PAUSE_S, MIN_PAUSE_S, Polling
from tests.support.api import TALK
from tests.support.billed_api import books
from tests.support.jobs_api import JobsHouse, jobs_house
from tests.support.scripted_server import CUT, Script, answer, failure, scripted
from tests.support.tls_server import Server, giving, response, serving

__all__ = ["books", "jobs_house", "scripted"]

SOUND = bytes(range(256)) * 400
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
QUEUED = {"id": "job_1", "status": "queued", "created_at": NOON.isoformat()}


class Called:
    """Both clients, called in the same way; dotted names are of `client.jobs`."""

    def __init__(self, kind: str, url: str, key: str | None, **more: Any) -> None:
        self._kind, self._arguments = kind, {"base_url": url, "api_key": key, **more}

    def __call__(self, name: str, *arguments: Any, **named: Any) -> Any:
        def bound(client: Any) -> Any:
            owner, _, method = name.rpartition(".")
            return getattr(getattr(client, owner) if owner else client, method)(*arguments, **named)

        if self._kind == "sync":
            with Client(**self._arguments) as client:
                return bound(client)

        async def call() -> Any:
            async with AsyncClient(**self._arguments) as client:
                return await bound(client)

        return asyncio.run(call())


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def call(kind: str, jobs_house: JobsHouse) -> Called:
    return Called(kind, jobs_house.url, jobs_house.books.account(credits=9))


@pytest.fixture
def source() -> Iterator[Server]:
    with serving(giving(response(SOUND))) as server:
        yield server


def test_a_job_from_its_beginning_to_its_end(call: Called, jobs_house: JobsHouse) -> None:
    job = call("jobs.create", SOUND, language="en", keywords=["Ada"], retention_hours=24, keep_audio=True)
    assert (job.status, job.attempt, job.usage, job.error) == ("queued", 0, None, None)
    assert (job.expires_at - job.created_at).total_seconds() == 24 * 3600
    with pytest.raises(TimeoutError, match="queued"):
        call("jobs.wait", job, timeout=0)
    with pytest.raises(errors.Conflict) as early:
        call("jobs.result", job)
    assert early.value.code == "job_not_done"
    looks: list[Job] = []
    with jobs_house.working():
        done = call("jobs.wait", job.id, timeout=60, on_change=looks.append)
    assert (done.status, done.usage.credits, done.model) == ("succeeded", 1, TALK.model) and looks[-1] == done
    assert call("jobs.get", done) == done
    made = call("jobs.result", done)
    assert (made.text, made.language, made.speakers) == (TALK.text, "en", ("Speaker 1", "Speaker 2"))
    asked = jobs_house.transcription.requests[0]
    assert (asked.language, asked.keywords, jobs_house.transcription.sizes) == ("en", ("Ada",), [len(SOUND)])
    assert call("jobs.rename_speakers", done, {"Speaker 1": "Ada"}).speakers == {"Speaker 1": "Ada"}
    assert call("jobs.result", done, "txt").startswith("Ada: Hello")
    assert call("jobs.result", done, "vtt").startswith("WEBVTT")
    first, second = call("jobs.result", done).segments
    changes = [{"id": first.id, "text": "Hello Zoë, welcome."}, {"id": second.id, "speaker": "Ada"}]
    assert call("jobs.correct", done, changes).corrected_at is not None
    corrected = call("jobs.result", done)
    assert (corrected.segments[0].text, corrected.speakers) == ("Hello Zoë, welcome.", ("Ada",))
    assert [word.word for word in corrected.words][:3] == ["Hello", "Zoë,", "welcome."]
    back = [{"id": segment.id, "text": None, "speaker": None} for segment in (first, second)]
    assert call("jobs.correct", done, back).corrected_at is None
    with pytest.raises(errors.Conflict, match="succeeded"):
        call("jobs.cancel", done)
    call("jobs.delete", done)
    with pytest.raises(errors.NotFound):
        call("jobs.get", done)


def test_jobs_are_listed_by_pages_and_status(call: Called) -> None:
    made = {call("jobs.create", SOUND).id for _ in range(3)}
    first = call("jobs.list", limit=2)
    rest = call("jobs.list", cursor=first.next_cursor)
    assert {job.id for job in (*first.jobs, *rest.jobs)} == made and len(first.jobs) == 2
    assert rest.next_cursor is None
    cancelled = call("jobs.cancel", first.jobs[0])
    assert call("jobs.list", status="cancelled").jobs == (cancelled,)
    with pytest.raises(JobEnded, match="cancelled"):
        call("jobs.wait", cancelled)


def test_a_recording_is_fetched_from_its_address(call: Called, jobs_house: JobsHouse, source: Server) -> None:
    headers = {"X-Token": "t"}
    job = call("jobs.create", url=source.url(), url_headers=headers, language="en", speakers=2, diarize=True)
    with jobs_house.working():
        call("jobs.wait", job, timeout=60)
    assert call("jobs.result", job).text == TALK.text
    assert source.exchanges[0].headers["x-token"] == "t"
    asked = jobs_house.transcription.requests[0]
    assert (asked.language, asked.speakers, asked.diarize) == ("en", 2, True)
    assert call("transcribe", url=source.url(), language="es", response_format="txt").startswith("Speaker 1: Hello")
    assert jobs_house.transcription.sizes == [len(SOUND)] * 2


def test_a_job_that_failed_raises_its_own_error(call: Called, jobs_house: JobsHouse) -> None:
    with serving(giving(response(b"no", 404))) as server, jobs_house.working():
        job = call("jobs.create", url=server.url())
        with pytest.raises(errors.BadRequest) as raised:
            call("jobs.wait", job, timeout=60)
    found = call("jobs.get", job)
    assert (found.status, raised.value.code) == ("failed", "source_refused")
    assert (str(raised.value), raised.value.request_id) == (found.error.error, found.error.request_id)


def test_the_same_key_is_the_same_job(call: Called) -> None:
    first, second = (call("jobs.create", SOUND, idempotency_key="once") for _ in range(2))
    assert first.id == second.id and len(call("jobs.list").jobs) == 1


@pytest.mark.parametrize("given", [{"file": b"s"}, {"url": "https://example.com/a.mp3"}])
@pytest.mark.parametrize("first", [CUT, failure(503, "overloaded", retry_after="0")])
def test_queuing_is_tried_again_under_the_same_key(scripted: Script, kind: str, first: Any, given: Any) -> None:
    with scripted(first, answer(QUEUED)) as (server, url):
        assert Called(kind, url, "k")("jobs.create", **given) == Job("job_1", "queued", NOON)
    assert server.keys[0] and server.keys == [server.keys[0]] * 2


@pytest.mark.parametrize("given", [{"file": b"s"}, {"url": "https://example.com/a.mp3"}])
@pytest.mark.parametrize(
    "webhook", ["https://example.com/hook", {"url": "https://example.com/h", "metadata": {"n": 7}}]
)
def test_a_webhook_is_asked_for(scripted: Script, kind: str, webhook: Any, given: Any) -> None:
    with scripted(answer(QUEUED)) as (server, url):
        Called(kind, url, "k")("jobs.create", **given, webhook=webhook, summary="brief")
    body = server.asked[0].body
    sent = body.partition(b'name="webhook"\r\n\r\n')[2].partition(b"\r\n")[0] if "file" in given else body
    asked = json.loads(sent) if "file" in given else json.loads(sent)["webhook"]
    assert asked == ({"url": webhook} if isinstance(webhook, str) else webhook)
    assert (b'name="summary"\r\n\r\nbrief\r\n' if "file" in given else b'"summary":{"style":"brief"}') in body


def test_the_messages_about_a_job_are_listed_and_sent_again(call: Called) -> None:
    secret = call("webhook_secret")
    hook = {"url": "https://example.com/hook", "metadata": {"n": 7}}
    job = call("jobs.create", SOUND, webhook=hook, summary="brief")
    assert (job.webhook.url, job.webhook.metadata, job.summary.style) == (hook["url"], hook["metadata"], "brief")
    call("jobs.cancel", job)
    (delivery,) = call("jobs.deliveries", job)
    assert (delivery.event, delivery.status, delivery.url) == ("job.cancelled", "pending", hook["url"])
    assert call("jobs.redeliver", job, delivery) == delivery == call("jobs.redeliver", job.id, delivery.id)
    changed = call("rotate_webhook_secret", overlap_hours=2)
    assert changed.secret != secret.secret and secret.secret not in repr(secret)
    assert (changed.previous_until - changed.created_at).total_seconds() == 2 * 3600
    assert call("webhook_secret") == changed


def test_a_secret_is_changed_once_though_the_answer_was_lost(scripted: Script, kind: str) -> None:
    with scripted(CUT, CUT) as (server, url), pytest.raises(errors.ConnectionFailed):
        Called(kind, url, "k")("rotate_webhook_secret")
    assert len(server.asked) == 1


def test_a_result_has_the_summary_that_was_asked_for(scripted: Script, kind: str) -> None:
    body = {"text": "Hello.", "summary": {"summary": "A greeting.", "style": "brief", "model": "m"}}
    with scripted(answer(body), answer({"text": "Hello.", "summary": None})) as (_, url):
        found = [Called(kind, url, "k")("jobs.result", "job_1").summary for _ in range(2)]
    assert found == [Summary("A greeting.", "brief", "m"), None]


@pytest.mark.parametrize(
    ("name", "more"), [("cancel", ()), ("rename_speakers", ({"Speaker 1": "Ada"},)), ("correct", ([{"id": 0}],))]
)
def test_what_does_the_same_twice_is_tried_again(scripted: Script, kind: str, name: str, more: Any) -> None:
    with scripted(CUT, answer(QUEUED)) as (server, url):
        Called(kind, url, "k")(f"jobs.{name}", "job_1", *more)
    assert len(server.asked) == 2


@pytest.mark.parametrize("name", ["transcribe", "jobs.create"])
@pytest.mark.parametrize("given", [{}, {"file": b"s", "url": "https://example.com"}])
def test_a_file_or_an_address_is_needed(kind: str, name: str, given: Any) -> None:
    with pytest.raises(TypeError, match="`url`"):
        Called(kind, "http://127.0.0.1:1", None)(name, **given)


def test_plans_are_typed(call: Called) -> None:
    found = call("plans")
    assert [plan.name for plan in found.plans] == ["anonymous", "free", "paid"]
    assert (found.plans[1].allowance.unit, found.plans[2].allowance.amount) == ("minutes", None)


def test_looks_grow_rarer_and_end_with_the_timeout() -> None:
    now = [100.0]
    polling, running = Polling(60.0, lambda: now[0]), Job("job_1", "running", NOON)
    pauses: list[float] = []
    while now[0] < 160:
        pause = polling.pause(running)
        assert pause is not None
        pauses.append(pause)
        now[0] += pause
    assert pauses[0] == MIN_PAUSE_S and pauses[:-1] == sorted(pauses[:-1]) and max(pauses) == MAX_PAUSE_S
    assert sum(pauses) == pytest.approx(60)
    with pytest.raises(TimeoutError, match="60 seconds"):
        polling.pause(running)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("no_credits", errors.PaymentRequired),
        ("audio_too_long", errors.TooLarge),
        ("replica_lost", errors.Unavailable),
        ("internal_error", errors.ServerError),
        ("unsupported_format", errors.BadRequest),
    ],
)
def test_the_error_of_a_job_has_the_class_of_its_code(code: str, expected: type[errors.SttAiError]) -> None:
    failed = Job("job_1", "failed", NOON, error=JobError("It failed.", code, "r1"))
    with pytest.raises(expected) as raised:
        Polling(None).pause(failed)
    assert type(raised.value) is expected and raised.value.request_id == "r1"

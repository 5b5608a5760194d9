"""POST /v1/summarize over HTTP, with a peer of the summarizer and the real books."""

import asyncio
import http.client
import json
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from stt_ai.accounts import WorkKind
from stt_ai.api.app import create_app
from stt_ai.api.schemas import SummaryBody
from stt_ai.api.services import ApiConfig, Services
from stt_ai.billing.client import BillingClient
from stt_ai.billing.database import Database
from stt_ai.billing.plans import AnonymousPlan
from stt_ai.errors import ModelLoading, Overloaded, SttError, TooManyRequests
from stt_ai.pipeline.model_warnings import summarizer_warnings
from stt_ai.ports import Summarizer
from stt_ai.types import LoadedModel, Summary, SummaryStyle, TranscriptWarning
from tests.support.api import PATIENCE, Fixed, FourModels, Recorder, eventually, serving
from tests.support.billing import Books, migrated_database

TEXT = "Emma will send the report on Monday."
HOME = "192.0.2.1"


@dataclass
class Scribe:
    """Writes the text's beginning, in two pieces."""

    failure: SttError | None = None
    late: bool = False
    warnings: tuple[TranscriptWarning, ...] = ()
    asked: list[tuple[str, SummaryStyle]] = field(default_factory=list)

    async def summarize(self, text: str, style: SummaryStyle) -> Summary:
        self.asked.append((text, style))
        if self.failure:
            raise self.failure
        return Summary(text[:20], style, "demo-qwen2", demo=True, warnings=self.warnings)

    async def stream(self, text: str, style: SummaryStyle) -> AsyncIterator[str | Summary]:
        if self.late:
            yield text[:10]
        summary = await self.summarize(text, style)
        if not self.late:
            yield summary.text[:10]
        yield summary.text[10:]
        yield summary


class Slow:
    """Works until it is ended, and says when it began and that it was. A stream sends ``piece`` before."""

    def __init__(self, piece: str = "Emma") -> None:
        self.piece = piece
        self.began, self.ended = threading.Event(), threading.Event()

    async def summarize(self, text: str, style: SummaryStyle) -> Summary:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        raise AssertionError("unreachable")

    async def stream(self, text: str, style: SummaryStyle) -> AsyncIterator[str | Summary]:
        if self.piece:
            yield self.piece
        yield await self.summarize(text, style)


def app_of(folder: Path, summarizer: Summarizer, billing: BillingClient | None = None, **options: Any) -> FastAPI:
    config = ApiConfig(folder, "large-v3-turbo", **options)
    parts = (Recorder(), FourModels(), Fixed(), config)
    return create_app(Services(*parts, billing=billing, summarizer=summarizer))


def client_of(app: FastAPI, address: str = HOME) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 40123))
    return httpx.AsyncClient(transport=transport, base_url="http://here")


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    database = Database(migrated_database("sqlite", tmp_path))
    yield Books(database, anonymous=AnonymousPlan(summaries_per_day=2))
    database.close()


def events_of(text: str) -> list[tuple[str, Any]]:
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    pairs = [block.split("\ndata: ", 1) for block in blocks]
    return [(kind.removeprefix("event: "), json.loads(data)) for kind, data in pairs]


@pytest.mark.parametrize("style", [None, *SummaryStyle])
async def test_the_answer_is_as_documented(tmp_path: Path, style: SummaryStyle | None) -> None:
    scribe = Scribe()
    async with client_of(app_of(tmp_path, scribe)) as client:
        answer = await client.post("/v1/summarize", json={"text": TEXT, **({"style": style} if style else {})})
    assert answer.status_code == 200
    assert answer.json() == {"summary": TEXT[:20], "style": style or "brief", "model": "demo-qwen2"}
    assert answer.headers["X-STT-Demo-Model"] == "true"
    assert scribe.asked == [(TEXT, style or SummaryStyle.BRIEF)]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_summary_of_another_model_says_so(tmp_path: Path, stream: bool) -> None:
    message = "qwen2.5-1.5b-instruct is not here: qwen-0.5b serves in its place."
    warnings = summarizer_warnings(LoadedModel("qwen-0.5b", reason=message))
    async with client_of(app_of(tmp_path, Scribe(warnings=warnings))) as client:
        answer = await client.post("/v1/summarize", json={"text": TEXT, "stream": stream})
    body = events_of(answer.text)[-1][1] if stream else answer.json()
    assert body["warnings"] == [{"code": "model_substituted", "message": message}]
    SummaryBody.model_validate(body)
    if not stream:
        assert answer.headers["X-STT-Warnings"] == f'model_substituted;message="{message}"'


@pytest.mark.parametrize(
    ("body", "code", "named"),
    [
        (b'{"style": "brief"}', "invalid_parameter", "`text` must be a string"),
        (b'{"text": 5}', "invalid_parameter", "`text` must be a string"),
        (b'{"text": ""}', "invalid_parameter", "`text` is empty"),
        (b'{"text": " \\n\\t "}', "invalid_parameter", "`text` is empty"),
        (b'{"text": "\\ud800"}', "invalid_parameter", "`text` holds half"),
        (b'{"text": "a", "style": "short"}', "invalid_parameter", "brief, detailed, action_items, bullet_points"),
        (b'{"text": "a", "style": ["brief"]}', "invalid_parameter", "`style` must be one of"),
        (b'{"text": "a", "stream": "yes"}', "invalid_parameter", "`stream` must be"),
        (b'{"text": "' + b"a" * 101 + b'"}', "invalid_parameter", "`text` is too long: at most 100 characters"),
        (b'{"text": "' + b"a" * 100_000 + b'"}', "invalid_parameter", "`text` is too long: at most 100 characters"),
        (b"text=hello", "malformed_body", "not valid JSON"),
        (b"", "malformed_body", "not valid JSON"),
        (b"[1]", "malformed_body", "JSON object"),
        (b"[" * 50_000, "malformed_body", "not valid JSON"),
        (b'{"text": "\xff"}', "malformed_body", "not valid JSON"),
    ],
)
async def test_a_bad_body_is_told_what_is_wrong_with_it(tmp_path: Path, body: bytes, code: str, named: str) -> None:
    scribe = Scribe()
    async with client_of(app_of(tmp_path, scribe, max_summary_characters=100)) as client:
        answer = await client.post("/v1/summarize", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert named in answer.json()["error"]
    assert scribe.asked == []


async def test_the_longest_text_is_taken_also_when_every_character_is_escaped(tmp_path: Path) -> None:
    scribe = Scribe()
    text = "\U0001f600" * 20_000
    async with client_of(app_of(tmp_path, scribe, max_summary_characters=20_000)) as client:
        answer = await client.post("/v1/summarize", content=json.dumps({"text": text}))
    assert answer.status_code == 200
    assert scribe.asked[0][0] == text


@pytest.mark.parametrize(
    ("failure", "code"), [(Overloaded("Full.", 7), "overloaded"), (ModelLoading("Soon.", 7), "model_loading")]
)
@pytest.mark.parametrize("stream", [False, True])
async def test_no_capacity_is_503_before_anything_is_sent(
    tmp_path: Path, failure: SttError, code: str, stream: bool
) -> None:
    async with client_of(app_of(tmp_path, Scribe(failure))) as client:
        answer = await client.post("/v1/summarize", json={"text": TEXT, "stream": stream})
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, code, "7")


async def test_a_stream_sends_the_summary_and_ends_with_the_whole_answer(tmp_path: Path) -> None:
    async with client_of(app_of(tmp_path, Scribe())) as client:
        plain = (await client.post("/v1/summarize", json={"text": TEXT, "style": "detailed"})).json()
        answer = await client.post("/v1/summarize", json={"text": TEXT, "style": "detailed", "stream": True})
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.headers["X-Request-ID"]
    *deltas, last = events_of(answer.text)
    assert last == ("summary", plain)
    assert "".join(data["text"] for kind, data in deltas if kind == "delta") == plain["summary"]


async def test_what_fails_in_the_middle_of_a_stream_is_its_last_event(tmp_path: Path) -> None:
    async with client_of(app_of(tmp_path, Scribe(Overloaded("Full."), late=True))) as client:
        answer = await client.post("/v1/summarize", json={"text": TEXT, "stream": True})
    (first, _), (last, data) = events_of(answer.text)
    assert (answer.status_code, first, last, data["code"]) == (200, "delta", "error", "overloaded")
    assert data["request_id"] == answer.headers["X-Request-ID"]


def leave(port: int, slow: Slow, stream: bool) -> None:
    """Asks, and is gone when the work has begun."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("POST", "/v1/summarize", json.dumps({"text": TEXT, "stream": stream}))
    assert slow.began.wait(PATIENCE)
    connection.close()


@pytest.mark.parametrize("stream", [False, True])
def test_whoever_leaves_ends_the_work(tmp_path: Path, stream: bool) -> None:
    slow = Slow()
    with serving(app_of(tmp_path, slow)) as port:
        leave(port, slow, stream)
        assert slow.ended.wait(PATIENCE)


@pytest.mark.parametrize("stream", [False, True])
async def test_summaries_are_counted_by_day_apart_and_cost_nothing(books: Books, tmp_path: Path, stream: bool) -> None:
    app = app_of(tmp_path / "uploads", Scribe(), books.client)
    asked = {"text": TEXT, "stream": stream}
    async with client_of(app) as client:
        refused = await client.post("/v1/summarize", json={"text": ""})
        answers = [await client.post("/v1/summarize", json=asked) for _ in range(3)]
        assert refused.status_code == 400, "and it does not count"
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].headers["RateLimit-Limit"] == "2"
        transcribed = await client.post("/v1/transcribe", files={"file": ("a.flac", b"sound" * 100)})
        assert transcribed.status_code == 200
    async with client_of(app, "192.0.2.2") as other:
        assert (await other.post("/v1/summarize", json=asked)).status_code == 200
    key = books.account(credits=5)
    async with client_of(app) as client:
        headers = {"Authorization": f"Bearer {key}"}
        for _ in range(4):
            assert (await client.post("/v1/summarize", json=asked, headers=headers)).status_code == 200
        account = (await client.get("/v1/account", headers=headers)).json()
    assert account["credits"] == {"available": 5, "reserved": 0}
    assert account["limits"]["running"] == 0


async def test_the_same_key_brings_the_same_answer_without_the_model(books: Books, tmp_path: Path) -> None:
    scribe = Scribe()
    async with client_of(app_of(tmp_path / "uploads", scribe, books.client)) as client:
        headers = {"Idempotency-Key": "once"}
        first, again = [await client.post("/v1/summarize", json={"text": TEXT}, headers=headers) for _ in range(2)]
        other = await client.post("/v1/summarize", json={"text": TEXT, "style": "detailed"}, headers=headers)
    assert (first.json(), again.headers["Idempotency-Replayed"]) == (again.json(), "true")
    assert len(scribe.asked) == 1
    assert other.status_code == 400


async def test_the_same_key_brings_the_same_stream_and_is_for_one_form_of_the_answer(
    books: Books, tmp_path: Path
) -> None:
    scribe, asked = Scribe(), {"text": TEXT, "stream": True}
    async with client_of(app_of(tmp_path / "uploads", scribe, books.client)) as client:
        headers = {"Idempotency-Key": "once"}
        first, again = [await client.post("/v1/summarize", json=asked, headers=headers) for _ in range(2)]
        whole = await client.post("/v1/summarize", json={"text": TEXT}, headers=headers)
        plain = await client.post("/v1/summarize", json={"text": TEXT}, headers={"Idempotency-Key": "other"})
        other = await client.post("/v1/summarize", json=asked, headers={"Idempotency-Key": "other"})
    assert events_of(again.text)[-1] == events_of(first.text)[-1] == ("summary", plain.json())
    assert "".join(data["text"] for kind, data in events_of(again.text) if kind == "delta") == plain.json()["summary"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert [answer.json()["code"] for answer in (whole, other)] == ["invalid_parameter"] * 2
    assert len(scribe.asked) == 2


async def test_a_stream_that_was_left_can_be_asked_for_again_under_its_key(books: Books, tmp_path: Path) -> None:
    slow, headers, asked = Slow(), {"Idempotency-Key": "once"}, {"text": TEXT, "stream": True}
    async with client_of(app_of(tmp_path / "uploads", slow, books.client)) as client:
        asking = asyncio.create_task(client.post("/v1/summarize", json=asked, headers=headers))
        assert await asyncio.to_thread(slow.began.wait, PATIENCE)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    async with client_of(app_of(tmp_path / "uploads", Scribe(), books.client)) as client:
        again = await client.post("/v1/summarize", json=asked, headers=headers)
    assert (again.status_code, events_of(again.text)[-1][0]) == (200, "summary")
    assert "Idempotency-Replayed" not in again.headers


@pytest.mark.parametrize(("piece", "left"), [("", 2), ("Emma", 1)])
def test_a_stream_that_is_left_gives_its_slot_back_and_counts_once_a_piece_was_sent(
    books: Books, tmp_path: Path, piece: str, left: int
) -> None:
    slow = Slow(piece)
    with serving(app_of(tmp_path / "uploads", slow, books.client)) as port:
        leave(port, slow, stream=True)
        assert slow.ended.wait(PATIENCE)
        assert eventually(lambda: _left(books) == left)


def _left(books: Books) -> int | None:
    """None while the slot is taken."""
    try:
        permit = books.admit(address="127.0.0.1", kind=WorkKind.SUMMARY)
    except TooManyRequests:
        return None
    books.service.release(permit.lease)
    assert permit.allowance is not None
    return permit.allowance.remaining

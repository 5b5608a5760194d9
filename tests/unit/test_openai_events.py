"""A transcript as events: in order, charged once, and ended in the way that OpenAI's clients understand."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from stt_ai.api.http import event_stream
from stt_ai.errors import Overloaded, PaymentRequired, ReplicaLost
from stt_ai.pipeline import Pipeline
from stt_ai.ports import OnDuration, OnText
from stt_ai.types import Transcript, TranscriptionRequest, TranscriptWarning, Upload
from tests.support.api import HELLO, PATIENCE, TALK, Failing, Patient, Recorder, eventually, serving
from tests.support.billed_api import FILE, Edge, books, edge
from tests.support.billing import Books
from tests.unit.test_pipeline import ScriptedDiarizer, SpeakingClock, spoken

__all__ = ["books", "edge"]

PATH = "/v1/audio/transcriptions"


async def ask(edge: Edge, key: str | None = None, headers: dict[str, str] | None = None, **fields: str) -> Any:
    async with edge.client(key) as client:
        data = {"model": "whisper-1", "stream": "true", **fields}
        return await client.post(PATH, files=FILE, data=data, headers=headers)


def events_of(text: str) -> list[dict[str, Any]]:
    found = []
    for block in text.split("\n\n"):
        if block and not block.startswith(":"):
            name, data = block.removeprefix("event: ").split("\ndata: ", 1)
            found.append(json.loads(data))
            assert name == found[-1].get("type", "error")
    return found


@pytest.mark.parametrize("transcript", [HELLO, TALK, replace(HELLO, segments=())])
async def test_the_pieces_joined_are_the_text_that_the_last_event_holds(edge: Edge, transcript: Transcript) -> None:
    edge.transcription = Recorder(transcript)
    answer = await ask(edge)
    *deltas, done = events_of(answer.text)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert {delta["type"] for delta in deltas} <= {"transcript.text.delta"}
    assert "".join(delta["delta"] for delta in deltas) == done["text"] == transcript.text
    assert done == {
        "type": "transcript.text.done",
        "text": transcript.text,
        "usage": {"type": "duration", "seconds": transcript.duration},
        "model": "large-v3-turbo",
    }


async def test_the_last_event_has_the_warnings(edge: Edge) -> None:
    warning = TranscriptWarning("audio_missing", "A part is missing.", 1.0, 2.0)
    edge.transcription = Recorder(replace(HELLO, warnings=(warning,)))
    *_, done = events_of((await ask(edge)).text)
    row = {"code": "audio_missing", "message": "A part is missing.", "start": 1.0, "end": 2.0}
    assert done["warnings"] == [row]


async def test_a_strict_stream_is_refused_with_its_status_and_costs_nothing(edge: Edge) -> None:
    decoder = spoken(windows=1)
    decoder.audio = replace(decoder.audio, warnings=(TranscriptWarning("audio_missing", "A part is missing."),))
    edge.transcription = Pipeline(decoder, {"large-v3-turbo": SpeakingClock()}, ScriptedDiarizer())
    key = edge.books.account(credits=5)
    refused = [await ask(edge, key, strict="true"), await edge.transcribe(key, strict="true")]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(400, "audio_missing")] * 2
    assert edge.books.left(key) == (5, 0)
    assert "Nothing was charged." in refused[1].json()["error"]
    assert (await edge.transcribe(key)).json()["warnings"][0]["code"] == "audio_missing"
    assert edge.books.left(key) == (4, 0)


async def test_who_says_what_comes_as_segments(edge: Edge) -> None:
    edge.transcription = Recorder(TALK)
    plain = await ask(edge, response_format="diarized_json", stream="false")
    answer = await ask(edge, response_format="diarized_json")
    *segments, done = events_of(answer.text)
    assert segments == plain.json()["segments"]
    assert (done["type"], done["text"]) == ("transcript.text.done", TALK.text)


async def test_a_stream_is_charged_once_and_says_what_is_left(edge: Edge) -> None:
    key, edge.transcription = edge.books.account(credits=5), Recorder(replace(HELLO, duration=61.0))
    answer = await ask(edge, key)
    assert edge.books.left(key) == (3, 0)
    assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("5", "3")


@pytest.mark.parametrize("form", ["json", "diarized_json"])
async def test_the_same_stream_again_sends_the_same_and_is_charged_once(edge: Edge, form: str) -> None:
    key, edge.transcription, once = edge.books.account(credits=5), Recorder(TALK), {"Idempotency-Key": "k"}
    first = await ask(edge, key, once, response_format=form)
    edge.transcription = Failing(AssertionError("worked twice"))
    again = await ask(edge, key, once, response_format=form)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert events_of(again.text)[-1] == events_of(first.text)[-1]
    deltas = "".join(event.get("delta", "") for event in events_of(again.text))
    assert deltas == (TALK.text if form == "json" else "")
    assert edge.books.left(key) == (4, 0)
    assert (await ask(edge, key, once, stream="false")).status_code == 400, "it is another request"


@pytest.mark.parametrize("failure", [Overloaded("Full.", 7), PaymentRequired("No credits."), ZeroDivisionError()])
async def test_what_fails_before_the_first_event_has_its_status(edge: Edge, failure: Exception) -> None:
    key, edge.transcription = edge.books.account(credits=5), Failing(failure)
    answer = await ask(edge, key)
    assert answer.status_code in (402, 500, 503)
    assert answer.json()["error"]["message"]
    assert edge.books.left(key) == (5, 0)


@pytest.mark.parametrize(
    ("failure", "code"), [(ReplicaLost("The server failed."), "replica_lost"), (ZeroDivisionError(), "internal_error")]
)
async def test_what_fails_later_is_an_event_and_costs_nothing(edge: Edge, failure: Exception, code: str) -> None:
    key, edge.transcription = edge.books.account(credits=5), Failing(failure, late=True)
    answer = await ask(edge, key)
    first, last = events_of(answer.text)
    assert (answer.status_code, first["delta"]) == (200, "Hello,")
    assert (last["error"]["code"], last["code"]) == (code, code)
    assert last["request_id"] == answer.headers["X-Request-ID"]
    assert edge.books.left(key) == (5, 0)


async def test_what_cannot_be_charged_in_the_end_is_not_said_to_be_done(edge: Edge) -> None:
    key = edge.books.account(credits=1)

    class Longer(Recorder):
        """The books lose the lease, and the credit goes elsewhere, while the last piece is sent."""

        async def transcribe(
            self,
            upload: Upload,
            request: TranscriptionRequest,
            on_duration: OnDuration | None = None,
            on_text: OnText | None = None,
        ) -> Transcript:
            transcript = await super().transcribe(upload, request, on_duration, on_text)
            edge.books.clock.turn(1000)
            edge.books.service.expire_overdue()
            edge.books.serve(key)
            return transcript

    edge.transcription = Longer()
    events = events_of((await ask(edge, key)).text)
    assert [event.get("type") for event in events] == ["transcript.text.delta", None]
    assert events[-1]["error"]["code"] == "insufficient_quota"


@pytest.mark.parametrize(("reported", "left"), [(0.0, 20), (59.0, 19), (61.0, 18)])
def test_whoever_leaves_in_the_middle_ends_the_work_and_pays_for_what_was_sent(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reported: float, left: int
) -> None:
    monkeypatch.setattr(event_stream, "FIRST_S", 0.01)
    monkeypatch.setattr(event_stream, "QUIET_S", 0.01)
    key, patient = books.account(credits=20), Patient(600.0, reported)
    app = Edge(books, tmp_path / "uploads", patient).app()
    with serving(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
        data, headers = {"model": "whisper-1", "stream": "true"}, {"Authorization": f"Bearer {key}"}
        with client.stream("POST", PATH, files=FILE, data=data, headers=headers) as answer:
            pieces = answer.iter_text()
            while reported and "Hello," not in next(pieces):
                pass
            assert books.left(key) == (10, 10)
        assert patient.cancelled.wait(PATIENCE)
        assert eventually(lambda: books.left(key) == (left, 0))
        assert eventually(lambda: not list((tmp_path / "uploads").iterdir()))


async def test_who_left_in_the_middle_may_ask_again_and_is_transcribed_for_another_charge(edge: Edge) -> None:
    """Also where the server itself cancels the requests of those who leave."""
    key, once = edge.books.account(credits=20), {"Idempotency-Key": "k"}
    edge.transcription = patient = Patient(600.0, 61.0)
    asking = asyncio.create_task(ask(edge, key, once))
    assert await asyncio.to_thread(patient.began.wait, PATIENCE)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert edge.books.left(key) == (18, 0)
    edge.transcription = Recorder(replace(HELLO, duration=600.0))
    again = await ask(edge, key, once)
    assert events_of(again.text)[-1]["text"] == HELLO.text
    assert "Idempotency-Replayed" not in again.headers
    assert edge.books.left(key) == (8, 0)


async def test_nothing_is_sent_before_it_is_known_that_it_may_be_transcribed(
    edge: Edge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes: a refusal keeps its status."""
    monkeypatch.setattr(event_stream, "FIRST_S", 0.0)
    monkeypatch.setattr(event_stream, "QUIET_S", 0.0)

    class Undecided(Recorder):
        async def transcribe(
            self,
            upload: Upload,
            request: TranscriptionRequest,
            on_duration: OnDuration | None = None,
            on_text: OnText | None = None,
        ) -> Transcript:
            for _ in range(10):
                await asyncio.sleep(0)
            assert on_duration
            await on_duration(1e6)
            raise AssertionError("unreachable")

    edge.transcription = Undecided()
    answer = await ask(edge, edge.books.account(credits=1))
    assert (answer.status_code, answer.json()["code"]) == (402, "no_credits")

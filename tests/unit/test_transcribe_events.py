"""A transcript as events of the same request: progress, text, and last what the request without them would get."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stt_ai.errors import ReplicaLost
from stt_ai.sdk import errors
from stt_ai.types import TranscriptWarning
from tests.support.api import TALK, Failing, Recorder, make_app, serving
from tests.support.billed_api import Edge, books, edge
from tests.unit.test_sdk import Called, kind

__all__ = ["books", "edge", "kind"]

WARNED = replace(TALK, warnings=(TranscriptWarning("quiet", "It is quiet."),))


def events_of(text: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.removeprefix("event: ").split("\ndata: ", 1) for block in text.split("\n\n") if block]
    return [(name, json.loads(data)) for name, data in blocks]


async def test_events_tell_progress_and_text_and_last_the_whole_answer(edge: Edge) -> None:
    edge.transcription = Recorder(WARNED)
    whole = (await edge.transcribe()).json()
    answer = await edge.transcribe(stream="true")
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    *events, (name, last) = events_of(answer.text)
    assert (name, {**last, "request_id": ""}) == ("transcript", {**whole, "request_id": ""})
    assert "".join(data["text"] for event, data in events if event == "delta") == TALK.text
    progress = [(data["done"], data["total"]) for event, data in events if event == "progress"]
    assert progress[0] == (0.0, TALK.duration) and progress == sorted(progress) and len(progress) > 1


@pytest.mark.parametrize("form", ["txt", "srt", "vtt"])
async def test_other_formats_come_as_the_content_of_the_last_event(edge: Edge, form: str) -> None:
    edge.transcription = Recorder(WARNED)
    plain = await edge.transcribe(response_format=form)
    _, last = events_of((await edge.transcribe(response_format=form, stream="true")).text)[-1]
    warnings = [{"code": "quiet", "message": "It is quiet."}]
    assert last == {"content": plain.text, "model": TALK.model, "warnings": warnings}


async def test_it_is_charged_once_and_sent_again_under_the_same_key(edge: Edge) -> None:
    key, once = edge.books.account(credits=5), {"Idempotency-Key": "k"}
    first = await edge.transcribe(key, headers=once, stream="true")
    edge.transcription = Failing(AssertionError("worked twice"))
    again = await edge.transcribe(key, headers=once, stream="true")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert events_of(again.text)[-1] == events_of(first.text)[-1]
    assert edge.books.left(key) == (4, 0)


async def test_a_failure_after_the_first_event_is_an_event_and_costs_nothing(edge: Edge) -> None:
    key, edge.transcription = edge.books.account(credits=5), Failing(ReplicaLost("The server failed."), late=True)
    answer = await edge.transcribe(key, stream="true")
    name, last = events_of(answer.text)[-1]
    assert (name, last["code"]) == ("error", "replica_lost")
    assert edge.books.left(key) == (5, 0)


@pytest.mark.parametrize("form", ["json", "txt"])
def test_the_python_clients_tell_it(kind: str, form: str, tmp_path: Path) -> None:
    pieces: list[str] = []
    progress: list[tuple[float, float]] = []
    with serving(make_app(tmp_path, Recorder(WARNED))) as port:
        call = Called(kind, f"http://127.0.0.1:{port}")
        plain = call("transcribe", b"sound", response_format=form)
        made = call(
            "transcribe",
            b"sound",
            response_format=form,
            on_text=pieces.append,
            on_progress=lambda *seconds: progress.append(seconds),
        )
    assert "".join(pieces) == TALK.text
    assert progress[0] == (0.0, TALK.duration)
    assert made.warnings == plain.warnings and made.model == plain.model
    assert made == plain if form == "txt" else made.segments == plain.segments


def test_the_python_clients_raise_a_failure_that_comes_as_an_event(kind: str, tmp_path: Path) -> None:
    pieces: list[str] = []
    with serving(make_app(tmp_path, Failing(ReplicaLost("The server failed."), late=True))) as port:
        call = Called(kind, f"http://127.0.0.1:{port}")
        with pytest.raises(errors.Unavailable, match="The server failed"):
            call("transcribe", b"sound", on_text=pieces.append)
    assert pieces == ["Hello,"]

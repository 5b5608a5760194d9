"""The client against servers on a real socket: the real API, and one that fails as scripted."""

import asyncio
import dataclasses
import io
import json
import pickle
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import stt_ai
from stt_ai import AsyncClient, Client, sdk
from stt_ai.sdk import errors
from stt_ai.sdk.parsing import parse
from stt_ai.sdk.results import Transcription
from stt_ai.sdk.retries import MAX_WAIT_S, Attempts
from stt_ai.types import TranscriptWarning
from tests.support.api import LANGUAGES, MODELS, TALK, Recorder, make_app, serving
from tests.support.billed_api import Edge, books, edge
from tests.support.billing import Books
from tests.support.scripted_server import CUT, Script, answer, failure, scripted

__all__ = ["books", "edge", "scripted"]

AGAIN = failure(503, "overloaded", retry_after="0")
DONE = answer({"text": "Hello.", "new": {"of": "a later service"}}, x_stt_demo_model="true")


class Called:
    """Both clients, called in the same way."""

    def __init__(self, kind: str, url: str, **options: Any) -> None:
        self.kind = kind
        self._make = {"sync": Client, "async": AsyncClient}[kind]
        self._options: dict[str, Any] = {"base_url": url, "api_key": "k", **options}

    def __call__(self, name: str, *arguments: Any, **named: Any) -> Any:
        if self.kind == "sync":
            with self._make(**self._options) as client:
                return getattr(client, name)(*arguments, **named)

        async def call() -> Any:
            async with self._make(**self._options) as client:
                return await getattr(client, name)(*arguments, **named)

        return asyncio.run(call())

    def reported(self, text: str) -> list[Any]:
        if self.kind == "sync":
            with self._make(**self._options) as client:
                return list(client.summarize(text, stream=True))

        async def call() -> list[Any]:
            async with self._make(**self._options) as client:
                return [piece async for piece in client.summarize(text, stream=True)]

        return asyncio.run(call())


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Recorder, str]]:
    """The API with a transcription service that remembers, and its address."""
    service = Recorder(TALK)
    with serving(make_app(tmp_path / "uploads", service)) as port:
        yield service, f"http://127.0.0.1:{port}"


def test_a_file_is_sent_and_its_transcript_is_typed(kind: str, house: tuple[Recorder, str], tmp_path: Path) -> None:
    service, url = house
    path = tmp_path / "talk.mp3"
    path.write_bytes(b"s" * 300_000)
    reported: list[tuple[int, int | None]] = []
    call = Called(kind, url)
    made = call("transcribe", path, language="en", speakers=2, progress=lambda *sent: reported.append(sent))
    assert (made.text, made.speakers, made.language) == (TALK.text, ("Speaker 1", "Speaker 2"), "en")
    assert [word.word for word in made.words][:2] == ["Hello,", "welcome."]
    assert made.segments[1].speaker == "Speaker 2" and made.usage.credits == 1 and made.request_id
    assert made.raw["segments"][0]["text"] == "Hello, welcome."
    asked = service.requests[0]
    assert (asked.language, asked.speakers, asked.diarize, service.sizes) == ("en", 2, True, [300_000])
    assert (reported[0], reported[-1]) == ((0, 300_000), (300_000, 300_000))
    assert reported == sorted(reported) and len(reported) > 3


@pytest.mark.parametrize(
    ("form", "beginning"),
    [("txt", "Speaker 1: Hello"), ("srt", "1\n00:00:00,000"), ("vtt", "WEBVTT")],
)
def test_other_formats_are_text(kind: str, house: tuple[Recorder, str], form: str, beginning: str) -> None:
    assert Called(kind, house[1])("transcribe", b"sound", response_format=form).startswith(beginning)


@pytest.mark.parametrize("form", ["json", "txt", "srt", "vtt"])
def test_warnings_are_typed_in_every_form(kind: str, house: tuple[Recorder, str], form: str) -> None:
    service, url = house
    warning = TranscriptWarning("audio_missing", "A part is missing.", 1.4, 3.0)
    service.transcript = replace(TALK, model="whisper-base", warnings=(warning,))
    made = Called(kind, url)("transcribe", b"sound", response_format=form, strict=True)
    assert made.warnings == (sdk.TranscriptWarning("audio_missing", "A part is missing.", 1.4, 3.0),)
    assert made.model == "whisper-base" and service.requests[-1].strict


def test_a_strict_refusal_is_a_bad_request_with_the_warnings_code(scripted: Script, kind: str) -> None:
    with scripted(failure(400, "audio_missing")) as (_, url), pytest.raises(errors.BadRequest) as refused:
        Called(kind, url)("transcribe", b"sound", strict=True)
    assert refused.value.code == "audio_missing"


class Pipe(io.RawIOBase):
    """What cannot go back."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._rest.read(size)


@pytest.mark.parametrize("make", [bytes, bytearray, io.BytesIO, Pipe, "opened"])
def test_whatever_can_be_read_is_sent_whole(kind: str, house: tuple[Recorder, str], make: Any, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    if make == "opened":
        (tmp_path / "a.wav").write_bytes(b"before" + content)
        file: Any = (tmp_path / "a.wav").open("rb")
        file.seek(6)  # what was read already is not sent
    else:
        file = make(content)
    Called(kind, house[1])("transcribe", file)
    if make in (io.BytesIO, Pipe, "opened"):
        assert not file.closed, "it is the caller's"
        file.close()
    assert house[0].sizes == [len(content)]
    assert house[0].heads[0] == content[: 1 << 16]


@pytest.mark.parametrize("file", [io.StringIO("text"), 5, None])
def test_what_is_no_file_is_said_at_once(file: Any) -> None:
    with pytest.raises(TypeError, match="binary file object"), Client(base_url="http://127.0.0.1:1") as client:
        client.transcribe(file)


def test_a_parameter_that_there_is_not_is_an_error(kind: str) -> None:
    with pytest.raises(TypeError, match="lang"):
        Called(kind, "http://127.0.0.1:1")("transcribe", b"s", lang="en")


LOST = (500, {}, b"Internal Server Error")
UNKNOWN = (404, {}, b"Path '/v1/models' not found. Ping http://.../-/routes for available routes.")
"""What Serve's proxies say while the service comes back."""


@pytest.mark.parametrize(
    "first", [AGAIN, failure(429, "rate_limited", retry_after="0"), CUT, (502, {}, b"<html>"), LOST, UNKNOWN]
)
def test_what_passes_is_tried_again_under_the_same_key(scripted: Script, kind: str, first: Any) -> None:
    with scripted(first, DONE) as (server, url):
        made = Called(kind, url)("transcribe", b"s" * 100_000)
    assert made == Transcription("Hello.", demo=True)
    assert server.keys[0] and server.keys == [server.keys[0]] * 2
    assert len(server.asked[0].body) == len(server.asked[1].body) > 100_000


def test_every_call_has_a_key_of_its_own_unless_the_caller_gives_one(scripted: Script, kind: str) -> None:
    with scripted(DONE) as (server, url):
        for key in (None, None, "mine"):
            Called(kind, url)("transcribe", b"s", idempotency_key=key)
    first, second, third = server.keys
    assert first != second and third == "mine"


def test_work_that_is_under_way_is_asked_about_until_it_is_done(scripted: Script, kind: str) -> None:
    running = failure(409, "still_running", retry_after="0")
    with scripted(*[running] * 9, DONE) as (server, url):
        assert Called(kind, url, max_retries=1)("transcribe", b"s").text == "Hello."
    assert len(server.asked) == 10


def test_an_allowance_that_is_used_up_is_not_waited_for(scripted: Script, kind: str) -> None:
    used_up = failure(429, "rate_limited", retry_after="86400")
    with scripted(used_up) as (server, url), pytest.raises(errors.RateLimited) as refused:
        Called(kind, url)("transcribe", b"s")
    assert refused.value.retry_after == 86400 and len(server.asked) == 1


def test_it_gives_up_after_as_many_retries_as_it_was_told(scripted: Script, kind: str) -> None:
    with scripted(AGAIN) as (server, url), pytest.raises(errors.Unavailable):
        Called(kind, url, max_retries=2)("models")
    assert len(server.asked) == 3


def test_what_cannot_go_back_is_not_sent_again(scripted: Script, kind: str) -> None:
    with scripted(AGAIN, DONE) as (server, url), pytest.raises(errors.Unavailable):
        Called(kind, url)("transcribe", Pipe(b"s" * 1000))
    assert len(server.asked) == 1


@pytest.mark.parametrize("first", [CUT, LOST])
def test_making_a_key_is_not_repeated_when_the_answer_was_lost(scripted: Script, kind: str, first: Any) -> None:
    """It may have been made."""
    with scripted(first, answer({})) as (server, url), pytest.raises(errors.ConnectionFailed):
        Called(kind, url)("create_key", "laptop")
    assert len(server.asked) == 1


def test_an_answer_that_comes_before_the_file_is_read_is_noticed(kind: str, tmp_path: Path) -> None:
    with serving(make_app(tmp_path, max_file_bytes=1000)) as port, pytest.raises(errors.TooLarge) as refused:
        Called(kind, f"http://127.0.0.1:{port}")("transcribe", b"s" * 8_000_000)
    assert refused.value.code == "file_too_large"


@pytest.mark.parametrize(
    ("status", "code", "kind_of_error"),
    [
        (400, "invalid_parameter", errors.BadRequest),
        (401, "unauthorized", errors.AuthenticationFailed),
        (402, "no_credits", errors.PaymentRequired),
        (404, "not_found", errors.NotFound),
        (405, "method_not_allowed", errors.BadRequest),
        (409, "other", errors.Conflict),
        (413, "audio_too_long", errors.TooLarge),
        (429, "rate_limited", errors.RateLimited),
        (500, "internal_error", errors.ServerError),
        (503, "model_loading", errors.Unavailable),
    ],
)
def test_each_documented_failure_is_an_exception_of_its_own(
    scripted: Script, kind: str, status: int, code: str, kind_of_error: type[errors.SttAiError]
) -> None:
    with scripted(failure(status, code)) as (_, url), pytest.raises(errors.SttAiError) as raised:
        Called(kind, url, max_retries=0)("account")
    error = raised.value
    assert type(error) is kind_of_error
    assert (error.status, error.code, error.request_id, str(error)) == (status, code, "r1", f"This is {code}.")


def test_where_nobody_answers_it_says_where(kind: str) -> None:
    with pytest.raises(errors.ConnectionFailed, match=r"127\.0\.0\.1:1"):
        Called(kind, "http://127.0.0.1:1", max_retries=0)("health")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"models": [5]}', b"{}"])
def test_an_answer_of_something_else_is_a_failure_of_ours(scripted: Script, kind: str, body: bytes) -> None:
    with scripted((200, {}, body)) as (_, url), pytest.raises(errors.ServerError, match="not this service's"):
        Called(kind, url)("models")


def test_models_languages_and_health(kind: str, house: tuple[Recorder, str]) -> None:
    call = Called(kind, house[1])
    assert [model.id for model in call("models")] == [model.id for model in MODELS]
    assert [(one.code, one.name) for one in call("languages")] == list(LANGUAGES)
    health = call("health")
    assert health.status == "ok" and health.parts[0].name == "decoder" and health.gpu_name is None


def test_an_account_from_its_beginning(kind: str, edge: Edge) -> None:
    with serving(edge.app()) as port:
        url = f"http://127.0.0.1:{port}"
        made = Called(kind, url, api_key=None)("sign_up", "Ada")
        assert made.key.key not in repr(made)
        call = Called(kind, url, api_key=made.key.key)
        account = call("account")
        assert (account.name, account.plan, account.allowance.unit) == ("Ada", "free", "minutes")
        call("transcribe", b"sound")
        usage = call("usage")
        assert [(item.kind, item.credits) for item in usage.requests] == [("transcription", 1)]
        assert usage.days[0].requests == 1 and usage.next_cursor is None
        laptop = call("create_key", "laptop")
        assert {key.name for key in call("keys")} == {"first key", "laptop"}
        assert call("revoke_key", laptop.id).revoked_at is not None
        with pytest.raises(errors.AuthenticationFailed):
            Called(kind, url, api_key=laptop.key)("account")
        with pytest.raises(errors.NotFound):
            call("revoke_key", "key/../none")


def test_the_same_key_is_answered_once_and_charged_once(kind: str, edge: Edge, books: Books) -> None:
    key = books.account(credits=5)
    with serving(edge.app()) as port:
        call = Called(kind, f"http://127.0.0.1:{port}", api_key=key)
        first, second = (call("transcribe", b"sound", idempotency_key="once") for _ in range(2))
    assert first == second
    assert books.left(key) == (4, 0)


EVENTS = (
    b'event: delta\ndata: {"text": "One "}\n\n: still at work\n\nevent: delta\ndata: {"text": "two."}\n\n'
    b'event: summary\ndata: {"summary": "One two.", "style": "brief", "model": "m"}\n\n'
)
STREAM = {"content-type": "text/event-stream"}


def test_a_summary_is_sent_while_it_is_written(scripted: Script, kind: str) -> None:
    with scripted(AGAIN, (200, STREAM, EVENTS)) as (server, url):
        *pieces, whole = Called(kind, url).reported("A talk.")
    assert pieces == ["One ", "two."] and whole == sdk.Summary("One two.", "brief", "m")
    assert b'"stream":true' in server.asked[0].body.replace(b" ", b"")


def test_a_summary_has_its_warnings(scripted: Script, kind: str) -> None:
    body = {"summary": "A.", "style": "brief", "model": "m", "warnings": [{"code": "demo_model", "message": "No."}]}
    events = f"event: summary\ndata: {json.dumps(body)}\n\n".encode()
    with scripted((200, STREAM, events), answer(body)) as (_, url):
        found = [*Called(kind, url).reported("A talk."), Called(kind, url)("summarize", "A talk.")]
    assert [summary.warnings for summary in found] == [(sdk.TranscriptWarning("demo_model", "No."),)] * 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (EVENTS[:60], errors.ConnectionFailed),
        (b'event: error\ndata: {"error": "Too much.", "code": "bad_request"}\n\n', errors.BadRequest),
    ],
)
def test_a_summary_that_fails_midway_says_so(
    scripted: Script, kind: str, body: bytes, expected: type[Exception]
) -> None:
    with scripted((200, STREAM, body)) as (_, url), pytest.raises(expected):
        Called(kind, url).reported("A talk.")


def test_the_environment_says_where_and_who(scripted: Script, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(answer({"models": []})) as (server, url):
        monkeypatch.setenv("STT_AI_BASE_URL", url + "/")
        monkeypatch.setenv("STT_AI_API_KEY", "from the environment")
        call = Called(kind, url)
        call._options = {}
        call("models")
    assert server.asked[0].headers["authorization"] == "Bearer from the environment"
    assert server.asked[0].path == "/v1/models"


def test_an_address_without_a_scheme_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="http://"):
        Client(base_url="example.com:8000")


def test_blanks_around_a_key_are_not_of_it(scripted: Script, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the last line's end of a file that it was read from."""
    monkeypatch.setenv("STT_AI_API_KEY", "\tmine\r\n")
    with scripted(answer({"models": []})) as (server, url):
        Called(kind, url, api_key=" mine\n")("models")
        Called(kind, url, api_key=None)("models")
        Called(kind, url, api_key=" ")("models")
    assert [one.headers.get("authorization") for one in server.asked] == ["Bearer mine", "Bearer mine", None]


@pytest.mark.parametrize("key", ["sec\nret", "secret…", "\x00secret"])
def test_a_key_that_cannot_be_sent_is_said_at_once_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as raised:
        Client(api_key=key)
    assert key not in "".join(traceback.format_exception(raised.value)) and raised.value.__cause__ is None


def test_what_cannot_be_sent_is_not_tried_again(scripted: Script, kind: str) -> None:
    begun: list[int] = []
    with scripted(DONE) as (_, url), pytest.raises(errors.ConnectionFailed):
        Called(kind, url)("transcribe", b"s", idempotency_key="a\nb", progress=lambda sent, _: begun.append(sent))
    assert begun.count(0) == 1


@given(
    asked=st.lists(st.none() | st.floats(0, 200), max_size=12),
    limit=st.integers(0, 6),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_attempts_are_bounded_and_wait_at_least_as_long_as_they_are_asked(
    asked: list[float | None], limit: int, jitter: float
) -> None:
    attempts = Attempts(limit, lambda failure: True, jitter=lambda: jitter)
    for made, seconds in enumerate(asked):
        failed = errors.Unavailable("…", retry_after=seconds)
        if made >= limit or (seconds or 0) > MAX_WAIT_S:
            with pytest.raises(errors.Unavailable):
                attempts.wait(failed)
            break
        assert (seconds or 0) <= attempts.wait(failed) <= MAX_WAIT_S * 1.25


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.lists(st.text(max_size=2)), max_size=4))
def test_what_a_newer_service_adds_does_no_harm(more: dict[str, Any]) -> None:
    known = {field.name for field in dataclasses.fields(Transcription)}
    answer = {
        **{k: v for k, v in more.items() if k not in known},
        "text": "a",
        "segments": [{"start": 0, "end": 1, "text": "a", "x": 1}],
    }
    assert parse(Transcription, answer) == Transcription("a", segments=(sdk.Segment(0, 1, "a"),))


def test_failures_can_be_pickled() -> None:
    for error in (errors.RateLimited("m", "c", 429, "r", 5.0), errors.StreamClosed("m", "c", "r", 1012)):
        copy = pickle.loads(pickle.dumps(error))
        assert vars(copy) == vars(error) and str(copy) == "m"


def test_the_package_exports_the_client_and_loads_it_only_when_asked() -> None:
    """Replicas of the service import the package too."""
    code = "import sys, stt_ai; assert 'httpx' not in sys.modules; stt_ai.Client; assert 'httpx' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert stt_ai.Client is Client and set(sdk.__all__) <= set(dir(stt_ai))
    with pytest.raises(AttributeError):
        _ = stt_ai.Nothing

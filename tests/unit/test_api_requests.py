"""What surrounds every request: ids, logs, CORS, HEAD, and headers cleaned in front of the app."""

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from stt_ai.api.http.logs import configure_logging
from stt_ai.api.http.proxy import middlewares
from stt_ai.errors import Overloaded
from tests.support.api import HELLO, Failing, Recorder, make_app

FILE = {"file": ("secret name.mp3", b"sound", "audio/mpeg")}
ENDS = ["/health", "/v1/models", "/v1/languages", "/docs", "/openapi.json"]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    logger = logging.getLogger("stt_ai")
    before = logger.handlers, logger.level, logger.propagate
    stream = io.StringIO()
    configure_logging("INFO", stream)
    yield stream
    logger.handlers, logger.level, logger.propagate = before


def lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


@pytest.mark.parametrize("offered", ["a", "A1._-z", "x" * 128])
def test_a_well_formed_request_id_is_kept(offered: str, tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path))
    assert client.get("/health", headers={"X-Request-ID": offered}).headers["X-Request-ID"] == offered
    answer = client.post("/v1/transcribe", files=FILE, headers={"X-Request-ID": offered})
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"] == offered


@pytest.mark.parametrize("offered", ["", "x" * 129, "a b", "a\tb", "ä".encode(), 'a"}', "a\x00b"])
def test_any_other_request_id_is_replaced(offered: str | bytes, tmp_path: Path) -> None:
    answer = TestClient(make_app(tmp_path)).get("/nowhere", headers={"X-Request-ID": offered})
    assert answer.headers["X-Request-ID"] not in (offered, "")
    assert answer.headers["X-Request-ID"].isalnum()


def test_request_ids_differ(tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path))
    assert len({client.get(end).headers["X-Request-ID"] for end in ENDS}) == len(ENDS)


def test_the_header_is_left_to_a_server_that_adds_it(tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path, server_sends_request_id=True))
    answer = client.get("/nowhere", headers={"X-Request-ID": "mine"})
    assert "X-Request-ID" not in answer.headers
    assert answer.json()["request_id"] == "mine"


def test_a_request_ends_with_one_line_that_says_what_it_was(tmp_path: Path, log: io.StringIO) -> None:
    client = TestClient(make_app(tmp_path))
    answer = client.post(
        "/v1/transcribe?key=QUERY", files=FILE, headers={"Authorization": "Bearer TOKEN", "X-Request-ID": "mine"}
    )
    (line,) = lines(log)
    assert line["logger"] == "stt_ai.access"
    assert line["request_id"] == "mine"
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/transcribe", 200)
    assert line["bytes_out"] == len(answer.content)
    assert line["bytes_in"] == int(answer.request.headers["Content-Length"])
    assert (line["audio_seconds"], line["model"]) == (HELLO.duration, "large-v3-turbo")
    assert line["seconds"] >= 0  # type: ignore[operator]
    for secret in ("TOKEN", "QUERY", "secret name"):
        assert secret not in log.getvalue()


def test_a_failed_request_is_logged_with_its_code_and_id(tmp_path: Path, log: io.StringIO) -> None:
    client = TestClient(make_app(tmp_path, Failing(Overloaded("Full."))))
    answer = client.post("/v1/transcribe", files=FILE)
    assert [line["request_id"] for line in lines(log)] == [answer.headers["X-Request-ID"]] * len(lines(log))
    assert (lines(log)[-1]["status"], lines(log)[-1]["code"]) == (503, "overloaded")


def test_what_a_caller_sends_cannot_forge_a_log_line(tmp_path: Path, log: io.StringIO) -> None:
    client = TestClient(make_app(tmp_path))
    client.get("/x%0a%7B%22level%22:%22info%22%7D%0d\u2028" + "y" * 5000)
    (line,) = lines(log)
    assert len(log.getvalue().splitlines()) == 1
    assert log.getvalue().isascii()
    assert len(str(line["route"])) <= 200


def test_a_head_request_is_logged_as_such(tmp_path: Path, log: io.StringIO) -> None:
    TestClient(make_app(tmp_path)).head("/health")
    assert (lines(log)[0]["method"], lines(log)[0]["route"]) == ("HEAD", "/health")


@pytest.mark.parametrize("end", ENDS)
def test_head_answers_as_get_without_the_body(end: str, tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path))
    head, get = client.head(end), client.get(end)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"]
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_a_page_of_another_origin_may_call_with_a_key(tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path))
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-request-id"}
    preflight = client.options("/v1/transcribe", headers={"Origin": "https://example.org", **asked})
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers


@pytest.mark.parametrize("end", [*ENDS, "/nowhere"])
def test_scripts_may_read_every_answer_and_its_headers(end: str, tmp_path: Path) -> None:
    answer = TestClient(make_app(tmp_path)).get(end, headers={"Origin": "https://example.org"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    exposed = answer.headers["Access-Control-Expose-Headers"]
    assert all(name in exposed for name in ("X-Request-ID", "Retry-After", "RateLimit-Remaining"))


def test_demo_models_are_named_in_a_header(tmp_path: Path) -> None:
    real = TestClient(make_app(tmp_path, Recorder(HELLO))).post("/v1/transcribe", files=FILE)
    demo = TestClient(make_app(tmp_path, Recorder(replace(HELLO, demo=True, model="demo")))).post(
        "/v1/transcribe", files=FILE
    )
    assert "X-STT-Demo-Model" not in real.headers
    assert (demo.headers["X-STT-Demo-Model"], demo.json()["model"]) == ("true", "demo")


def test_headers_are_cleaned_in_front_of_the_app() -> None:
    async def echo(request: Request) -> JSONResponse:
        return JSONResponse([[name.lower(), value] for name, value in request.headers.items()])

    app: ASGIApp = Starlette(routes=[Route("/", echo)])
    for layer in middlewares():
        app = layer.cls(app, *layer.args, **layer.kwargs)
    client = TestClient(app)
    sent = [
        ("X-Request-Disconnect-Disabled", "?1"),
        ("x-request-timeout-seconds", "0.001"),
        ("X-Request-Timeout-Seconds", "9999"),
        ("X-Request-ID", "not well formed"),
        ("X-Request-ID", "second"),
        ("Other", "kept"),
    ]
    seen = client.get("/", headers=sent).json()
    names = [name for name, _ in seen]
    assert "x-request-disconnect-disabled" not in names and "x-request-timeout-seconds" not in names
    assert names.count("x-request-id") == 1
    assert dict(seen)["x-request-id"].isalnum()
    assert dict(seen)["other"] == "kept"

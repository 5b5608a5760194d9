"""POST /v1/transcribe with the address of a recording in place of the recording."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from stt_ai.api.app import create_app
from stt_ai.api.services import ApiConfig, Services
from stt_ai.sources.fetching import Fetcher
from tests.support.api import Fixed, FourModels, Recorder, make_app
from tests.support.tls_server import Server, client, giving, response, serving

SOUND = bytes(range(256)) * 400


@pytest.fixture
def service() -> Recorder:
    return Recorder()


@pytest.fixture
def api(tmp_path: Path, service: Recorder) -> TestClient:
    config = ApiConfig(tmp_path / "uploads", "large-v3-turbo", max_file_bytes=1_000_000)
    services = Services(service, FourModels(), Fixed(), config, fetcher=Fetcher(client()))
    return TestClient(create_app(services))


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(giving(response(SOUND))) as server:
        yield server


def test_a_recording_is_fetched_from_its_address(
    api: TestClient, service: Recorder, server: Server, tmp_path: Path
) -> None:
    given = {"url": (None, server.url("/a/Talk%201.mp3")), "language": (None, "es")}
    answer = api.post("/v1/transcribe", files=given)
    assert (answer.status_code, answer.json()["text"]) == (200, "Hello, welcome to the meeting.")
    assert service.heads[0] == SOUND[: 1 << 16] and service.sizes == [len(SOUND)]
    assert (service.uploads[0].filename, service.requests[0].language) == ("Talk 1.mp3", "es")
    assert not list((tmp_path / "uploads").iterdir())


def test_a_file_and_an_address_are_one_too_many(api: TestClient, server: Server) -> None:
    given = {"url": (None, server.url()), "file": ("a.mp3", b"sound")}
    answer = api.post("/v1/transcribe", files=given)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert server.connections == 0


def test_an_address_in_the_query_is_none(api: TestClient, server: Server) -> None:
    answer = api.post("/v1/transcribe", params={"url": server.url()}, files={"language": (None, "es")})
    assert (answer.status_code, answer.json()["code"]) == (400, "missing_file")
    assert server.connections == 0


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (response(b"", length=2_000_000), 413, "source_too_large"),
        (response(b"no", 404), 400, "source_refused"),
        (response(status=302, Location="http://169.254.169.254/latest/meta-data/"), 400, "source_forbidden"),
        (response(b"<html>", Content_Type="text/html"), 400, "unsupported_format"),
    ],
)
def test_failures_have_codes_and_tell_nothing_of_the_inside(
    api: TestClient, reply: bytes, status: int, code: str, tmp_path: Path
) -> None:
    with serving(giving(reply)) as server:
        answer = api.post("/v1/transcribe", files={"url": (None, server.url())})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code)
    assert "127.0.0.1" not in body["error"] and "169.254" not in body["error"]
    assert not list((tmp_path / "uploads").iterdir())


def test_the_schema_has_the_field_where_it_is_taken(api: TestClient, tmp_path: Path) -> None:
    def form(app: TestClient) -> dict[str, object]:
        post = app.get("/openapi.json").json()["paths"]["/v1/transcribe"]["post"]
        assert "url" not in [parameter["name"] for parameter in post["parameters"]]
        return post["requestBody"]["content"]["multipart/form-data"]["schema"]

    assert form(api)["oneOf"] == [{"required": ["file"]}, {"required": ["url"]}]
    without = TestClient(make_app(tmp_path))
    assert "url" not in form(without)["properties"]
    answer = without.post("/v1/transcribe", files={"url": (None, "https://example.com/")})
    assert answer.json()["code"] == "missing_file"

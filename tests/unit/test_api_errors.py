import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from starlette.testclient import TestClient

from stt_ai import errors
from stt_ai.api.http.errors import STATUS, error_response, status_of
from stt_ai.api.schemas import ErrorBody
from tests.support.api import Failing, make_app

FILE = {"file": ("a.mp3", b"sound", "audio/mpeg")}


def subclasses(cls: type[errors.SttError]) -> Iterator[type[errors.SttError]]:
    for sub in cls.__subclasses__():
        if sub.__module__ == errors.__name__:
            yield sub
            yield from subclasses(sub)


EVERY = sorted(set(subclasses(errors.SttError)), key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", EVERY)
def test_every_failure_has_a_status_and_a_code_of_its_own(cls: type[errors.SttError]) -> None:
    assert any(ancestor in STATUS for ancestor in cls.__mro__), f"{cls.__name__} is missing in api.errors.STATUS"
    assert status_of(cls("It failed.")) in {400, 401, 402, 404, 405, 409, 412, 413, 415, 423, 429, 460, 500, 503}
    shared = [other.__name__ for other in EVERY if other.code == cls.code and other is not cls]
    assert not shared or cls is errors.InternalError, f"{cls.code} is also the code of {shared}"


@pytest.mark.parametrize("cls", EVERY)
def test_every_failure_is_answered_with_the_error_body_and_the_headers_of_its_status(
    cls: type[errors.SttError], tmp_path: Path
) -> None:
    client = TestClient(make_app(tmp_path, Failing(cls("A sentence for the caller."))))
    answer = client.post("/v1/transcribe", files=FILE)
    body = ErrorBody.model_validate(answer.json())
    assert answer.status_code == status_of(cls("x"))
    assert answer.headers["content-type"] == "application/json"
    assert body.request_id == answer.headers["X-Request-ID"]
    assert body.code == cls.code
    assert (body.error == "A sentence for the caller.") is (answer.status_code != 500)
    assert ("Retry-After" in answer.headers) is (answer.status_code in (409, 429, 503))
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if answer.status_code == 401 else None)


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (5.0, "5"), (5.1, "6")])
def test_retry_after_is_whole_seconds_and_never_too_early(seconds: float, header: str) -> None:
    assert error_response(errors.Overloaded("Full.", seconds)).headers["Retry-After"] == header


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/models//", 404, "not_found"),
        ("GET", "/%00%0a", 404, "not_found"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/transcribe", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("PROPFIND", "/health", 405, "method_not_allowed"),
    ],
)
def test_the_frameworks_own_failures_have_the_error_body(
    method: str, path: str, status: int, code: str, tmp_path: Path
) -> None:
    answer = TestClient(make_app(tmp_path)).request(method, path)
    assert answer.status_code == status
    assert ErrorBody.model_validate(answer.json()).code == code


def test_405_names_the_methods_that_work(tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path))
    allowed = {path: client.delete(path).headers["Allow"].split(", ") for path in ("/v1/models", "/v1/transcribe")}
    assert allowed == {"/v1/models": ["GET", "HEAD", "OPTIONS"], "/v1/transcribe": ["POST", "OPTIONS"]}
    for path, methods in allowed.items():
        assert all(client.request(method, path).status_code != 405 for method in methods)


def test_a_fault_of_ours_shows_nothing_of_the_inside_but_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = TestClient(make_app(tmp_path, Failing(ZeroDivisionError("secret /etc/passwd"))))
    with caplog.at_level(logging.ERROR, "stt_ai"):
        answer = client.post("/v1/transcribe", files=FILE)
    assert answer.status_code == 500
    assert ErrorBody.model_validate(answer.json()).code == "internal_error"
    assert "secret" not in answer.text and "ZeroDivision" not in answer.text
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "secret /etc/passwd" in caplog.text


def test_an_internal_error_keeps_its_own_words_to_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    client = TestClient(make_app(tmp_path, Failing(errors.InternalError("replica#3 lost its mind"))))
    answer = client.post("/v1/transcribe", files=FILE)
    assert "replica" not in answer.text
    assert "replica#3" in caplog.text


class TranscriptionParams(BaseModel):
    count: int


@pytest.mark.parametrize(
    ("body", "code", "named"),
    [
        (b'{"count": ', "malformed_body", "JSON"),
        (b'{"count": "many"}', "invalid_parameter", "`count`"),
        (b"{}", "invalid_parameter", "`count`"),
        (b"[1]", "invalid_parameter", ""),
        (b"", "invalid_parameter", ""),
    ],
)
def test_what_the_framework_calls_422_is_400_with_the_parameter_named(
    body: bytes, code: str, named: str, tmp_path: Path
) -> None:
    app = make_app(tmp_path)

    @app.post("/wish")
    async def choice(choice: TranscriptionParams) -> None: ...

    answer = TestClient(app).post("/wish", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == code
    assert named in answer.json()["error"]
    assert set(json.loads(answer.text)) == {"error", "code", "request_id"}

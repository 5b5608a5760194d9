"""The schema tells the truth, and /docs shows it without anybody else's help."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from stt_ai.api.console.example_languages import LANGUAGES
from stt_ai.errors import UnsupportedMedia
from stt_ai.types import TranscriptWarning
from tests.support.api import HELLO, MODELS, TALK, Failing, Fixed, Recorder, make_app


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    return TestClient(make_app(tmp_path, Recorder(TALK)))


@pytest.fixture
def schema(client: TestClient) -> dict[str, Any]:
    return dict(client.get("/openapi.json").json())


SOMETIMES = {
    *("X-STT-Demo-Model", "X-STT-Warnings", "X-Request-ID", "Idempotency-Replayed"),
    *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
}


def check(schema: dict[str, Any], path: str, method: str, answer: Any) -> None:
    """The answer has a status, a content type and a shape that the schema announces."""
    documented = schema["paths"][path][method]["responses"][str(answer.status_code)]
    content_type = answer.headers["Content-Type"].partition(";")[0]
    shape = documented["content"][content_type]["schema"]
    value = answer.json() if content_type == "application/json" else answer.text
    if content_type == "text/event-stream":
        shape, value = {}, None  # its schema is that of one event
    jsonschema.Draft202012Validator({**shape, "components": schema["components"]}).validate(value)
    missing = {name for name in documented.get("headers", {}) if name not in answer.headers}
    assert missing <= (SOMETIMES | {"X-STT-Model"} if content_type == "text/event-stream" else SOMETIMES)


def test_every_documented_route_is_there(schema: dict[str, Any]) -> None:
    assert {(path, method) for path, operations in schema["paths"].items() for method in operations} == {
        ("/v1/transcribe", "post"),
        ("/v1/audio/transcriptions", "post"),
        ("/v1/audio/translations", "post"),
        ("/v1/models", "get"),
        ("/v1/models/{model}", "get"),
        ("/v1/languages", "get"),
        ("/health", "get"),
        ("/livez", "get"),
        ("/readyz", "get"),
    }


def test_the_form_has_every_parameter_with_its_default(schema: dict[str, Any]) -> None:
    body = schema["paths"]["/v1/transcribe"]["post"]["requestBody"]
    form = body["content"]["multipart/form-data"]["schema"]
    assert body["required"] and form["required"] == ["file"]
    assert {name: field.get("default") for name, field in form["properties"].items()} == {
        "file": None,
        "model": "large-v3-turbo",
        "language": "auto",
        "diarize": True,
        "speakers": 0,
        "min_speakers": None,
        "max_speakers": None,
        "response_format": "json",
        "line_width": 42,
        "lines": 2,
        "words_per_cue": 0,
        "task": "transcribe",
        "prompt": None,
        "keywords[]": None,
        "channels": "mix",
        "start": None,
        "end": None,
        "track": 0,
        "strict": False,
        "stream": False,
    }
    assert form["properties"]["model"]["enum"] == [model.id for model in MODELS]
    assert form["properties"]["response_format"]["enum"] == ["json", "txt", "srt", "vtt"]
    assert form["properties"]["file"]["format"] == "binary"


def test_every_status_of_a_transcription_is_documented_and_422_is_not(schema: dict[str, Any]) -> None:
    responses = schema["paths"]["/v1/transcribe"]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "402", "409", "413", "429", "500", "503"}
    assert set(responses["200"]["content"]) == {
        "application/json",
        "text/plain",
        "application/x-subrip",
        "text/vtt",
        "text/event-stream",
    }
    for status in set(responses) - {"200"}:
        assert responses[status]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorBody")
    assert all("Retry-After" in responses[status]["headers"] for status in ("409", "429", "503"))


@pytest.mark.parametrize("path", ["/v1/models", "/v1/languages", "/health", "/livez", "/readyz"])
def test_lists_and_health_are_as_the_schema_says(path: str, client: TestClient, schema: dict[str, Any]) -> None:
    check(schema, path, "get", client.get(path))


@pytest.mark.parametrize("name", ["small", "whisper-1", "gpt-5"])
def test_one_model_is_as_the_schema_says(name: str, client: TestClient, schema: dict[str, Any]) -> None:
    check(schema, "/v1/models/{model}", "get", client.get(f"/v1/models/{name}"))


WARNED = replace(HELLO, warnings=(TranscriptWarning("quiet", "It is quiet."), TranscriptWarning("x", "Y.", 1.0, 2.0)))


@pytest.mark.parametrize("transcript", [TALK, HELLO, replace(HELLO, segments=()), WARNED])
@pytest.mark.parametrize("route", ["transcriptions", "translations"])
def test_openais_answers_are_as_the_schema_says(
    transcript: Any, route: str, schema: dict[str, Any], tmp_path: Path
) -> None:
    client = TestClient(make_app(tmp_path, Recorder(transcript)))
    path = f"/v1/audio/{route}"
    for form in ("json", "text", "srt", "vtt", "verbose_json", "diarized_json", "docx"):
        for extra in ({}, {"timestamp_granularities[]": ["word"]}, {"stream": "true"}):
            asked: dict[str, Any] = {"response_format": form, **extra}
            check(schema, path, "post", client.post(path, files={"file": b"s"}, data=asked))


@pytest.mark.parametrize("transcript", [TALK, HELLO, WARNED])
@pytest.mark.parametrize("response_format", ["json", "txt", "srt", "vtt"])
def test_transcripts_are_as_the_schema_says(
    transcript: Any, response_format: str, schema: dict[str, Any], tmp_path: Path
) -> None:
    client = TestClient(make_app(tmp_path, Recorder(transcript)))
    answer = client.post("/v1/transcribe", files={"file": b"s"}, data={"response_format": response_format})
    check(schema, "/v1/transcribe", "post", answer)


@pytest.mark.parametrize(
    "options", [{"max_file_bytes": 1}, {"max_concurrent_uploads": 0}, {"min_free_bytes": 1 << 60}, {}]
)
def test_failures_are_as_the_schema_says(options: dict[str, Any], schema: dict[str, Any], tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path, Failing(UnsupportedMedia("This is not audio.")), **options))
    answer = client.post("/v1/transcribe", files={"file": b"sound"})
    assert answer.status_code in (400, 413, 503)
    check(schema, "/v1/transcribe", "post", answer)


def test_a_fault_is_as_the_schema_says(schema: dict[str, Any], tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path, Failing(ZeroDivisionError()), Fixed()))
    check(schema, "/v1/transcribe", "post", client.post("/v1/transcribe", files={"file": b"sound"}))


class Page(HTMLParser):
    """Collects what a page refers to, its anchors, and the fields of its forms."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.forms: list[tuple[dict[str, str | None], list[str]]] = []
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.links += [str(named[name]) for name in ("href", "src", "action") if name in named]
        self.ids += [str(named["id"])] if "id" in named else []
        if tag == "style" or (tag == "script" and "src" not in named) or "style" in named:
            self.inline.append(tag)
        if tag == "form":
            self.forms.append((named, []))
        if tag in ("input", "select", "textarea") and self.forms:
            self.forms[-1][1].append(str(named["name"]))


def test_docs_are_made_of_our_own_files_alone(client: TestClient) -> None:
    answer = client.get("/docs")
    page = Page(answer.text)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert page.links and not any("//" in link for link in page.links) and not page.inline
    files = [link for link in page.links if link.startswith("console/")]
    assert files and all(client.get(f"/{name}").status_code == 200 for name in files)


def test_docs_show_every_route_parameter_and_status(client: TestClient, schema: dict[str, Any]) -> None:
    text = client.get("/docs").text
    for path, operations in schema["paths"].items():
        assert f"<code>{path}</code>" in text
        for operation in operations.values():
            assert all(f"<td>{status}</td>" in text for status in operation["responses"])
            assert all(name in text for name in (one["name"] for one in operation.get("parameters", [])))


def test_every_operation_has_an_anchor_of_its_own_in_the_contents(client: TestClient, schema: dict[str, Any]) -> None:
    page = Page(client.get("/docs").text)
    ids = [one["operationId"] for operations in schema["paths"].values() for one in operations.values()]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-z]+(_[a-z]+)*", one) for one in ids)
    assert all(page.ids.count(one) == 1 and f"#{one}" in page.links for one in ids)


def test_every_operation_says_whether_it_takes_a_key(schema: dict[str, Any]) -> None:
    assert schema["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"
    for path in ("/v1/transcribe", "/v1/audio/transcriptions", "/v1/audio/translations"):
        assert schema["paths"][path]["post"]["security"] == [{"ApiKey": []}, {}]
    unprotected = {"sign_up", "list_plans", "list_models", "get_model", "list_languages", "get_health", "livez"}
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert ("security" in operation) != (operation["operationId"] in unprotected | {"readyz", "metrics"})


def test_every_operation_has_examples_in_every_language(schema: dict[str, Any]) -> None:
    for operations in schema["paths"].values():
        for operation in operations.values():
            assert [sample["lang"] for sample in operation["x-codeSamples"]] == list(LANGUAGES)


def test_examples_name_the_service_that_shows_them(client: TestClient) -> None:
    assert "curl http://testserver/v1/transcribe" in client.get("/docs").text


def test_docs_explain_the_types_inside_an_answer(client: TestClient) -> None:
    text = client.get("/docs").text
    part = text[text.index('<section id="transcribe"') : text.index('<section id="create_transcription"')]
    shapes = ["TranscriptBody", "SegmentBody", "WordBody", "UsageBody", "WarningBody"]
    assert [part.count(f"<h4>{shape}</h4>") for shape in shapes] == [1] * len(shapes)
    assert "<code>audio_missing</code>" in part and "<code>model_substituted</code>" in part


def test_the_forms_of_the_docs_send_what_the_routes_read(client: TestClient, schema: dict[str, Any]) -> None:
    forms = {form["data-path"]: (form["data-method"], fields) for form, fields in Page(client.get("/docs").text).forms}
    assert set(forms) == set(schema["paths"])
    for path in ("/v1/transcribe", "/v1/audio/transcriptions", "/v1/audio/translations"):
        body = schema["paths"][path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert forms[path] == ("POST", list(body["properties"]))
    assert forms["/v1/models/{model}"] == ("GET", ["model"])

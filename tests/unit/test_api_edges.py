"""What callers spell differently: addresses, queries, names of fields, compressed bodies, broken HTTP."""

import gzip
import json
import socket
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from uvicorn.protocols.http import auto as http_auto
from uvicorn.protocols.websockets import auto as websockets_auto

from stt_ai.api.http.content_encoding import PIECE, decoded
from stt_ai.api.http.protocols import install
from stt_ai.api.http.query import merged
from stt_ai.api.transcription.parameters import KNOWN, known_language
from stt_ai.api.transcription.spelling import SYNONYMS, intended
from stt_ai.errors import BadParameter, MalformedBody
from stt_ai.models.catalogue import ModelCatalogue
from stt_ai.models.languages import ALIASES, LANGUAGES, language_code
from tests.support.api import PATIENCE, Recorder, make_app, serving, unhurried

TRANSCRIPTIONS = "/v1/audio/transcriptions"
FILE = {"file": ("a.mp3", b"\x00sound")}


@pytest.fixture
def service() -> Recorder:
    return Recorder()


@pytest.fixture
def client(service: Recorder, tmp_path: Path) -> TestClient:
    return TestClient(make_app(tmp_path, service))


def test_a_slash_at_the_end_of_an_address_changes_nothing(client: TestClient, service: Recorder) -> None:
    assert client.get("/v1/models/").json() == client.get("/v1/models").json()
    answer = client.post("/v1/transcribe/", files=FILE, data={"language": "es"}, follow_redirects=False)
    assert answer.status_code == 200 and service.requests[0].language == "es"
    failure = client.post(f"{TRANSCRIPTIONS}/", data={"model": "whisper-1"})
    assert failure.status_code == 400 and failure.json()["error"]["code"] == "missing_file"
    for path in ("/v1/models//", "//", "/nowhere/"):
        assert client.get(f"http://testserver{path}").status_code == 404


def test_parameters_in_the_address_count_as_if_they_stood_in_the_form(client: TestClient, service: Recorder) -> None:
    answer = client.post(
        "/v1/transcribe?response_format=srt&speakers=2&key=ignored", files=FILE, data={"model": "small"}
    )
    assert answer.headers["Content-Type"].startswith("application/x-subrip")
    assert (service.requests[0].model, service.requests[0].speakers) == ("small", 2)
    words = "timestamp_granularities[]=word&timestamp_granularities[]=segment&response_format=verbose_json"
    body = client.post(f"{TRANSCRIPTIONS}?{words}", files=FILE, data={"response_format": ""}).json()
    assert body["words"] and body["segments"]


@pytest.mark.parametrize("path", ["/v1/transcribe", TRANSCRIPTIONS])
def test_an_address_and_a_form_that_contradict_each_other_are_refused(
    path: str, client: TestClient, service: Recorder
) -> None:
    answer = client.post(f"{path}?language=es", files=FILE, data={"language": "fr"})
    said = answer.json()["error"]
    said = said if isinstance(said, str) else said["message"]
    assert answer.status_code == 400 and "`language`" in said and "send it once" in said
    assert not service.requests
    assert client.post(f"{path}?language=es", files=FILE, data={"language": "es"}).status_code == 200


@pytest.mark.parametrize("query", ["speakers=many", "response_format=docx", "language=%FF", "speaker=2"])
def test_a_bad_parameter_in_an_address_is_refused(query: str, client: TestClient, service: Recorder) -> None:
    answer = client.post(f"/v1/transcribe?{query}", files=FILE)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert not service.requests


VALUES = st.dictionaries(st.sampled_from(sorted(KNOWN)), st.text("ab ", max_size=3))


@unhurried
@given(query=VALUES, form=VALUES)
def test_what_is_said_in_one_place_is_what_counts(query: dict[str, str], form: dict[str, str]) -> None:
    said = [{name: value.strip() for name, value in one.items() if value.strip()} for one in (query, form)]
    if any(said[0][name] != said[1][name] for name in said[0].keys() & said[1].keys()):
        with pytest.raises(BadParameter):
            merged(query, form)
    else:
        fields = merged(query, form)
        assert {name: value.strip() for name, value in fields.items() if value.strip()} == said[0] | said[1]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("languge", "language"),
        ("Language", "language"),
        ("lang", "language"),
        ("responseFormat", "response_format"),
        ("response-format", "response_format"),
        ("format", "response_format"),
        ("diarise", "diarize"),
        ("diarization", "diarize"),
        ("speaker", "speakers"),
        ("num_speakers", "speakers"),
        ("max_speaker", "max_speakers"),
        ("mode", "model"),
    ],
)
@pytest.mark.parametrize("in_query", [True, False])
def test_a_slip_in_a_name_is_refused_with_the_name_that_is_meant(
    name: str, meant: str, in_query: bool, client: TestClient, service: Recorder
) -> None:
    how = {"params": {name: "x"}} if in_query else {"data": {name: "x"}}
    answer = client.post("/v1/transcribe", files=FILE, **how)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert f"`{name}`" in answer.json()["error"] and f"did you mean `{meant}`?" in answer.json()["error"]
    assert not service.requests


@pytest.mark.parametrize("name", ["webhook_url", "punctuate", "url", "Ünïcode", "_"])
def test_a_field_that_is_like_none_is_refused_with_those_that_there_are(
    name: str, client: TestClient, service: Recorder
) -> None:
    answer = client.post("/v1/transcribe", files=FILE, data={name: "x"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert f"`{name}`" in answer.json()["error"] and "channels, diarize, end, keywords[]" in answer.json()["error"]
    assert not service.requests


@pytest.mark.parametrize(
    "name", ["temperature", "include[]", "chunking_strategy", "timestamp_granularities[0]", "user"]
)
def test_what_clients_of_openai_send_along_is_taken(name: str, client: TestClient, service: Recorder) -> None:
    assert client.post("/v1/transcribe", files=FILE, data={name: "x"}).status_code == 200
    assert service.requests


@pytest.mark.parametrize(
    "name",
    [
        *("temperature", "include[]", "chunking_strategy", "timestamp_granularities[]", "user"),
        *("webhook_url", "punctuate", "smart_format", "tier", "seed", "token", "key", "q", "_", ""),
    ],
)
def test_what_is_no_slip_is_not_taken_for_one(name: str) -> None:
    assert intended(name, KNOWN) is None


def test_every_synonym_is_one_of_a_field() -> None:
    assert set(SYNONYMS.values()) <= KNOWN
    assert all(intended(name, KNOWN) == field for name, field in SYNONYMS.items())


@pytest.mark.parametrize("name", ["timestamp_granularities", "timestamp_granularities[0]", "timestamp_granularities[]"])
def test_granularities_are_taken_however_a_list_is_spelled(name: str, client: TestClient) -> None:
    fields = {name: "word", "response_format": "verbose_json"}
    assert client.post(TRANSCRIPTIONS, files=FILE, data=fields).json()["words"]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        *(("iw", "he"), ("in", "id"), ("ji", "yi"), ("fil", "tl"), ("eng", "en"), ("ENG", "en"), ("ger", "de")),
        *(("deu", "de"), ("cmn", "zh"), ("zh-Hant", "zh"), ("zh-Hans-CN", "zh"), ("zh-yue", "yue"), ("pt-BR", "pt")),
        *(("en_US", "en"), ("en_US.UTF-8", "en"), ("es-419", "es"), ("sr-Latn-RS", "sr"), ("de-CH-1901", "de")),
        *(("Castilian", "es"), ("mandarin", "zh"), ("haw", "haw"), ("nb-NO", "no"), ("ja-JP-u-ca-japanese", "ja")),
        *((name, None) for name in ("sh", "hbs", "mul", "und", "e", "en-", "-en", "en--US", "en us", "engl", "xx-US")),
    ],
)
def test_a_code_is_taken_that_can_only_mean_one_language(value: str, code: str | None) -> None:
    assert language_code(value) == code
    if code:
        assert known_language(value, ModelCatalogue(), "large-v3") == code
    else:
        with pytest.raises(BadParameter, match=r"`language`.*auto.*GET /v1/languages.*pt-BR"):
            known_language(value, ModelCatalogue(), "large-v3")


def test_every_language_has_its_codes_and_its_name() -> None:
    assert set(ALIASES.values()) | {"haw", "yue"} == set(LANGUAGES)
    for code, name in LANGUAGES.items():
        assert {language_code(spelled) for spelled in (code, code.upper(), f"{code}-XX", name, name.title())} == {code}


@given(st.text(max_size=30))
def test_any_text_names_a_language_or_none(value: str) -> None:
    assert language_code(value) in {None, *LANGUAGES}


@st.composite
def cut(draw: st.DrawFn) -> list[bytes]:
    content = draw(st.binary(max_size=400)) * draw(st.sampled_from([1, 1000]))
    pack = draw(st.sampled_from([gzip.compress, zlib.compress]))
    body = pack(content)
    edges = sorted({0, *draw(st.lists(st.integers(0, len(body)), max_size=5)), len(body)})
    return [content, *(body[start:end] for start, end in pairwise(edges))]


@unhurried
@given(cut())
async def test_a_compressed_body_comes_out_however_it_is_cut(pieces: list[bytes]) -> None:
    content, *body = pieces

    async def coming():  # type: ignore[no-untyped-def]
        for piece in body:
            yield piece

    got = [piece async for piece in decoded(coming(), "gzip")]
    assert b"".join(got) == content
    assert all(len(piece) <= PIECE for piece in got)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("br", b"anything"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}", mtime=0), mtime=0)),
        ("gzip", b"{}"),
        ("gzip", gzip.compress(b'{"text": "Emma will send it."}', mtime=0)[:-9]),
        ("gzip", b""),
    ],
)
async def test_a_body_that_cannot_be_decompressed_is_refused(encoding: str, body: bytes) -> None:
    async def coming():  # type: ignore[no-untyped-def]
        yield body

    with pytest.raises(MalformedBody):
        [piece async for piece in decoded(coming(), encoding)]


def answer_to(port: int, request: bytes) -> tuple[int, dict[str, str], dict[str, str]]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(request)
        data = b""
        while piece := client.recv(65536):
            data += piece
    top, _, body = data.partition(b"\r\n\r\n")
    status, *lines = top.decode().split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), json.loads(body)


WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"FOO /health HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"),
        (b"PROPFIND /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"),
        (b"GET /health\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "malformed_request"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX Y: 1\r\n\r\n", 400, "malformed_request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "malformed_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "malformed_request"),
        (
            b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n" + WEBSOCKET + b"Sec-WebSocket-Version: 8\r\n\r\n",
            400,
            "malformed_request",
        ),
        (
            b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Version: 13\r\n" + WEBSOCKET[:42] + b"\r\n",
            400,
            "malformed_request",
        ),
    ],
)
def test_what_is_no_request_to_the_app_is_answered_in_json_too(
    request_: bytes, status: int, code: str, tmp_path: Path, json_protocols: None
) -> None:
    with serving(make_app(tmp_path)) as port:
        found, headers, body = answer_to(port, request_)
    assert (found, body["code"], headers["content-type"]) == (status, code, "application/json")
    assert set(body) == {"error", "code", "request_id"} and body["error"].isprintable()
    assert headers["x-request-id"] == body["request_id"] != ""
    assert headers["access-control-allow-origin"] == "*"


@pytest.fixture
def json_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the service's servers, whose middlewares install them; others in this process keep uvicorn's."""
    for module, name in ((http_auto, "AutoHTTPProtocol"), (websockets_auto, "AutoWebSocketsProtocol")):
        monkeypatch.setattr(module, name, getattr(module, name))
    install()

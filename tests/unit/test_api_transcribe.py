import re
from dataclasses import replace
from pathlib import Path

import pysubs2
import pytest
import webvtt
from starlette.testclient import TestClient

from stt_ai.api.schemas import ErrorBody, TranscriptBody
from stt_ai.errors import UnsupportedMedia
from stt_ai.sdk.warning_header import read_warnings
from stt_ai.types import SpeakerCount, TranscriptionRequest, TranscriptWarning
from tests.support.api import HELLO, LANGUAGES, MODELS, TALK, Failing, Recorder, form, make_app

SOUND = ("file", "meeting.mp3", b"\x00sound\r\n" * 1000)


@pytest.fixture
def service() -> Recorder:
    return Recorder()


@pytest.fixture
def client(tmp_path: Path, service: Recorder) -> TestClient:
    return TestClient(make_app(tmp_path / "uploads", service))


def post(client: TestClient, *parts: tuple[str, str | None, bytes]) -> object:
    body, headers = form(*parts)
    return client.post("/v1/transcribe", content=body, headers=headers)


def test_the_answer_has_every_documented_key_and_ours(client: TestClient) -> None:
    answer = client.post("/v1/transcribe", files={"file": ("meeting.mp3", b"sound")})
    body = answer.json()
    TranscriptBody.model_validate(body)
    assert answer.headers["Content-Type"] == "application/json"
    assert body["text"] == "Hello, welcome to the meeting."
    assert (body["language"], body["language_confidence"], body["duration"]) == ("en", 0.98, 3.0)
    assert body["segments"][0]["words"][0] == {"word": "Hello,", "start": 0.0, "end": 0.5, "confidence": 0.9}
    assert body["usage"] == {"seconds": 3.0, "credits": 1}
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert body["speakers"] == []
    assert "speaker" not in body["segments"][0] and "warnings" not in body


def test_speakers_are_named_when_there_are_any(client: TestClient, service: Recorder) -> None:
    service.transcript = TALK
    body = client.post("/v1/transcribe", files={"file": b"sound"}).json()
    TranscriptBody.model_validate(body)
    assert body["speakers"] == ["Speaker 1", "Speaker 2"]
    assert [segment["speaker"] for segment in body["segments"]] == ["Speaker 1", "Speaker 2"]
    assert body["segments"][1]["words"][0]["speaker"] == "Speaker 2"


def test_warnings_are_passed_on(client: TestClient, service: Recorder) -> None:
    service.transcript = replace(HELLO, warnings=(TranscriptWarning("audio_missing", "Part is missing.", 1.0, 2.504),))
    body = client.post("/v1/transcribe", files={"file": b"sound"}).json()
    assert body["warnings"] == [{"code": "audio_missing", "message": "Part is missing.", "start": 1.0, "end": 2.5}]


WARNED = (
    TranscriptWarning("audio_missing", "A part --> is\nmissing.", 1.4, 3.0),
    TranscriptWarning("quiet", "It is quiet."),
)


@pytest.mark.parametrize("form", ["json", "txt", "srt", "vtt"])
def test_every_form_has_the_model_and_the_warnings_in_its_headers(
    form: str, client: TestClient, service: Recorder
) -> None:
    service.transcript = replace(HELLO, model="whisper-base", warnings=WARNED)
    answer = client.post("/v1/transcribe", files={"file": b"sound"}, data={"response_format": form})
    assert answer.headers["X-STT-Model"] == "whisper-base"
    warnings = [(one.code, one.start, one.end) for one in read_warnings(answer.headers["X-STT-Warnings"])]
    assert warnings == [("audio_missing", 1.4, 3.0), ("quiet", None, None)]
    service.transcript = HELLO
    answer = client.post("/v1/transcribe", files={"file": b"sound"}, data={"response_format": form})
    assert "X-STT-Warnings" not in answer.headers and "NOTE" not in answer.text


def test_vtt_has_the_warnings_in_a_note_that_players_pass_over(client: TestClient, service: Recorder) -> None:
    service.transcript = replace(HELLO, warnings=WARNED)
    vtt = client.post("/v1/transcribe", files={"file": b"sound"}, data={"response_format": "vtt"}).text
    assert vtt.startswith(
        "WEBVTT\n\nNOTE\nWarning (00:00:01.400 to 00:00:03.000): A part -> is missing. [audio_missing]\n"
        "Warning: It is quiet. [quiet]\n\n00:00:00.000 --> "
    )
    assert [caption.text for caption in webvtt.from_string(vtt)] == ["Hello, welcome to the meeting."]


def test_strict_is_passed_on(client: TestClient, service: Recorder) -> None:
    for value in (b"true", b"0", b""):
        post(client, SOUND, ("strict", None, value))
    assert [request.strict for request in service.requests] == [True, False, False]
    answer = post(client, SOUND, ("strict", None, b"very"))
    assert answer.status_code == 400 and "`strict`" in answer.json()["error"]  # type: ignore[attr-defined]


def test_silence_is_an_empty_transcript_in_every_format(client: TestClient, service: Recorder) -> None:
    service.transcript = replace(HELLO, segments=())
    answers = {
        name: client.post("/v1/transcribe", files={"file": b"sound"}, data={"response_format": name})
        for name in ("json", "txt", "srt", "vtt")
    }
    assert all(answer.status_code == 200 for answer in answers.values())
    assert answers["json"].json()["text"] == "" and answers["json"].json()["segments"] == []
    assert [answers[name].text for name in ("txt", "srt", "vtt")] == ["", "", "WEBVTT\n"]


@pytest.mark.parametrize(
    ("asked", "media_type"),
    [("txt", "text/plain"), ("srt", "application/x-subrip"), ("vtt", "text/vtt"), ("SRT", "application/x-subrip")],
)
def test_text_formats_have_their_media_type_in_utf8(
    asked: str, media_type: str, client: TestClient, service: Recorder
) -> None:
    service.transcript = TALK
    answer = client.post("/v1/transcribe", files={"file": b"sound"}, data={"response_format": asked})
    assert re.fullmatch(rf"{re.escape(media_type)}; ?charset=utf-8", answer.headers["Content-Type"], re.I)
    assert "Speaker 2" in answer.text


def test_subtitles_of_the_route_parse(client: TestClient, service: Recorder) -> None:
    service.transcript = TALK
    srt, vtt = (
        client.post("/v1/transcribe", files={"file": b"sound"}, data={"response_format": name}).text
        for name in ("srt", "vtt")
    )
    assert [event.plaintext for event in pysubs2.SSAFile.from_string(srt, "srt")] == [
        "Speaker 1: Hello, welcome.",
        "Speaker 2: Thank you & ‹all›.",
    ]
    assert [caption.voice for caption in webvtt.from_string(vtt)] == ["Speaker 1", "Speaker 2"]


@pytest.mark.parametrize("parts_first", [True, False])
def test_parameters_count_before_and_after_the_file(parts_first: bool, client: TestClient, service: Recorder) -> None:
    fields = [
        ("model", None, b"small"),
        ("language", None, b"es"),
        ("diarize", None, b"false"),
        ("speakers", None, b"2"),
        ("timestamp_granularities[]", None, b"word"),
        ("temperature", None, b"x" * 10_000),
    ]
    parts = [*fields, SOUND] if parts_first else [SOUND, *fields]
    assert post(client, *parts).status_code == 200  # type: ignore[attr-defined]
    assert service.requests == [TranscriptionRequest("small", "es", False, 2)]
    assert service.sizes == [len(SOUND[2])]
    assert service.heads == [SOUND[2]]
    assert service.uploads[0].filename == "meeting.mp3"


def test_without_parameters_the_documented_defaults_hold(client: TestClient, service: Recorder) -> None:
    post(client, SOUND)
    empty = [(name, None, b" ") for name in ("model", "language", "diarize", "speakers", "response_format")]
    post(client, SOUND, *empty)
    assert service.requests == [TranscriptionRequest("large-v3-turbo", None, True, 0)] * 2


def test_of_a_repeated_parameter_the_last_counts(client: TestClient, service: Recorder) -> None:
    post(client, ("language", None, b"es"), SOUND, ("language", None, b"fr"))
    assert service.requests[0].language == "fr"


@pytest.mark.parametrize(
    ("value", "code"),
    [("en", "en"), ("EN", "en"), ("es-MX", "es"), ("es_ES", "es"), ("Spanish", "es"), ("yue", "yue"), ("AUTO", None)],
)
def test_languages_are_read_kindly(value: str, code: str | None, client: TestClient, service: Recorder) -> None:
    post(client, SOUND, ("language", None, value.encode()))
    assert service.requests[0].language == code


def test_a_language_that_the_model_does_not_know_is_refused_with_those_that_do(
    client: TestClient, service: Recorder
) -> None:
    answer = post(client, ("model", None, b"small"), ("language", None, b"yue"), SOUND)
    error = ErrorBody.model_validate(answer.json())  # type: ignore[attr-defined]
    assert (answer.status_code, error.code) == (400, "invalid_parameter")  # type: ignore[attr-defined]
    assert "`language`" in error.error and "large-v3-turbo, large-v3." in error.error
    assert not service.requests


@pytest.mark.parametrize("value", ["true", "True", "1", "yes", "YES", "on"])
def test_true_in_all_its_spellings(value: str, client: TestClient, service: Recorder) -> None:
    post(client, SOUND, ("diarize", None, value.encode()))
    assert service.requests[0].diarize is True


@pytest.mark.parametrize("value", ["false", "FALSE", "0", "no", "off", "Off"])
def test_false_in_all_its_spellings(value: str, client: TestClient, service: Recorder) -> None:
    post(client, SOUND, ("diarize", None, value.encode()))
    assert service.requests[0].diarize is False


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("model", "gpt-5", [model.id for model in MODELS]),
        ("language", "klingon", ["auto", "/v1/languages"]),
        ("language", "xx-US", ["auto", "/v1/languages"]),
        ("diarize", "maybe", ["true", "false"]),
        ("speakers", "-1", ["0", "50"]),
        ("speakers", "51", ["0", "50"]),
        ("speakers", "99999999999999999999", ["0", "50"]),
        ("speakers", "two", ["0", "50"]),
        ("speakers", "1.5", ["0", "50"]),
        ("speakers", "1_0", ["0", "50"]),
        ("speakers", "٣", ["0", "50"]),
        ("min_speakers", "0", ["1", "50"]),
        ("max_speakers", "51", ["1", "50"]),
        ("max_speakers", "many", ["1", "50"]),
        ("response_format", "docx", ["json", "txt", "srt", "vtt"]),
        ("language", "e" * 3000, ["auto"]),
        ("language", "e" * 5000, []),
        ("model", "a\nb\x1b[31m", ["small"]),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_a_bad_parameter_is_400_that_names_it_and_what_is_accepted(
    name: str, value: str, accepted: list[str], before: bool, client: TestClient, service: Recorder, tmp_path: Path
) -> None:
    bad = (name, None, value.encode())
    answer = post(client, *([bad, SOUND] if before else [SOUND, bad]))
    error = ErrorBody.model_validate(answer.json())  # type: ignore[attr-defined]
    assert (answer.status_code, error.code) == (400, "invalid_parameter")  # type: ignore[attr-defined]
    assert f"`{name}`" in error.error
    assert all(value in error.error for value in accepted)
    assert error.error.isprintable() and len(error.error) < 300
    assert not service.requests
    assert not list((tmp_path / "uploads").iterdir())


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"speakers": "2", "min_speakers": "2"}, "min_speakers"),
        ({"speakers": "2", "max_speakers": "3"}, "max_speakers"),
        ({"min_speakers": "4", "max_speakers": "3"}, "min_speakers"),
    ],
)
def test_numbers_of_speakers_that_contradict_each_other_are_400(
    fields: dict[str, str], named: str, client: TestClient, service: Recorder
) -> None:
    answer = post(client, SOUND, *((name, None, value.encode()) for name, value in fields.items()))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")  # type: ignore[attr-defined]
    assert f"`{named}`" in answer.json()["error"]  # type: ignore[attr-defined]
    assert not service.requests


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, SpeakerCount(1, 0)),
        ({"speakers": "3"}, SpeakerCount(3, 3)),
        ({"speakers": "0", "min_speakers": "2"}, SpeakerCount(2, 0)),
        ({"min_speakers": "2", "max_speakers": "4"}, SpeakerCount(2, 4)),
        ({"max_speakers": "1"}, SpeakerCount(1, 1)),
    ],
)
def test_how_many_speakers_to_expect(
    fields: dict[str, str], expected: SpeakerCount, client: TestClient, service: Recorder
) -> None:
    post(client, SOUND, *((name, None, value.encode()) for name, value in fields.items()))
    assert service.requests[0].expected_speakers == expected


def test_a_parameter_that_is_not_text_is_400(client: TestClient) -> None:
    answer = post(client, SOUND, ("model", None, b"\xff\xfe"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("parts", "code", "hint"),
    [
        ([], "missing_file", "curl"),
        ([("model", None, b"small")], "missing_file", "it has: model"),
        ([("audio", "a.mp3", b"sound")], "missing_file", "it has: audio"),
        ([("file", "", b"")], "missing_file", "curl"),
        ([("file", "a.mp3", b"")], "empty_file", "empty"),
        ([("file", None, b"meeting.mp3")], "missing_file", "line of text"),
        ([SOUND, SOUND], "malformed_body", "more than one"),
        ([("", None, b"x"), SOUND], "malformed_body", "name"),
        ([(f"p{number}", None, b"x") for number in range(40)], "malformed_body", "32"),
        ([("audio", "a.mp3", b"x" * 1_200_000)], "malformed_body", "audio"),
    ],
)
def test_a_form_without_one_file_is_400(
    parts: list[tuple[str, str | None, bytes]], code: str, hint: str, client: TestClient, service: Recorder
) -> None:
    answer = post(client, *parts)
    assert (answer.status_code, answer.json()["code"]) == (400, code)  # type: ignore[attr-defined]
    assert hint in answer.json()["error"]  # type: ignore[attr-defined]
    assert not service.requests


def test_a_file_without_a_file_name_is_a_file(client: TestClient, service: Recorder) -> None:
    assert post(client, ("file", None, b"RIFF\x00\x01")).status_code == 200  # type: ignore[attr-defined]
    assert service.heads == [b"RIFF\x00\x01"]


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        (None, b"", "missing_file"),
        ("application/x-www-form-urlencoded", b"model=small", "missing_file"),
        ("application/json", b"{}", "malformed_body"),
        ("audio/mpeg", b"sound", "malformed_body"),
        ("multipart/form-data", b"--x", "malformed_body"),
        ("multipart/form-data; boundary=x", b"", "missing_file"),
        ("multipart/form-data; boundary=", b"--x", "malformed_body"),
        ("multipart/form-data; boundary=" + "b" * 300, b"--x", "malformed_body"),
        ("multipart/mixed; boundary=x", b"--x", "malformed_body"),
        ("multipart/form-data; boundary=x", b"no boundary here", "malformed_body"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data", "malformed_body"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"A: b\r\n" * 50, "malformed_body"),
        ("multipart/form-data; boundary=x", b"--x\r\nA: " + b"b" * 100_000, "malformed_body"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", "missing_file"),
        ("multipart/form-data; boundary=x", b"[object FormData]", "malformed_body"),
    ],
)
def test_a_body_that_is_no_form_is_400_that_says_how(
    content_type: str | None, body: bytes, code: str, client: TestClient
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.post("/v1/transcribe", content=body, headers=headers)
    assert (answer.status_code, ErrorBody.model_validate(answer.json()).code) == (400, code)


def test_a_form_that_node_spelt_out_is_explained(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.post("/v1/transcribe", content=b"[object FormData]", headers=headers)
    assert "node-fetch" in answer.json()["error"]


def test_a_cut_form_is_400(client: TestClient, service: Recorder) -> None:
    body, headers = form(SOUND)
    answer = client.post("/v1/transcribe", content=body[:-20], headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")
    assert not service.requests


def test_a_body_compressed_as_a_whole_is_400(client: TestClient) -> None:
    body, headers = form(SOUND)
    answer = client.post("/v1/transcribe", content=body, headers={**headers, "Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_body")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\talks\\a.mp3", "a.mp3"),
        ("añ\u202eo\x07.mp3", "año.mp3"),
        ("x" * 999, "x" * 255),
    ],
)
def test_a_file_name_is_only_a_name(
    name: str, plain: str, client: TestClient, service: Recorder, tmp_path: Path
) -> None:
    post(client, ("file", name, b"\x00sound"))
    assert service.uploads[0].filename == plain
    assert service.uploads[0].path.parent == tmp_path / "uploads"


def test_the_file_is_gone_after_the_answer_and_after_a_failure(tmp_path: Path, client: TestClient) -> None:
    post(client, SOUND)
    failing = TestClient(make_app(tmp_path / "uploads", Failing(UnsupportedMedia("This is not audio."))))
    assert post(failing, SOUND).status_code == 400  # type: ignore[attr-defined]
    broken = TestClient(make_app(tmp_path / "uploads", Failing(ZeroDivisionError())))
    assert post(broken, SOUND).status_code == 500  # type: ignore[attr-defined]
    assert not list((tmp_path / "uploads").iterdir())


def test_models_and_languages_are_the_catalogues(client: TestClient) -> None:
    assert client.get("/v1/models").json()["models"][0] == {
        "id": "large-v3-turbo",
        "name": "Whisper Large V3 Turbo",
        "languages": 99,
        "speed": "fast",
        "default": True,
        "available": None,
        "served_by": None,
    }
    assert [entry["code"] for entry in client.get("/v1/languages").json()["languages"]] == [
        code for code, _ in LANGUAGES
    ]

"""OpenAI's audio routes: what they take, what they answer, and how they refuse."""

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pysubs2
import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import Transcription, TranscriptionDiarized, TranscriptionVerbose
from starlette.testclient import TestClient

from stt_ai.api.openai.names import NAMES
from stt_ai.api.openai.parameters import AudioFormat, AudioParams, parse_audio
from stt_ai.api.openai.rendering import render
from stt_ai.errors import (
    BadParameter,
    IncompleteAudio,
    Overloaded,
    PaymentRequired,
    TooManyRequests,
    Unauthorized,
    UnsupportedMedia,
)
from stt_ai.types import ModelInfo, Segment, Task, Transcript, TranscriptionRequest, TranscriptWarning, WindowNote, Word
from tests.support.api import HELLO, LANGUAGES, MODELS, TALK, Failing, FourModels, Recorder, form, make_app

SOUND = ("file", "meeting.mp3", b"\x00sound\r\n" * 1000)
TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"


@pytest.fixture
def service() -> Recorder:
    return Recorder()


@pytest.fixture
def client(tmp_path: Path, service: Recorder) -> TestClient:
    return TestClient(make_app(tmp_path / "uploads", service))


def post(client: TestClient, path: str = TRANSCRIPTIONS, **fields: Any) -> Any:
    return client.post(path, files={"file": ("a.mp3", b"\x00sound")}, data={"model": "whisper-1", **fields})


def test_json_is_the_text_and_what_it_cost(client: TestClient) -> None:
    assert post(client).json() == {
        "text": "Hello, welcome to the meeting.",
        "usage": {"type": "duration", "seconds": 3.0},
    }


@pytest.mark.parametrize("form", ["json", "verbose_json", "diarized_json", "text", "srt", "vtt"])
def test_warnings_have_a_place_in_every_form(form: str, client: TestClient, service: Recorder) -> None:
    warning = TranscriptWarning(
        "model_substituted", "whisper-base transcribes in place of m: no hub.", about_audio=False
    )
    service.transcript = replace(TALK, model="whisper-base", warnings=(warning,))
    answer = post(client, response_format=form)
    assert answer.headers["X-STT-Model"] == "whisper-base"
    assert answer.headers["X-STT-Warnings"].startswith("model_substituted;message=")
    body = answer.json() if form.endswith("json") else {}
    if body:
        assert body["warnings"] == [{"code": warning.code, "message": warning.message}]
        shape = {"verbose_json": TranscriptionVerbose, "diarized_json": TranscriptionDiarized}.get(form, Transcription)
        assert shape.model_validate(body).text == TALK.text
    assert ("NOTE\nWarning" in answer.text) is (form == "vtt")


def test_strict_is_taken_in_the_form_too(client: TestClient, service: Recorder) -> None:
    for path in (TRANSCRIPTIONS, TRANSLATIONS):
        post(client, path, strict="true")
        post(client, path)
    assert [request.strict for request in service.requests] == [True, False, True, False]
    assert post(client, strict="perhaps").json()["error"]["param"] == "strict"


def test_a_strict_refusal_has_the_warnings_code(tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path, Failing(IncompleteAudio("A part is missing.", "audio_missing"))))
    answer = post(client, strict="true")
    assert (answer.status_code, answer.json()["code"], answer.json()["error"]["code"]) == (400, *["audio_missing"] * 2)


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_fields_that_go_together_may_come_in_any_order(client: TestClient, order: tuple[int, ...]) -> None:
    words = ("timestamp_granularities[]", (None, "word"))
    parts = [words, ("response_format", (None, "verbose_json")), ("file", ("a.mp3", b"\x00sound"))]
    answer = client.post(TRANSCRIPTIONS, files=[parts[place] for place in order])
    assert answer.status_code == 200 and answer.json()["words"], answer.text
    alone = client.post(TRANSCRIPTIONS, files=[part for part in parts if part[0] != "response_format"])
    assert alone.status_code == 400 and "verbose_json" in alone.json()["error"]["message"]


def test_text_and_subtitles_are_plain(client: TestClient, service: Recorder) -> None:
    text, srt, vtt = (post(client, response_format=name) for name in ("text", "srt", "vtt"))
    assert text.text == "Hello, welcome to the meeting.\n"
    assert [event.plaintext for event in pysubs2.SSAFile.from_string(srt.text, "srt")] == [HELLO.text]
    assert [caption.text for caption in webvtt.from_string(vtt.text)] == [HELLO.text]
    kinds = [answer.headers["Content-Type"].partition(";")[0] for answer in (text, srt, vtt)]
    assert kinds == ["text/plain", "application/x-subrip", "text/vtt"]


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        (None, {"segments"}),
        (["segment"], {"segments"}),
        (["word"], {"words"}),
        (["word", "segment"], {"words", "segments"}),
    ],
)
def test_the_verbose_form_lists_what_is_asked_for(asked: list[str] | None, keys: set[str], client: TestClient) -> None:
    fields = {"timestamp_granularities[]": asked} if asked else {}
    body = post(client, response_format="verbose_json", **fields).json()
    assert body.keys() - {"task", "language", "duration", "text", "usage"} == keys
    assert (body["task"], body["language"], body["duration"]) == ("transcribe", "english", 3.0)
    TranscriptionVerbose.model_validate(body, strict=True)


def test_a_segment_says_what_is_true_of_it_and_of_the_window_that_it_begins_in(
    client: TestClient, service: Recorder
) -> None:
    service.transcript = replace(TALK, windows=(WindowNote(0.0, 0.01, 0.0), WindowNote(1.13, 0.2, 0.4)))
    first, second = post(client, response_format="verbose_json").json()["segments"]
    assert (first["seek"], first["temperature"], first["no_speech_prob"]) == (0, 0.0, 0.01)
    assert (second["seek"], second["temperature"], second["no_speech_prob"]) == (113, 0.4, 0.2)
    assert first["avg_logprob"] == pytest.approx(math.log(0.9), abs=1e-4)
    assert (first["id"], second["id"], first["tokens"]) == (0, 1, [])
    assert first["text"] + second["text"] == " " + TALK.text


def test_the_diarized_form_names_speakers_by_letters(client: TestClient, service: Recorder) -> None:
    service.transcript = TALK
    body = post(client, response_format="diarized_json").json()
    TranscriptionDiarized.model_validate(body, strict=True)
    assert [(s["id"], s["speaker"], s["text"]) for s in body["segments"]] == [
        ("seg_0", "A", "Hello, welcome."),
        ("seg_1", "B", "Thank you & <all>."),
    ]
    assert body["text"] == TALK.text


def test_fifty_speakers_have_a_letter_each() -> None:
    words = [Word(f" w{n}", n, n + 1, 0.9, 1, f"Speaker {n + 1}") for n in range(50)]
    transcript = Transcript(tuple(Segment((word,), word.speaker) for word in words), "en", 1.0, 50.0, "m")
    choice = AudioParams(TranscriptionRequest("m"), AudioFormat.DIARIZED_JSON, False, True)
    speakers = [segment["speaker"] for segment in json.loads(render(transcript, choice, {})[1])["segments"]]
    assert len(set(speakers)) == 50
    assert (speakers[0], speakers[25], speakers[26], speakers[49]) == ("A", "Z", "AA", "AX")


@pytest.mark.parametrize("name", NAMES)
def test_openais_names_stand_for_the_default_model(name: str, client: TestClient, service: Recorder) -> None:
    assert post(client, model=name).status_code == 200
    assert post(client, TRANSLATIONS, model=name).status_code == 200
    assert [(request.model, request.task) for request in service.requests] == [
        ("large-v3-turbo", Task.TRANSCRIBE),
        ("large-v3", Task.TRANSLATE),  # the default model was not trained to translate
    ]


@pytest.mark.parametrize(
    ("model", "response_format", "diarize"),
    [
        ("whisper-1", "json", False),
        ("whisper-1", "srt", False),
        ("whisper-1", "diarized_json", True),
        ("small", "diarized_json", True),
        ("gpt-4o-transcribe-diarize", "diarized_json", True),
        ("gpt-4o-transcribe-diarize", "vtt", True),
        ("gpt-4o-transcribe-diarize", "json", False),  # it could not show them
    ],
)
def test_speakers_are_told_apart_where_the_answer_names_them(
    model: str, response_format: str, diarize: bool, client: TestClient, service: Recorder
) -> None:
    post(client, model=model, response_format=response_format)
    assert service.requests[0].diarize is diarize


@pytest.mark.parametrize("parts_first", [True, False])
def test_what_is_asked_reaches_the_pipeline(parts_first: bool, client: TestClient, service: Recorder) -> None:
    fields = {
        "model": "small",
        "language": "es",
        "prompt": " Señor Gómez ",
        "temperature": "0.4",
        "keywords[]": "Emma",
        "chunking_strategy": "auto",
        "user": "ignored",
    }
    parts = [(name, None, value.encode()) for name, value in fields.items()] + [("keywords[]", None, b"London")]
    body, headers = form(*([*parts, SOUND] if parts_first else [SOUND, *parts]))
    assert client.post(TRANSCRIPTIONS, content=body, headers=headers).status_code == 200
    asked = TranscriptionRequest("small", "es", False, prompt="Emma, London Señor Gómez", temperature=0.4)
    assert service.requests == [asked]


def test_a_translation_is_english_whatever_was_said(client: TestClient, service: Recorder) -> None:
    service.transcript = replace(HELLO, language="es")
    body = post(client, TRANSLATIONS, language="es", response_format="verbose_json").json()
    assert (body["task"], body["language"]) == ("translate", "english")
    assert (service.requests[0].language, service.requests[0].task) == ("es", Task.TRANSLATE)


VOICES, CHUNKS = "but not known by name", "detected and split by the service itself"


@pytest.mark.parametrize(
    ("path", "name", "value", "said"),
    [
        (TRANSCRIPTIONS, "model", "gpt-5", ", ".join([*(model.id for model in MODELS), "or a name of OpenAI's"])),
        (TRANSLATIONS, "model", "large-v3-turbo", "those that were are large-v3, medium, small"),
        (TRANSLATIONS, "model", "gpt-5", "large-v3, medium, small, or"),
        (TRANSCRIPTIONS, "language", "klingon", "/v1/languages"),
        (TRANSCRIPTIONS, "response_format", "docx", "verbose_json, vtt, diarized_json"),
        (TRANSLATIONS, "response_format", "diarized_json", "verbose_json, vtt."),
        (TRANSCRIPTIONS, "temperature", "1.1", "from 0 to 1"),
        (TRANSCRIPTIONS, "temperature", "nan", "from 0 to 1"),
        (TRANSCRIPTIONS, "temperature", "warm", "from 0 to 1"),
        (TRANSCRIPTIONS, "temperature", "0_1", "from 0 to 1"),
        (TRANSCRIPTIONS, "stream", "perhaps", "true or false"),
        (TRANSCRIPTIONS, "timestamp_granularities[]", "letter", "word, segment or both"),
        (TRANSCRIPTIONS, "timestamp_granularities[]", "word", "verbose_json only"),
        (TRANSCRIPTIONS, "include[]", "logprobs", "log probabilities neither"),
        (TRANSCRIPTIONS, "include", "logprobs", "log probabilities neither"),
        (TRANSCRIPTIONS, "chunking_strategy", '{"type": "server_vad"}', CHUNKS),
        (TRANSCRIPTIONS, "chunking_strategy[type]", "server_vad", CHUNKS),
        (TRANSCRIPTIONS, "known_speaker_names[]", "agent", VOICES),
        (TRANSCRIPTIONS, "known_speaker_references[]", "data:audio/wav;base64," + "A" * 100_000, VOICES),
        (TRANSCRIPTIONS, "languages[]", "en", "send it as `language`"),
        (TRANSCRIPTIONS, "prompt", "a" * 70_000, "too long"),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_what_cannot_be_honoured_is_refused_with_the_parameter_named(
    path: str, name: str, value: str, said: str, before: bool, client: TestClient, service: Recorder
) -> None:
    bad = (name, None, value.encode())
    body, headers = form(*([bad, SOUND] if before else [SOUND, bad]))
    answer = client.post(path, content=body, headers=headers)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", name, "invalid_parameter")
    assert said in error["message"] and len(error["message"]) < 300
    assert not service.requests


def test_where_no_model_translates_that_is_said() -> None:
    class OnlyTurbo(FourModels):
        def models(self) -> tuple[ModelInfo, ...]:
            return MODELS[:1]

    with pytest.raises(BadParameter, match="none of the models on offer here was trained to translate"):
        parse_audio({"model": "whisper-1"}, OnlyTurbo(), "large-v3-turbo", Task.TRANSLATE)


def test_no_stream_of_a_format_that_events_cannot_hold(client: TestClient) -> None:
    answers = {name: post(client, response_format=name, stream="true") for name in AudioFormat}
    assert {name for name, answer in answers.items() if answer.status_code == 200} == {"json", "text", "diarized_json"}
    assert all(answers[name].json()["error"]["param"] == "stream" for name in ("srt", "vtt", "verbose_json"))


@pytest.mark.parametrize(
    ("failure", "status", "kind", "code"),
    [
        (UnsupportedMedia("Not audio."), 400, "invalid_request_error", "unsupported_format"),
        (Unauthorized("Unknown key."), 401, "invalid_request_error", "invalid_api_key"),
        (PaymentRequired("No credits."), 402, "insufficient_quota", "insufficient_quota"),
        (TooManyRequests("Used up.", 60, 3), 429, "requests", "rate_limit_exceeded"),
        (Overloaded("Full.", 7), 503, "server_error", "overloaded"),
        (ZeroDivisionError(), 500, "server_error", "internal_error"),
    ],
)
@pytest.mark.parametrize("path", [TRANSCRIPTIONS, TRANSLATIONS])
@pytest.mark.parametrize("stream", ["false", "true"])
def test_failures_have_openais_form_and_the_houses_code_beside(
    failure: Exception, status: int, kind: str, code: str, path: str, stream: str, tmp_path: Path
) -> None:
    answer = post(TestClient(make_app(tmp_path, Failing(failure))), path, stream=stream)
    body = answer.json()
    assert (answer.status_code, body["error"]["type"], body["error"]["code"]) == (status, kind, code)
    assert body["code"] == getattr(failure, "code", "internal_error")
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert ("Retry-After" in answer.headers) is (status in (429, 503))


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", TRANSCRIPTIONS, 405), ("POST", "/v1/audio/speech", 404)]
)
def test_addresses_beside_them_fail_in_the_same_form(method: str, path: str, status: int, client: TestClient) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, "invalid_request_error")


def test_elsewhere_the_houses_form_stays(client: TestClient) -> None:
    assert isinstance(client.get("/v1/nothing").json()["error"], str)


def test_models_are_listed_for_openais_clients_too(client: TestClient) -> None:
    body = client.get("/v1/models").json()
    assert [model["id"] for model in body["data"]] == [model["id"] for model in body["models"]]
    assert client.get("/v1/models/small").json() in body["data"]
    assert client.get("/v1/models/gpt-5").status_code == 404


@given(st.dictionaries(st.sampled_from(["model", "temperature", "stream", "response_format", "prompt"]), st.text()))
def test_any_text_is_taken_or_refused(fields: dict[str, str]) -> None:
    """What is taken is within the bounds of what the engine takes."""
    try:
        choice = parse_audio(fields, FourModels(), "large-v3-turbo", Task.TRANSCRIBE)
    except BadParameter as refusal:
        assert refusal.parameter in fields
    else:
        assert 0 <= choice.request.temperature <= 1
        assert choice.request.model in {model.id for model in MODELS}


def test_language_names_are_the_catalogues(client: TestClient, service: Recorder) -> None:
    for code, name in LANGUAGES:
        service.transcript = replace(HELLO, language=code)
        assert post(client, response_format="verbose_json").json()["language"] == name


def test_a_prompts_length_is_counted_in_characters_and_of_a_longer_one_the_end_counts(
    client: TestClient, service: Recorder
) -> None:
    for prompt in ("ж" * 4096, "a" * 4096 + "语" * 4000):
        post(client, prompt=prompt)
        assert service.requests[-1].prompt == prompt[-4096:]


def test_of_a_long_prompt_and_many_keywords_the_end_counts(client: TestClient, service: Recorder) -> None:
    parts = [("keywords[]", (None, "a" * 4000)) for _ in range(8)] + [("prompt", (None, "b" * 4000))]
    answer = client.post(TRANSCRIPTIONS, files=[*parts, ("file", ("a.wav", b"sound"))])
    assert answer.status_code == 200
    assert service.requests[0].prompt == "a" * 95 + " " + "b" * 4000

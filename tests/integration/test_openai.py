"""OpenAI's own clients against the running service, unchanged but for the address and the key."""

import io
import json
import subprocess
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import openai
import pysubs2
import pytest
import webvtt
from openai import OpenAI

from tests.support import nodejs
from tests.support.service import Service
from tests.support.word_errors import DATA, spoken_files, word_error_rate

HELLO, MEETING, TEN_MINUTES = DATA / "hello_3s.flac", DATA / "meeting_en.flac", DATA / "ten_minutes.opus"
SAID = "Hello Emma and welcome from London."
MEETING_ERRORS = 0.13  # of its words, as the demo model's card says


def client_of(service: Service, credits: int = 1_000_000, **options: Any) -> OpenAI:
    return OpenAI(api_key=service.new_key(credits), base_url=f"{service.url}/v1", max_retries=0, **options)


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[OpenAI]:
    with client_of(service) as made:
        yield made


def ask(client: OpenAI, path: Path = HELLO, model: str = "whisper-1", **fields: Any) -> Any:
    with path.open("rb") as file:
        return client.audio.transcriptions.create(file=file, model=model, **fields)


@pytest.fixture
def half_an_hour(tmp_path: Path) -> Path:
    listed, path = tmp_path / "list.txt", tmp_path / "half_an_hour.opus"
    listed.write_text(f"file '{TEN_MINUTES}'\n" * 3)
    join = ["-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy", str(path)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *join], check=True)
    return path


def silence(seconds: int) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 8000 * seconds))
    file.seek(0)
    return file


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe", "large-v3-turbo"])
def test_the_text(client: OpenAI, model: str) -> None:
    answer = ask(client, model=model)
    assert answer.text == SAID
    assert (answer.usage.type, answer.usage.seconds) == ("duration", 3.0)


def test_plain_formats(client: OpenAI) -> None:
    text, srt, vtt = (ask(client, response_format=form) for form in ("text", "srt", "vtt"))
    assert text == f"{SAID}\n"
    (cue,) = pysubs2.SSAFile.from_string(srt, "srt")
    (caption,) = webvtt.from_buffer(io.StringIO(vtt))
    assert cue.plaintext == caption.text == SAID


def test_the_verbose_form_with_words(client: OpenAI) -> None:
    hints = {"language": "en", "prompt": "Emma", "temperature": 0, "chunking_strategy": "auto"}
    both = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    answer = ask(client, **both, **hints)
    assert (answer.text, answer.language, answer.duration, answer.task) == (SAID, "english", 3.0, "transcribe")
    assert " ".join(word.word for word in answer.words) == SAID
    assert "".join(segment.text for segment in answer.segments).strip() == SAID
    for segment in answer.segments:
        assert 0 <= segment.start < segment.end <= answer.duration
        assert -1 < segment.avg_logprob <= 0
        assert (segment.temperature, segment.no_speech_prob < 0.6, segment.tokens) == (0, True, [])


def test_a_higher_temperature_is_honoured(client: OpenAI) -> None:
    answer = ask(client, response_format="verbose_json", temperature=0.2)
    assert all(segment.temperature >= 0.2 for segment in answer.segments)


def test_who_speaks(client: OpenAI) -> None:
    answer = ask(client, MEETING, "gpt-4o-transcribe-diarize", response_format="diarized_json")
    assert {segment.speaker for segment in answer.segments} == {"A", "B"}
    assert answer.segments[0].speaker == "A"
    assert " ".join(segment.text for segment in answer.segments) == answer.text


def test_the_text_is_sent_while_the_file_is_transcribed(
    client: OpenAI, three_minutes: Path, manifest: dict[str, Any]
) -> None:
    *many, _ = ask(client, three_minutes, stream=True)
    assert len(many) > 1
    plain = ask(client, MEETING).text
    *deltas, done = ask(client, MEETING, stream=True)
    assert {event.type for event in (*many, *deltas)} == {"transcript.text.delta"}
    assert "".join(event.delta for event in deltas) == done.text
    assert (done.type, done.usage.type) == ("transcript.text.done", "duration")
    (said,) = spoken_files(manifest, MEETING.name)
    assert word_error_rate([said["text"]], [done.text]) <= MEETING_ERRORS
    assert done.text == plain


def test_who_speaks_is_sent_in_events_too(client: OpenAI) -> None:
    *segments, done = ask(client, MEETING, stream=True, response_format="diarized_json")
    assert {event.type for event in segments} == {"transcript.text.segment"}
    assert {event.speaker for event in segments} == {"A", "B"}
    assert " ".join(event.text for event in segments) == done.text


async def test_the_client_for_asyncio(service: Service) -> None:
    async with openai.AsyncOpenAI(api_key=service.new_key(), base_url=f"{service.url}/v1", max_retries=0) as client:
        answer = await client.audio.transcriptions.create(file=HELLO, model="whisper-1")
        stream = await client.audio.transcriptions.create(file=HELLO, model="whisper-1", stream=True)
        events = [event async for event in stream]
    assert answer.text == SAID
    assert events[-1].type == "transcript.text.done" and events[-1].text == SAID


def test_models(client: OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert listed[0] == "large-v3-turbo"
    assert client.models.retrieve("small").id == "small"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")


def test_failures_are_the_clients_own_exceptions(service: Service, client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="large-v3-turbo") as refusal:
        ask(client, model="gpt-5")
    assert (refusal.value.param, refusal.value.code) == ("model", "invalid_parameter")
    assert refusal.value.type == "invalid_request_error"
    assert refusal.value.request_id == refusal.value.response.json()["request_id"]
    with pytest.raises(openai.BadRequestError) as damaged:
        client.audio.transcriptions.create(file=("a.mp3", b"no sound at all" * 100), model="whisper-1")
    assert damaged.value.code == damaged.value.response.json()["code"]
    with pytest.raises(openai.AuthenticationError) as unknown:
        ask(OpenAI(api_key="stt_live_unknown", base_url=client.base_url, max_retries=0))
    assert unknown.value.code == "invalid_api_key"
    with client_of(service, credits=1) as poor, pytest.raises(openai.APIStatusError) as unpaid:
        poor.audio.transcriptions.create(file=silence(90), model="whisper-1", stream=True)
    assert (unpaid.value.status_code, unpaid.value.code) == (402, "insufficient_quota")


@pytest.mark.usefixtures("within_a_day")
def test_too_many_at_once_and_who_leaves_makes_room(service: Service, half_an_hour: Path) -> None:
    """The first stream has not ended when the first piece of the second comes: it takes half a minute of two cores."""
    with client_of(service, credits=0) as free, ThreadPoolExecutor(2) as pool:
        streams = list(pool.map(lambda _: ask(free, half_an_hour, stream=True), range(2)))
        assert all(next(stream).type == "transcript.text.delta" for stream in streams)
        with pytest.raises(openai.RateLimitError) as refusal:
            ask(free)
        assert refusal.value.code == "rate_limit_exceeded"
        assert int(refusal.value.response.headers["Retry-After"]) >= 1
        for stream in streams:
            stream.close()
        # Its retries are the client's own: the slots are free when the work has learnt that nobody waits.
        again = free.with_options(max_retries=8)
        answer = again.audio.transcriptions.with_raw_response.create(file=HELLO, model="whisper-1")
    assert answer.parse().text == SAID
    # Both are charged for what they were sent: a minute at least, and less than all thirty.
    used = int(answer.headers["RateLimit-Limit"]) - int(answer.headers["RateLimit-Remaining"]) - 1
    assert 2 <= used < 60


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_call_again_is_answered_from_the_books(client: OpenAI, stream: bool) -> None:
    def call() -> tuple[Any, str]:
        once = {"Idempotency-Key": f"openai-{stream}"}
        create = client.audio.transcriptions.with_raw_response.create
        made = create(file=HELLO, model="whisper-1", stream=stream, extra_headers=once)
        body: Any = made.parse()
        return made.headers, list(body)[-1].text if stream else body.text

    (first, text), (again, same) = call(), call()
    assert text == same == SAID
    assert again["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first
    assert again["RateLimit-Remaining"] == first["RateLimit-Remaining"]


@pytest.mark.filterwarnings("ignore:deprecated")
def test_what_cannot_be_translated_here_is_said_so(client: OpenAI) -> None:
    """The demonstration model has not learnt to translate."""
    with HELLO.open("rb") as file, pytest.raises(openai.BadRequestError, match="large-v3, medium, small"):
        client.audio.translations.create(file=file, model="large-v3-turbo")


@nodejs.needed
def test_the_client_for_node(service: Service) -> None:
    got = json.loads(nodejs.run("openai.mjs", service.url, HELLO, env={"KEY": service.new_key()}).stdout)
    assert got["models"][0] == "large-v3-turbo"
    assert got["json"]["text"] == got["verbose_json"]["text"] == got["diarized_json"]["text"] == SAID
    assert got["text"] == f"{SAID}\n"
    assert SAID in got["srt"] and got["vtt"].startswith("WEBVTT")
    assert " ".join(word["word"] for word in got["verbose_json"]["words"]) == SAID
    assert "".join(got["streamed"]["deltas"]) == got["streamed"]["done"] == SAID
    assert got["refused"].pop("requestID")
    assert got["refused"] == {"name": "BadRequestError", "status": 400, "code": "invalid_parameter", "param": "model"}

"""The documented calls against the running service: real words from real files."""

import io
import subprocess
import wave
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import numpy as np
import pysubs2
import pytest
import requests
import webvtt

from tests.support.long_tests import ASKED_FOR
from tests.support.service import Service
from tests.support.word_errors import DATA, matched_words, spoken_files, word_error_rate, words_of

MEETING = DATA / "meeting_en.flac"
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
MEETING_ERRORS = (
    0.13  # 5 of its 48 words, as the model card says: its two voices are the ones the demo model recognizes worst
)


def send(service: Service, path: Path, **fields: Any) -> httpx.Response:
    with path.open("rb") as file:
        return httpx.post(f"{service.url}/v1/transcribe", files={"file": (path.name, file)}, data=fields, timeout=300)


def said(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    (entry,) = spoken_files(manifest, name)
    return entry


@pytest.fixture(scope="module")
def meeting(service: Service) -> dict[str, Any]:
    answer = send(service, MEETING, diarize="false")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_documented_curl_call(service: Service, manifest: dict[str, Any]) -> None:
    call = [
        "curl",
        "-sS",
        "-X",
        "POST",
        f"{service.url}/v1/transcribe",
        "-H",
        f"Authorization: Bearer {service.new_key()}",
    ]
    fields = [f"file=@{MEETING}", "model=large-v3-turbo", "language=auto", "diarize=true"]
    done = subprocess.run([*call, *(arg for f in fields for arg in ("-F", f))], capture_output=True, check=True)
    answer = httpx.Response(200, content=done.stdout).json()
    assert word_error_rate([said(manifest, "meeting_en.flac")["text"]], [answer["text"]]) <= MEETING_ERRORS
    assert answer["language"] == "en"


def test_the_documented_python_call(service: Service, manifest: dict[str, Any]) -> None:
    with MEETING.open("rb") as file:
        answer = requests.post(
            f"{service.url}/v1/transcribe",
            headers={"Authorization": f"Bearer {service.new_key()}"},
            files={"file": ("meeting.mp3", file, "audio/mpeg")},
            data={"model": "large-v3-turbo", "language": "auto", "diarize": "true"},
            timeout=120,
        )
    result = answer.json()
    print(f"Language: {result['language']}, Duration: {result['duration']:.1f}s")  # noqa: T201
    for segment in result["segments"]:
        print(f"[{segment['start']:.1f}s] {segment.get('speaker', '')}: {segment['text']}")  # noqa: T201
    assert word_error_rate([said(manifest, "meeting_en.flac")["text"]], [result["text"]]) <= MEETING_ERRORS


def test_spanish_is_recognised_as_such(service: Service, manifest: dict[str, Any]) -> None:
    answer = send(service, DATA / "meeting_es.flac").json()
    assert answer["language"] == "es"
    assert word_error_rate([said(manifest, "meeting_es.flac")["text"]], [answer["text"]]) <= 0.15


def test_the_answer_holds_what_is_documented(meeting: dict[str, Any], manifest: dict[str, Any]) -> None:
    assert meeting["text"] == " ".join(segment["text"] for segment in meeting["segments"])
    assert meeting["speakers"] == []
    assert 0 < meeting["language_confidence"] <= 1
    assert meeting["duration"] == pytest.approx(said(manifest, "meeting_en.flac")["duration"], abs=0.1)
    assert meeting["usage"] == {"seconds": meeting["duration"], "credits": 1}
    assert meeting["request_id"]
    assert meeting["model"] == "demo-whisper"
    last = 0.0
    for segment in meeting["segments"]:
        assert 0 < segment["confidence"] <= 1
        assert segment["start"] >= last
        assert segment["text"] == " ".join(word["word"] for word in segment["words"])
        for word in segment["words"]:
            assert last <= word["start"] <= word["end"] <= meeting["duration"]
            assert 0 <= word["confidence"] <= 1
            last = word["start"]


def test_demo_models_cannot_be_mistaken_for_real_ones(service: Service) -> None:
    """Not in any form of the answer, nor in what the service says of itself."""
    answer = send(service, DATA / "hello_3s.flac")
    assert (answer.headers["x-stt-demo-model"], answer.headers["x-stt-model"]) == ("true", "demo-whisper")
    codes = [warning["code"] for warning in answer.json()["warnings"]]
    assert codes == ["demo_model", "demo_diarization"]
    text = send(service, DATA / "hello_3s.flac", response_format="vtt", diarize="false")
    assert text.headers["x-stt-warnings"].startswith("demo_model;message=") and "[demo_model]" in text.text
    health = httpx.get(f"{service.url}/health", timeout=60).json()
    served = {part["name"]: part["served_by"] for part in health["parts"] if part["demo"]}
    assert served["transcriber-large-v3-turbo"] == "demo-whisper" and served["diarizer"] == "demo-diarization"
    assert health["demo_models"] is True
    rows = httpx.get(f"{service.url}/v1/models", timeout=60).json()["models"]
    default = next(row for row in rows if row["id"] == "large-v3-turbo")
    assert (default["available"], default["served_by"]) == (False, "demo-whisper")


def test_text_formats(service: Service, meeting: dict[str, Any]) -> None:
    text = send(service, MEETING, response_format="txt", diarize="false")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.split() == meeting["text"].split()

    srt = send(service, MEETING, response_format="srt", diarize="false")
    assert srt.headers["content-type"].startswith("application/x-subrip")
    subtitles = pysubs2.SSAFile.from_string(srt.text, format_="srt")
    check_cues([(cue.start / 1000, cue.end / 1000, cue.plaintext) for cue in subtitles], meeting)

    vtt = send(service, MEETING, response_format="vtt", diarize="false")
    assert vtt.headers["content-type"].startswith("text/vtt")
    captions = webvtt.from_buffer(io.StringIO(vtt.text))
    check_cues([(c.start_in_seconds, c.end_in_seconds, c.text) for c in captions], meeting)


def check_cues(cues: list[tuple[float, float, str]], meeting: dict[str, Any]) -> None:
    assert " ".join(text for _, _, text in cues).split() == meeting["text"].split()
    for start, end, text in cues:
        assert 0 <= end - start <= 7
        lines = text.splitlines()
        assert len(lines) <= 2
        assert all(len(line) <= 42 for line in lines)


@pytest.mark.parametrize("name", ["hello_3s.flac", "short_200ms.flac"])
def test_short_files(service: Service, manifest: dict[str, Any], name: str) -> None:
    answer = send(service, DATA / name, language="en").json()
    assert word_error_rate([said(manifest, name)["text"]], [answer["text"]]) == 0


FORMATS = {
    "mp3": ["-c:a", "libmp3lame", "-q:a", "2"],
    "wav": ["-c:a", "pcm_s16le", "-ac", "2"],
    "flac": ["-c:a", "flac"],
    "ogg": ["-c:a", "libvorbis", "-q:a", "5"],
    "m4a": ["-c:a", "aac", "-b:a", "96k"],
    "aac": ["-c:a", "aac", "-b:a", "96k"],
    "opus": ["-c:a", "libopus", "-b:a", "48k"],
    "wma": ["-c:a", "wmav2", "-b:a", "128k"],
    "mp4": ["VIDEO", "-c:v", "mpeg4", "-c:a", "aac", "-b:a", "96k"],
    "webm": ["VIDEO", "-c:v", "libvpx", "-c:a", "libopus", "-b:a", "48k"],
    "mkv": ["VIDEO", "-c:v", "mpeg4", "-c:a", "libvorbis", "-q:a", "5"],
    "avi": ["VIDEO", "-c:v", "mpeg4", "-c:a", "libmp3lame", "-q:a", "2"],
    "mov": ["VIDEO", "-c:v", "mpeg4", "-c:a", "pcm_s16be"],
    "wmv": ["VIDEO", "-c:v", "wmv2", "-c:a", "wmav2", "-b:a", "128k"],
    "mpg": ["VIDEO", "-c:v", "mpeg1video", "-c:a", "mp2", "-b:a", "192k"],
    "mpeg": ["VIDEO", "-c:v", "mpeg2video", "-c:a", "mp2", "-b:a", "192k"],
}


# Spoken clearly enough for the demo model to be sure of every word: a coder's noise tips the words it is unsure of.
CLEAR = DATA / "ten_seconds_10.flac"


@pytest.fixture(scope="module")
def clear_text(service: Service, manifest: dict[str, Any]) -> str:
    text = str(send(service, CLEAR, diarize="false").json()["text"])
    assert word_error_rate([said(manifest, CLEAR.name)["text"]], [text]) == 0
    return text


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_documented_formats_give_the_same_words(
    service: Service, clear_text: str, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"recording.{suffix}"
    options = FORMATS[suffix]
    picture = []
    if options[0] == "VIDEO":
        picture, options = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25", "-shortest"], options[1:]
    subprocess.run([FFMPEG, "-v", "error", "-i", str(CLEAR), *picture, "-ar", "48000", *options, str(path)], check=True)
    answer = send(service, path, diarize="false")
    assert answer.status_code == 200, answer.text
    assert word_error_rate([clear_text], [answer.json()["text"]]) <= 0.02


@pytest.mark.parametrize("kind", ["silence", "noise", "tone"])
def test_a_minute_without_speech_gives_no_text(service: Service, tmp_path: Path, kind: str) -> None:
    count = 60 * 16_000
    samples = {
        "silence": np.zeros(count),
        "noise": np.random.default_rng(7).normal(0, 0.1, count),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * np.arange(count) / 16_000),
    }[kind]
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, count, "NONE", ""))
        file.writeframes((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    answer = send(service, path)
    assert answer.status_code == 200
    assert (answer.json()["text"], answer.json()["segments"]) == ("", [])
    assert answer.json()["duration"] == 60.0


def test_a_long_file_has_every_word_once_in_order_at_its_place(
    service: Service, manifest: dict[str, Any], tmp_path: Path
) -> None:
    """The same minutes over and over: the same words every time, each time so many minutes later."""
    times, minutes = (6, 10) if ASKED_FOR else (3, 3)
    source = DATA / "ten_minutes.opus"
    listed = tmp_path / "list.txt"
    listed.write_text(f"file '{source}'\noutpoint {minutes * 60}\n" * times)
    path = tmp_path / "long.ogg"
    join = ["-f", "concat", "-safe", "0", "-i", str(listed), "-c:a", "libopus", "-b:a", "32k", str(path)]
    subprocess.run([FFMPEG, "-v", "error", *join], check=True)

    answer = send(service, path, language="en", diarize="false")
    assert answer.status_code == 200, answer.text
    entry = said(manifest, "ten_minutes.opus")
    length = answer.json()["duration"] / times
    assert length == pytest.approx(min(entry["duration"], minutes * 60), abs=0.2)
    said_once = [word for word in entry["words"] if word["end"] < length]
    spoken = [{**word, "start": word["start"] + length * turn} for turn in range(times) for word in said_once]
    recognized = words_of(answer.json())
    assert word_error_rate([" ".join(w["word"] for w in spoken)], [answer.json()["text"]]) <= 0.10
    pairs = matched_words(spoken, recognized)
    assert len(pairs) >= 0.86 * len(spoken)
    offsets = np.array([recognized[h]["start"] - spoken[s]["start"] for s, h in pairs])
    assert np.median(np.abs(offsets)) <= 0.15
    assert np.mean(np.abs(offsets) <= 1.0) >= 0.99


def test_the_catalogue_and_the_languages(service: Service) -> None:
    models = httpx.get(f"{service.url}/v1/models", timeout=60).json()["models"]
    documented = ("id", "name", "languages", "speed")
    assert [{field: model[field] for field in documented} for model in models] == [
        {"id": "large-v3-turbo", "name": "Whisper Large V3 Turbo", "languages": 99, "speed": "fast"},
        {"id": "large-v3", "name": "Whisper Large V3", "languages": 99, "speed": "standard"},
        {"id": "medium", "name": "Whisper Medium", "languages": 99, "speed": "fast"},
        {"id": "small", "name": "Whisper Small", "languages": 99, "speed": "very_fast"},
    ]
    assert models[0]["default"] and not models[0]["available"] and models[0]["served_by"] == "demo-whisper"
    languages = httpx.get(f"{service.url}/v1/languages", timeout=60).json()["languages"]
    assert languages[0] == {"code": "en", "name": "english"}
    assert {"code": "es", "name": "spanish"} in languages


def test_a_model_that_is_not_in_memory_is_loaded_on_first_use(service: Service, manifest: dict[str, Any]) -> None:
    assert not service.replicas("transcriber-small")
    answer = send(service, MEETING, model="small")
    assert answer.status_code == 200, answer.text
    assert word_error_rate([said(manifest, "meeting_en.flac")["text"]], [answer.json()["text"]]) <= MEETING_ERRORS
    assert service.replicas("transcriber-small")


def test_each_channel_of_a_call_is_transcribed_by_itself(
    service: Service, manifest: dict[str, Any], tmp_path: Path
) -> None:
    call = tmp_path / "call.wav"
    voices = [DATA / "ten_seconds_01.flac", DATA / "ten_seconds_02.flac"]
    inputs = [argument for path in voices for argument in ("-i", str(path))]
    # They speak at once for most of the time.
    joined = "[0:a]apad=whole_dur=12[l];[1:a]adelay=2000,apad=whole_dur=12[r];[l][r]join=inputs=2:channel_layout=stereo"
    subprocess.run([FFMPEG, "-v", "error", *inputs, "-filter_complex", joined, str(call)], check=True)
    body = send(service, call, channels="separate", language="en").json()
    alone = [send(service, path, diarize="false", language="en").json() for path in voices]
    segments = {channel: [one for one in body["segments"] if one["channel"] == channel] for channel in (1, 2)}
    for channel, whole in zip(segments, alone, strict=True):
        assert {word["channel"] for one in segments[channel] for word in one["words"]} == {channel}
        assert word_error_rate([whole["text"]], [" ".join(one["text"] for one in segments[channel])]) <= 0.2
    assert body["speakers"] == ["Channel 1", "Channel 2"]
    assert body["usage"]["credits"] == 1


def test_a_part_is_charged_as_such_and_has_the_recordings_times(service: Service) -> None:
    whole = send(service, MEETING, diarize="false").json()
    start, end = whole["segments"][1]["start"] - 0.2, whole["duration"]
    body = send(service, MEETING, diarize="false", start=start, end=9999).json()
    assert body["usage"]["seconds"] == pytest.approx(end - start, abs=0.02)
    words = [word for segment in body["segments"] for word in segment["words"]]
    assert words and start <= words[0]["start"] and words[-1]["end"] <= end + 0.01
    refused = send(service, MEETING, start=9999)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter")

"""Parts, tracks and channels of a recording: what is asked, what is decoded, and when it was said."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from stt_ai.api.transcription.rendering import transcript_body
from stt_ai.captions.subtitles import to_srt
from stt_ai.engines.decoding import FileDecoder
from stt_ai.errors import BadParameter
from stt_ai.pipeline import Pipeline
from stt_ai.types import (
    SAMPLE_RATE,
    AudioSelection,
    DecodedAudio,
    DecodingOptions,
    LoadedModel,
    Pcm,
    SpeechRegion,
    Task,
    Transcript,
    TranscriptionRequest,
    Upload,
    Window,
    WindowTranscript,
    Word,
)
from tests.support.api import MODELS, Recorder, form, make_app
from tests.support.media_files import FFMPEG, PATIENT
from tests.unit.test_pipeline import ScriptedDiarizer

DATA = Path(__file__).parents[1] / "data"
HELLO = DATA / "hello_3s.flac"
SOUND = ("file", "meeting.mp3", b"\x00sound\r\n" * 1000)


def ffmpeg(target: Path, *arguments: str) -> Path:
    subprocess.run([FFMPEG, "-v", "error", "-y", *arguments, str(target)], check=True)
    return target


def decoded(path: Path, selection: AudioSelection) -> DecodedAudio:
    return FileDecoder(PATIENT).decode(Upload(path, path.stat().st_size, path.name), None, selection)


def samples(audio: DecodedAudio) -> np.ndarray:
    return np.concatenate(audio.pcm.chunks)


@pytest.mark.parametrize("name", ["a.flac", "a.wav", "a.mkv"])
def test_a_part_is_the_same_samples_as_in_the_whole(name: str, tmp_path: Path) -> None:
    codec = "pcm_s16le" if name.endswith("wav") else "flac"
    source = str(DATA / "ten_seconds_01.flac")
    path = ffmpeg(tmp_path / name, "-i", source, "-ac", "1", "-ar", "16000", "-sample_fmt", "s16", "-c:a", codec)
    whole = samples(decoded(path, AudioSelection()))
    part = decoded(path, AudioSelection(start=2.5, end=6.0))
    assert (part.start, part.duration) == (2.5, 3.5)
    assert np.array_equal(samples(part), whole[int(2.5 * SAMPLE_RATE) : 6 * SAMPLE_RATE])
    assert not part.warnings
    rest = decoded(path, AudioSelection(start=8.0, end=600.0))
    assert np.array_equal(samples(rest), whole[8 * SAMPLE_RATE :])


def test_a_part_behind_the_end_is_refused_with_the_length() -> None:
    with pytest.raises(BadParameter, match=r"`start` is 90.*3\.\d\d s long"):
        decoded(HELLO, AudioSelection(start=90.0))


def test_what_breaks_off_behind_the_part_is_no_warning_about_it(tmp_path: Path) -> None:
    cut = tmp_path / "cut.flac"
    cut.write_bytes((DATA / "ten_seconds_01.flac").read_bytes()[:-20_000])
    assert decoded(cut, AudioSelection()).warnings
    assert not decoded(cut, AudioSelection(end=1.0)).warnings


@pytest.fixture
def two_tracks(tmp_path: Path) -> Path:
    silence = ["-f", "lavfi", "-t", "3", "-i", "anullsrc=r=16000:cl=mono"]
    return ffmpeg(tmp_path / "two.mkv", *silence, "-i", str(HELLO), "-map", "0:a", "-map", "1:a", "-c:a", "flac")


def test_a_track_is_chosen_by_its_number(two_tracks: Path) -> None:
    found = decoded(two_tracks, AudioSelection())
    assert [warning.code for warning in found.warnings] == ["silent_track_skipped"]
    assert "`track`" in found.warnings[0].message
    chosen = decoded(two_tracks, AudioSelection(track=2))
    assert chosen.regions and not chosen.warnings
    silent = decoded(two_tracks, AudioSelection(track=1))
    assert not silent.regions and not silent.warnings


def test_a_track_that_is_not_there_is_refused(two_tracks: Path, tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="`track` is 3, but the file has 2 audio tracks"):
        decoded(two_tracks, AudioSelection(track=3))
    plain = ffmpeg(tmp_path / "plain.wav", "-i", str(HELLO), "-ac", "1", "-ar", "16000", "-c:a", "pcm_s16le")
    with pytest.raises(BadParameter, match="`track` is 2, but the file has one audio track"):
        decoded(plain, AudioSelection(track=2))


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """A call of ten seconds: on the left somebody speaks in the first three, on the right in the last three."""
    pads = "[0:a]apad=whole_dur=10[l];[0:a]adelay=7000,apad=whole_dur=10[r];[l][r]join=inputs=2:channel_layout=stereo"
    return ffmpeg(tmp_path / "call.wav", "-i", str(HELLO), "-filter_complex", pads)


def test_each_channel_has_its_own_samples_and_speech(call: Path) -> None:
    audio = decoded(call, AudioSelection(separate=True))
    left, right = audio.channels
    assert left.regions and max(region.end for region in left.regions) < 4 * SAMPLE_RATE
    assert right.regions and min(region.start for region in right.regions) > 6 * SAMPLE_RATE
    assert not samples(left)[5 * SAMPLE_RATE :].any() and not samples(right)[: 6 * SAMPLE_RATE].any()
    assert len(audio.regions) == len(left.regions) + len(right.regions)


def test_one_channel_is_one_and_too_many_are_refused(tmp_path: Path) -> None:
    assert len(decoded(HELLO, AudioSelection(separate=True)).channels) == 1
    many = ffmpeg(tmp_path / "many.wav", "-f", "lavfi", "-t", "1", "-i", "anullsrc=r=16000:cl=hexadecagonal")
    with pytest.raises(BadParameter, match="16 channels; at most 8"):
        decoded(many, AudioSelection(separate=True))


class TwoChannels:
    """Speech at [0, 2) and [6, 8) on the first channel and at [1, 3) on the second, from second ``start`` on."""

    def __init__(self, start: float = 0.0) -> None:
        spans = [((0, 2), (6, 8)), ((1, 3),)]
        first, second = (self._audio(number, of) for number, of in enumerate(spans, start=1))
        regions = tuple(sorted((*first.regions, *second.regions), key=lambda region: region.start))
        pcm, channels = first.pcm, (first, second)
        self.audio = DecodedAudio(pcm, regions, "wav", start=start, channels=channels)
        self.selections: list[AudioSelection] = []

    @staticmethod
    def _audio(number: int, spans: Sequence[tuple[int, int]]) -> DecodedAudio:
        length = 10 * SAMPLE_RATE
        chunk = np.full(length, number, np.int16)
        regions = tuple(SpeechRegion(a * SAMPLE_RATE, b * SAMPLE_RATE) for a, b in spans)
        return DecodedAudio(Pcm((chunk,), length, length), regions, "wav")

    async def decode(self, upload: Upload, selection: AudioSelection) -> DecodedAudio:
        self.selections.append(selection)
        return self.audio


class ChannelReader:
    """Writes two words for each window: the value of its channel's samples, and its first second."""

    async def describe(self) -> LoadedModel:
        return LoadedModel("reader", variable_length=True)

    async def transcribe(self, pcm: Pcm, window: Window, options: DecodingOptions) -> WindowTranscript:
        second = window.pieces[0].start // SAMPLE_RATE
        words = (Word(f" on{pcm.chunks[0][0]}", 0.1, 0.8, 0.9), Word(f" at{second}.", 0.9, 1.9, 0.9))
        return WindowTranscript(words, "en", 0.99, languages=(("en", 0.99),))


async def read(decoder: TwoChannels, **asked: object) -> tuple[Transcript, list[tuple[str, float]]]:
    reported: list[tuple[str, float]] = []

    async def on_text(piece: str, until: float) -> None:
        reported.append((piece, until))

    voices = ScriptedDiarizer((0, 10, "A"))
    request = TranscriptionRequest("m", selection=AudioSelection(separate=True), **asked)  # type: ignore[arg-type]
    upload = Upload(Path("call.wav"), 1)
    transcript = await Pipeline(decoder, {"m": ChannelReader()}, voices).transcribe(upload, request, None, on_text)
    assert not voices.asked
    return transcript, reported


async def test_channels_are_transcribed_by_themselves_and_merged_by_time() -> None:
    transcript, reported = await read(TwoChannels())
    body = transcript_body(transcript, "r")
    assert [(one["channel"], one["speaker"], one["text"]) for one in body["segments"]] == [
        (1, "Channel 1", "on1 at0."),
        (2, "Channel 2", "on2 at1."),
        (1, "Channel 1", "on1 at6."),
    ]
    words = [word for segment in body["segments"] for word in segment["words"]]
    # The second channel begins while the first one still speaks: the times of both stay as they are.
    assert [(word["channel"], word["start"]) for word in words] == [
        *((1, 0.1), (1, 0.9)),
        *((2, 1.1), (2, 1.9)),
        *((1, 6.1), (1, 6.9)),
    ]
    assert body["speakers"] == ["Channel 1", "Channel 2"]
    assert "".join(piece for piece, _ in reported) == body["text"]
    assert [until for _, until in reported] == sorted(until for _, until in reported)
    assert "Channel 2: on2 at1." in to_srt(transcript)


async def test_channels_need_no_names() -> None:
    transcript, _ = await read(TwoChannels(), diarize=False)
    body = transcript_body(transcript, "r")
    assert body["speakers"] == [] and "speaker" not in body["segments"][0]
    assert [segment["channel"] for segment in body["segments"]] == [1, 2, 1]


async def test_times_of_a_part_are_those_of_the_recording() -> None:
    transcript, _ = await read(TwoChannels(start=60.0))
    body = transcript_body(transcript, "r")
    assert (body["start"], body["duration"], body["usage"]) == (60.0, 10.0, {"seconds": 10.0, "credits": 1})
    assert [segment["start"] for segment in body["segments"]] == [60.1, 61.1, 66.1]
    assert "00:01:00,100 --> " in to_srt(transcript)


@pytest.fixture
def service() -> Recorder:
    return Recorder()


@pytest.fixture
def client(tmp_path: Path, service: Recorder) -> TestClient:
    return TestClient(make_app(tmp_path / "uploads", service))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"start": "-1"}, "start"),
        ({"start": "nan"}, "start"),
        ({"end": "inf"}, "end"),
        ({"end": "1_0"}, "end"),
        ({"end": "0"}, "end"),
        ({"start": "5", "end": "5"}, "end"),
        ({"track": "first"}, "track"),
        ({"track": "-1"}, "track"),
        ({"channels": "left"}, "channels"),
        ({"channels": "separate", "speakers": "2"}, "speakers"),
        ({"channels": "separate", "max_speakers": "2"}, "max_speakers"),
        ({"task": "summarize"}, "task"),
        ({"lines": "1"}, "lines"),
        ({"lines": "0", "response_format": "srt"}, "lines"),
        ({"line_width": "5", "response_format": "vtt"}, "line_width"),
        ({"words_per_cue": "many", "response_format": "vtt"}, "words_per_cue"),
        ({"task": "translate", "model": "turbo"}, "model"),
        ({"prompt": "p" * 4097}, "prompt"),
        ({"keywords[]": ",".join(map(str, range(51)))}, "keywords[]"),
        ({"keywords[]": "k" * 61}, "keywords[]"),
        ({"keywords[]": "?!"}, "keywords[]"),
    ],
)
def test_nonsense_is_400_that_names_the_parameter(
    fields: dict[str, str], named: str, client: TestClient, service: Recorder
) -> None:
    if fields.get("model") == "turbo":
        fields = {**fields, "model": next(model.id for model in MODELS if not model.translates)}
    body, headers = form(SOUND, *((name, None, value.encode()) for name, value in fields.items()))
    answer = client.post("/v1/transcribe", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
    assert f"`{named}`" in answer.json()["error"]
    assert not service.requests


def test_all_of_them_reach_the_pipeline(client: TestClient, service: Recorder) -> None:
    translating = next(model.id for model in MODELS if model.translates)
    fields = {"start": "1.5", "end": "60", "track": "2", "channels": "Separate", "task": "translate", "prompt": "Hi."}
    several = [("keywords[]", None, b"Ada Lovelace, Babbage"), ("keywords[]", None, b"Babbage")]
    body, headers = form(SOUND, *((name, None, value.encode()) for name, value in fields.items()), *several)
    assert client.post("/v1/transcribe", content=body, headers=headers).status_code == 200
    (asked,) = service.requests
    assert asked.selection == AudioSelection(1.5, 60.0, 2, True)
    assert (asked.task, asked.prompt, asked.keywords) == (Task.TRANSLATE, "Hi.", ("Ada Lovelace", "Babbage"))
    assert asked.model == translating or next(m for m in MODELS if m.id == asked.model).translates

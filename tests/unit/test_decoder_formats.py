"""Every documented format, and its neighbours, decodes to the sound that went into it, judged by content alone."""

import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stt_ai.engines.decoding import FileDecoder
from stt_ai.engines.ffmpeg import find_ffmpeg
from stt_ai.errors import NoAudioTrack, SttError, Unavailable
from stt_ai.types import DecodedAudio, Upload
from tests.support.media_files import (
    AUDIO,
    FFMPEG,
    FFMPEGS,
    PATIENT,
    SILENT,
    STORED,
    VIDEO,
    all_media,
    likeness,
    run_ffmpeg,
    sound,
)

# Codecs that model a voice, not a wave, keep less of this sound's phase.
VOICE_CODECS = {"a.amr", "a.3gp", "speex.ogg"}
AUDIBLE = sorted([*AUDIO, *VIDEO, *(path.name for path in STORED.iterdir())])


@pytest.fixture(scope="module", params=FFMPEGS)
def decoder(request: pytest.FixtureRequest) -> FileDecoder:
    return FileDecoder(PATIENT, program=request.param)


@pytest.fixture(scope="module")
def decoded(decoder: FileDecoder) -> dict[str, DecodedAudio | SttError]:
    def one(item: tuple[str, Path]) -> tuple[str, DecodedAudio | SttError]:
        try:
            return item[0], decoder.decode(Upload(item[1], item[1].stat().st_size))
        except SttError as error:
            return item[0], error

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(one, all_media().items()))


def samples_of(audio: DecodedAudio | SttError) -> np.ndarray:
    assert isinstance(audio, DecodedAudio), audio
    return np.concatenate(audio.pcm.chunks)


@pytest.mark.parametrize("name", AUDIBLE)
def test_a_format_sounds_as_what_went_into_it(name: str, decoded: dict[str, DecodedAudio | SttError]) -> None:
    audible = samples_of(decoded[name])
    assert likeness(audible, sound()) > (0.7 if name in VOICE_CODECS else 0.97)
    assert abs(len(audible) - len(sound())) <= 0.12 * 16_000
    # What comes from one of six channels only is a quarter as loud in the mix of all.
    assert 0.2 < np.std(audible) / np.std(sound()) < 1.5
    answer = decoded[name]
    assert isinstance(answer, DecodedAudio) and not answer.warnings


@pytest.mark.parametrize("name", sorted(SILENT))
def test_video_without_sound_has_no_audio_track(name: str, decoded: dict[str, DecodedAudio | SttError]) -> None:
    assert isinstance(decoded[name], NoAudioTrack)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 96_000, 192_000])
def test_any_sample_rate(rate: int, decoder: FileDecoder, tmp_path: Path) -> None:
    path = run_ffmpeg(["-ar", str(rate)], tmp_path / "a.flac")
    audible = samples_of(decoder.decode(Upload(path, 0)))
    assert likeness(audible, sound()) > 0.97
    assert abs(len(audible) - len(sound())) < 200


@pytest.mark.parametrize("layout", ["stereo", "5.1", "7.1"])
def test_every_channel_is_audible(layout: str, decoder: FileDecoder, tmp_path: Path) -> None:
    channels = {"stereo": 2, "5.1": 6, "7.1": 8}[layout]
    bass = 3 if channels >= 6 else None
    spoken = sound(0.4)
    for channel in range(channels):
        if channel == bass:
            continue
        alone = f"pan={layout}|c{channel}=c0"
        path = run_ffmpeg(["-af", alone], tmp_path / f"{channel}.wav", spoken)
        assert likeness(samples_of(decoder.decode(Upload(path, 0))), spoken) > 0.9, channel


def test_the_first_audio_track_of_several_is_taken(decoder: FileDecoder, tmp_path: Path) -> None:
    tone = ["-f", "lavfi", "-i", "sine=frequency=900:duration=1.5:sample_rate=16000"]
    for name, tracks in (("first.mkv", ["0:a", "1:a"]), ("second.mkv", ["1:a", "0:a"])):
        maps = [argument for track in tracks for argument in ("-map", track)]
        run_ffmpeg([*tone, *maps, "-c:a", "flac"], tmp_path / name)
    assert likeness(samples_of(decoder.decode(Upload(tmp_path / "first.mkv", 0))), sound()) > 0.97
    assert likeness(samples_of(decoder.decode(Upload(tmp_path / "second.mkv", 0))), sound()) < 0.5


def test_a_huge_cover_before_the_sound_is_stepped_over(decoder: FileDecoder, tmp_path: Path) -> None:
    size = 5_000_000
    sizes = bytes([size >> 21 & 0x7F, size >> 14 & 0x7F, size >> 7 & 0x7F, size & 0x7F])
    cover = b"APIC" + struct.pack(">I", size - 10) + b"\0\0\0image/jpeg\0\x03\0"
    tag = b"ID3\x03\0\0" + sizes + cover.ljust(size, b"\xff")
    for name in ("cbr.mp3", "a.aac", "a.flac"):
        path = tmp_path / name
        path.write_bytes(tag + all_media()[name].read_bytes())
        assert likeness(samples_of(decoder.decode(Upload(path, 0))), sound()) > 0.97


@pytest.mark.parametrize("declared", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_a_wav_that_was_streamed_and_does_not_know_its_size(
    declared: int, decoder: FileDecoder, tmp_path: Path
) -> None:
    data = bytearray(all_media()["s16.wav"].read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", declared)
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    assert likeness(samples_of(decoder.decode(Upload(path, 0))), sound()) > 0.99


@pytest.mark.parametrize("ending", ["mp3", "mp4", "txt", "m3u8", "exe"])
def test_the_name_does_not_matter(ending: str, decoder: FileDecoder, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(all_media()["a.opus"].read_bytes())
    assert decoder.decode(Upload(path, 0, path.name)).container == "opus"


@pytest.mark.parametrize("name", ["s16.wav", "a.opus", "vbr.mp3", "aac.m4a", "a.aac"])
def test_a_fifth_of_a_second_is_enough(name: str, decoder: FileDecoder, tmp_path: Path) -> None:
    path = run_ffmpeg(AUDIO[name], tmp_path / name, sound(0.2))
    assert 0.15 <= decoder.decode(Upload(path, 0)).duration <= 0.4


@pytest.mark.parametrize("name", ["vbr.mp3", "a.flac", "a.aac", "faststart.mp4", "a.ts", "a.avi", "a.mpg"])
def test_of_a_file_that_breaks_off_the_first_part_is_kept(name: str, decoder: FileDecoder, tmp_path: Path) -> None:
    whole = all_media()[name].read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert 0.3 < decoder.decode(Upload(path, 0)).duration < 1.4


def test_wav_read_directly_is_what_ffmpeg_reads(decoder: FileDecoder, tmp_path: Path) -> None:
    plain = all_media()["s16.wav"]
    padded = tmp_path / "padded.wav"
    data = plain.read_bytes()
    at = data.index(b"data")
    padded.write_bytes(data[:at] + b"LIST\x03\0\0\0abc\0" + data[at:] + b"LIST\x04\0\0\0tail")
    for path in (plain, padded):
        assert np.array_equal(samples_of(decoder.decode(Upload(path, 0))), sound())


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an ffmpeg, which alone is on PATH."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("programs")
def test_the_ffmpeg_of_the_wheel_is_taken_whatever_is_on_path() -> None:
    assert find_ffmpeg.__wrapped__() == FFMPEG


def test_which_ffmpeg_is_the_operators_to_say(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_ffmpeg.__wrapped__("ffmpeg") == str(programs / "ffmpeg"), "by its name on PATH"
    other = (programs / "ffmpeg").rename(programs / "ffmpeg8")
    assert find_ffmpeg.__wrapped__(str(other)) == str(other)
    monkeypatch.chdir(programs)
    assert find_ffmpeg.__wrapped__("./ffmpeg8") == str(other), "it is started elsewhere"
    with pytest.raises(Unavailable, match="names was not found"):
        find_ffmpeg.__wrapped__(str(programs / "missing"))


PICTURE = ("-f", "lavfi", "-i", "color=s=16x16:r=5:d=4")
GAP = "setts=ts=if(gte(TS*TB\\,1)\\,TS+5/TB\\,TS)"


@pytest.mark.parametrize("name", ["late.mp4", "late.mkv", "late.mov"])
def test_sound_that_begins_after_the_picture_stays_where_it_is(name: str, decoder: FileDecoder, tmp_path: Path) -> None:
    made = run_ffmpeg(["-c:a", "flac"], tmp_path / "sound.flac")
    video = [*PICTURE, "-itsoffset", "2", "-i", made, "-map", "0:v", "-map", "1:a", "-c:v", "mpeg4", "-c:a", "aac"]
    subprocess.run([FFMPEG, "-v", "error", *video, tmp_path / name], check=True)
    audible = samples_of(decoder.decode(Upload(tmp_path / name, 0)))
    assert abs(len(audible) - len(sound()) - 32_000) < 2_000
    assert np.abs(audible[:30_000]).max() < 100 < np.abs(audible[32_000:34_000]).max()
    assert likeness(audible[31_000:], sound()) > 0.97


def test_a_gap_in_a_recording_stays_a_gap(decoder: FileDecoder, tmp_path: Path) -> None:
    made = run_ffmpeg(["-c:a", "libopus"], tmp_path / "whole.webm")
    with_gap = ["-i", made, "-c", "copy", "-bsf:a", GAP, tmp_path / "gap.webm"]
    subprocess.run([FFMPEG, "-v", "error", *with_gap], check=True)
    audible = samples_of(decoder.decode(Upload(tmp_path / "gap.webm", 0)))
    assert abs(len(audible) - len(sound()) - 80_000) < 2_000
    assert np.abs(audible[18_000:94_000]).max() < 100
    assert likeness(audible[:15_000], sound()[:15_000]) > 0.97
    assert likeness(audible[97_000:], sound()[17_000:]) > 0.97


@pytest.mark.parametrize(
    ("name", "making"),
    [
        ("joined.webm", ["-c:a", "libopus"]),
        ("joined.mkv", ["-c:a", "aac"]),
        ("joined.ts", ["-c:a", "aac"]),
        ("joined.mpg", ["-c:a", "mp2"]),
    ],
)
def test_recordings_that_were_joined_are_transcribed_to_their_end(
    name: str, making: list[str], decoder: FileDecoder, tmp_path: Path
) -> None:
    path = run_ffmpeg(making, tmp_path / name)
    path.write_bytes(path.read_bytes() * 2)
    audible = samples_of(decoder.decode(Upload(path, 0)))
    assert abs(len(audible) - 2 * len(sound())) < 8_000
    half = len(audible) // 2
    assert min(likeness(audible[:half], sound()), likeness(audible[half:], sound())) > 0.9


@pytest.mark.parametrize(
    ("name", "making"),
    [
        ("guessed.aac", ["-af", "adelay=8000:all=1", "-b:a", "128k"]),  # by its first, silent frames: half an hour
        ("started-late.mkv", ["-c:a", "aac", "-output_ts_offset", "60000"]),
        ("started-late.ogg", ["-c:a", "libopus", "-output_ts_offset", "60000"]),
    ],
)
def test_a_file_is_as_long_as_it_sounds_whatever_its_header_lets_guess(
    name: str, making: list[str], decoder: FileDecoder, tmp_path: Path
) -> None:
    path = run_ffmpeg(making, tmp_path / name)
    strict = FileDecoder(replace(PATIENT, max_duration_s=60.0), program=decoder._program)
    assert likeness(samples_of(strict.decode(Upload(path, 0)))[-len(sound()) :], sound()) > 0.9

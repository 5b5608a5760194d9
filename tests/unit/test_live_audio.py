"""Live audio: the same samples however the bytes are cut, from every encoding; and bytes that are none."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from functools import cache
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.engines import live_audio
from stt_ai.errors import UnsupportedEncoding
from stt_ai.types import SAMPLE_RATE, Samples
from tests.support.media_files import children
from tests.support.word_errors import DATA

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
HELLO = DATA / "hello_3s.flac"


def run_ffmpeg(*arguments: str, data: bytes = b"") -> bytes:
    command = [FFMPEG, "-v", "error", *arguments, "pipe:1"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


@cache
def encoded(form: str) -> bytes:
    """The file that says hello, as Opus in a container."""
    return run_ffmpeg("-i", str(HELLO), "-ac", "1", "-c:a", "libopus", "-f", form)


@cache
def raw(form: str, rate: int) -> bytes:
    return run_ffmpeg("-i", str(HELLO), "-ac", "1", "-ar", str(rate), "-f", form)


def pieces_of(data: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    at = 0
    for size in cuts:
        yield data[at : at + size]
        at += size
    yield data[at:]


def decoded(encoding: str, rate: int, pieces: Iterator[bytes]) -> Samples:
    async def feed() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def collect() -> list[Samples]:
        return [samples async for samples in live_audio.decode(encoding, rate, feed())]

    return np.concatenate([np.zeros(0, np.int16), *asyncio.run(collect())])


cut_sizes = st.lists(st.integers(0, 9_000), max_size=30)


@settings(max_examples=15)
@given(cuts=cut_sizes)
@pytest.mark.parametrize(
    ("encoding", "form", "rate"),
    [("pcm_s16le", "s16le", 16000), ("pcm_s16le", "s16le", 44100), ("mulaw", "mulaw", 8000), ("alaw", "alaw", 8000)],
)
def test_the_cuts_between_pieces_leave_no_trace(encoding: str, form: str, rate: int, cuts: list[int]) -> None:
    data = raw(form, rate)
    whole = decoded(encoding, rate, iter([data]))
    assert np.array_equal(decoded(encoding, rate, pieces_of(data, cuts)), whole)
    assert len(whole) / SAMPLE_RATE == pytest.approx(3.0, abs=0.01)


def test_samples_that_need_no_change_are_not_changed() -> None:
    data = raw("s16le", SAMPLE_RATE)
    assert decoded("pcm_s16le", SAMPLE_RATE, pieces_of(data, [1, 3, 5])).tobytes() == data


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_a_tone_keeps_its_pitch_and_loudness_at_every_rate(rate: int) -> None:
    tone = (10_000 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)).astype("<i2")
    samples = decoded("pcm_s16le", rate, iter([tone.tobytes()]))[2000:-2000].astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert spectrum.argmax() * SAMPLE_RATE / len(samples) == pytest.approx(440, abs=1)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(10_000 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize(("encoding", "form"), [("mulaw", "mulaw"), ("alaw", "alaw")])
def test_companded_samples_are_what_ffmpeg_says(encoding: str, form: str) -> None:
    every = bytes(range(256))
    theirs = run_ffmpeg("-f", form, "-ar", "16000", "-i", "pipe:0", "-f", "s16le", data=every)
    assert decoded(encoding, SAMPLE_RATE, iter([every])).tobytes() == theirs


@pytest.mark.parametrize("form", ["ogg", "webm"])
@pytest.mark.parametrize("size", [1, 997, 1_000_000])
def test_opus_as_browsers_record_it_is_what_ffmpeg_makes_of_the_file(form: str, size: int, tmp_path: Path) -> None:
    data = encoded(form)
    path = tmp_path / f"hello.{form}"
    path.write_bytes(data)
    theirs = run_ffmpeg("-i", str(path), "-ac", "1", "-ar", "16000", "-f", "s16le")
    samples = decoded("opus", 0, pieces_of(data, [size] * (len(data) // size)))
    reference = np.frombuffer(theirs, "<i2")
    assert len(samples) == len(reference)
    assert np.abs(samples.astype(int) - reference).max() < 200  # there are two decoders of Opus, and both are right
    assert len(samples) / SAMPLE_RATE == pytest.approx(3.0, abs=0.05)
    assert not children()


async def test_opus_is_decoded_while_it_comes() -> None:
    """The samples of what was sent are there before more is sent."""
    data, gate = encoded("webm"), asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield data[: len(data) // 2]
        await gate.wait()
        yield data[len(data) // 2 :]

    decoded = 0
    async with aclosing(live_audio.decode("opus", 0, half())) as samples:
        async for some in samples:
            decoded += len(some)
            if decoded > 1.2 * SAMPLE_RATE and not gate.is_set():
                gate.set()
    assert decoded / SAMPLE_RATE == pytest.approx(3.0, abs=0.05)


NO_OPUS = {
    "speech in another form": lambda: HELLO.read_bytes(),
    "raw samples": lambda: raw("s16le", 16000),
    "only a head": lambda: b"OggS" + bytes(50_000),
    "only a matroska head": lambda: b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 100,
    "vorbis": lambda: run_ffmpeg("-i", str(HELLO), "-ac", "2", "-c:a", "libvorbis", "-f", "ogg"),
    "three bytes": lambda: b"Ogg",
}


@pytest.mark.parametrize("kind", NO_OPUS)
def test_what_is_no_opus_is_told(kind: str) -> None:
    with pytest.raises(UnsupportedEncoding):
        decoded("opus", 0, pieces_of(NO_OPUS[kind](), [2, 5, 4000]))
    assert not children()


@settings(max_examples=10)
@given(at=st.lists(st.integers(0, 20_000), min_size=1, max_size=40), form=st.sampled_from(["ogg", "webm"]))
def test_damaged_opus_harms_nobody(at: list[int], form: str) -> None:
    data = bytearray(encoded(form))
    for position in at:
        data[position % len(data)] ^= 1 + position % 255
    try:
        samples = decoded("opus", 0, iter([bytes(data)]))
    except UnsupportedEncoding:
        samples = np.zeros(0, np.int16)
    assert len(samples) < 30 * SAMPLE_RATE
    assert not children()


async def test_what_the_caller_fails_with_comes_after_all_that_was_sent() -> None:
    async def leaving() -> AsyncIterator[bytes]:
        yield encoded("webm")
        raise ConnectionError("gone")

    decoded = 0
    with pytest.raises(ConnectionError):
        async for samples in live_audio.decode("opus", 0, leaving()):
            decoded += len(samples)
    assert decoded / SAMPLE_RATE == pytest.approx(3.0, abs=0.05)
    assert not children()


async def test_a_stream_that_is_cancelled_leaves_no_process() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield encoded("webm")
        await asyncio.Event().wait()

    began = asyncio.Event()

    async def listen() -> None:
        async with aclosing(live_audio.decode("opus", 0, endless())) as samples:
            async for _ in samples:
                began.set()

    task = asyncio.create_task(listen())
    await began.wait()
    assert children()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not children()


async def test_who_sends_more_than_is_transcribed_has_to_wait() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 1000:
            sent += 1
            yield encoded("ogg")  # one after the other: a chained stream

    async with aclosing(live_audio.decode("opus", 0, endless())) as samples:
        await anext(samples)
        before = -1
        while sent != before:  # until nothing more is taken
            before = sent
            await asyncio.sleep(0.3)
    assert sent < 100


async def test_bytes_without_any_sound_are_not_taken_for_ever() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield encoded("webm")
        while sent < 10_000_000:
            sent += 10_000
            yield bytes(10_000)  # Matroska skips them

    with pytest.raises(UnsupportedEncoding):
        async for _ in live_audio.decode("opus", 0, endless()):
            pass
    assert sent < 4_000_000


def test_silence_of_nobody_is_nothing() -> None:
    assert len(decoded("opus", 0, iter([]))) == 0
    assert len(decoded("pcm_s16le", 48000, iter([]))) == 0
    assert len(decoded("mulaw", 8000, iter([b"", b""]))) == 0


@pytest.mark.parametrize("size", [1, 3, 100_000])
@pytest.mark.parametrize("form", ["ogg", "webm"])
def test_opus_is_known_by_its_first_bytes(form: str, size: int) -> None:
    data = encoded(form)
    found = decoded("detected", SAMPLE_RATE, pieces_of(data, [size] * (len(data) // size)))
    assert np.array_equal(found, decoded("opus", 0, iter([data])))


@pytest.mark.parametrize(("codec", "rate"), [("pcm_s16le", 16000), ("pcm_s16le", 44100), ("pcm_mulaw", 8000)])
@pytest.mark.parametrize("size", [1, 100_000])
def test_the_header_of_a_wav_is_read_and_not_transcribed(codec: str, rate: int, size: int) -> None:
    data = run_ffmpeg("-i", str(HELLO), "-ac", "1", "-ar", str(rate), "-c:a", codec, "-f", "wav")
    samples = raw({"pcm_s16le": "s16le", "pcm_mulaw": "mulaw"}[codec], rate)
    found = decoded("detected", SAMPLE_RATE, pieces_of(data, [size] * (len(data) // size)))
    assert np.array_equal(found, decoded("mulaw" if codec == "pcm_mulaw" else codec, rate, iter([samples])))


def test_bytes_that_are_no_container_are_samples() -> None:
    data = raw("s16le", SAMPLE_RATE)
    assert decoded("detected", SAMPLE_RATE, pieces_of(data, [1, 3, 5])).tobytes() == data
    assert decoded("detected", SAMPLE_RATE, iter([b"\x01\x00"])).tolist() == [1]
    assert not len(decoded("detected", SAMPLE_RATE, iter([])))


@pytest.mark.parametrize("form", ["mp4", "mp3", "flac", "caf", "aiff", "asf", "flv", "wav"])
def test_containers_that_a_stream_does_not_take_are_named(form: str) -> None:
    options = ("-movflags", "frag_keyframe+empty_moov") if form == "mp4" else ()
    data = run_ffmpeg("-i", str(HELLO), "-ac", "2", *options, "-ar", "44100", "-f", form)
    with pytest.raises(UnsupportedEncoding, match="The audio is"):
        decoded("detected", SAMPLE_RATE, pieces_of(data, [7] * 3))

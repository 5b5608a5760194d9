"""What one file may take: duration, memory, time, a process. And what is left of it afterwards: nothing."""

import sys
import threading
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stt_ai.engines.decoding import DecoderLimits, FileDecoder
from stt_ai.errors import AudioTooLong, Unavailable
from stt_ai.types import Samples, Upload
from tests.support.hostile_files import silent_flac
from tests.support.media_files import PATIENT, all_media, children, sound


def upload(name: str) -> Upload:
    path = all_media()[name]
    return Upload(path, path.stat().st_size, name)


@pytest.fixture
def hour(tmp_path: Path) -> Upload:
    """An hour of silence, 16 kHz."""
    path = tmp_path / "hour.flac"
    path.write_bytes(silent_flac(3600, honest=True, rate=16_000) + bytes(60_000))
    return Upload(path, path.stat().st_size)


@pytest.mark.parametrize("name", ["s16.wav", "vbr.mp3", "a.flac", "a.opus", "a.mp4", "a.mpg", "a.aac"])
def test_audio_over_the_longest_duration_is_refused_with_the_limit_named(name: str) -> None:
    with pytest.raises(AudioTooLong, match="longer than 1 s"):
        FileDecoder(replace(PATIENT, max_duration_s=1)).decode(upload(name))


def test_audio_of_the_longest_duration_is_taken() -> None:
    assert FileDecoder(replace(PATIENT, max_duration_s=1.5)).decode(upload("s16.wav")).duration == 1.5
    assert FileDecoder(replace(PATIENT, max_duration_s=1.5)).decode(upload("a.flac")).duration == 1.5


def test_a_header_that_does_not_tell_the_duration_is_of_no_use(tmp_path: Path) -> None:
    path = tmp_path / "untold.flac"
    path.write_bytes(silent_flac(120, honest=False, rate=16_000))
    with pytest.raises(AudioTooLong, match="longer than 1 min"):
        FileDecoder(replace(PATIENT, max_duration_s=60)).decode(Upload(path, 0))


@pytest.mark.parametrize("name", ["s16.wav", "a.flac"])
def test_chunks_are_of_equal_length_and_in_order(name: str) -> None:
    stored: list[Samples] = []

    def put(chunk: Samples) -> int:
        stored.append(chunk)
        return len(stored) - 1

    pcm = FileDecoder(PATIENT, put=put, chunk_seconds=1).decode(upload(name)).pcm
    assert pcm.chunks == (0, 1)
    assert (pcm.chunk_samples, pcm.samples) == (16_000, 24_000)
    assert [len(chunk) for chunk in stored] == [16_000, 8_000]
    assert all(chunk.dtype == np.int16 for chunk in stored)
    assert np.array_equal(np.concatenate(stored), sound())


def test_memory_does_not_grow_with_the_audio(hour: Upload) -> None:
    decoder = FileDecoder(PATIENT, put=len, chunk_seconds=60)
    tracemalloc.start()
    try:
        audio = decoder.decode(hour)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert audio.duration == pytest.approx(3600, abs=5)
    assert peak < 16e6  # the samples are 115 MB


def test_cancelling_ends_the_decoding_and_its_process(hour: Upload) -> None:
    cancelled = threading.Event()
    seen: list[int] = []

    def put(chunk: Samples) -> None:
        seen.append(len(children()))
        cancelled.set()

    with pytest.raises(Unavailable):
        FileDecoder(PATIENT, put=put, chunk_seconds=1).decode(hour, cancelled)
    assert seen[0] == 1
    assert len(seen) < 300
    assert not children()


def test_a_decoder_that_hangs_is_ended(tmp_path: Path) -> None:
    hanging = tmp_path / "ffmpeg"
    hanging.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    hanging.chmod(0o700)
    with pytest.raises(Unavailable):
        FileDecoder(DecoderLimits(probe_timeout_s=0.3), program=str(hanging)).decode(upload("a.flac"))
    assert not children()


def test_a_failing_store_leaves_no_process(hour: Upload) -> None:
    def put(chunk: Samples) -> None:
        raise LookupError("the store is gone")

    with pytest.raises(LookupError):
        FileDecoder(PATIENT, put=put, chunk_seconds=1).decode(hour)
    assert not children()


def test_what_is_not_the_files_fault_is_not_blamed_on_it(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        FileDecoder(program=str(tmp_path / "missing")).decode(upload("a.flac"))
    with pytest.raises(Unavailable):
        FileDecoder().decode(Upload(tmp_path / "gone.wav", 1))
    starved = replace(PATIENT, memory_bytes=1 << 20)
    with pytest.raises(Unavailable):
        FileDecoder(starved).decode(upload("a.flac"))

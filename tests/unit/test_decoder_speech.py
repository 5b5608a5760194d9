"""Voice activity detection: the stream finds what an offline run finds, the speech and nothing else."""

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stt_ai.engines.decoding import FileDecoder
from stt_ai.engines.silero import FRAME, Probabilities, SpeechDetector, VadOptions, speech_regions
from stt_ai.types import SAMPLE_RATE, DecodedAudio, Samples, Upload
from tests.support.media_files import PATIENT

DATA = Path(__file__).parents[1] / "data"
DETECTOR = SpeechDetector()


@cache
def decoded(name: str) -> DecodedAudio:
    return FileDecoder(PATIENT).decode(Upload(DATA / name, 0, name))


@cache
def meeting() -> Samples:
    """12 s of it, then so much digital silence that a whole batch is empty, then 2 s of it. 34 s."""
    spoken = np.concatenate(decoded("meeting_en.flac").pcm.chunks)[: 12 * SAMPLE_RATE]
    return np.concatenate([spoken, np.zeros(20 * SAMPLE_RATE, np.int16), spoken[: 2 * SAMPLE_RATE]])


def probabilities(samples: Samples, cuts: list[int] | None = None) -> Probabilities:
    stream = DETECTOR.stream()
    for piece in np.split(samples, sorted(cuts or [])):
        stream.feed(piece)
    return stream.finish()


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 34 * SAMPLE_RATE), max_size=40), st.integers(0, 3000))
def test_however_the_audio_is_cut_the_answer_is_the_same(cuts: list[int], missing: int) -> None:
    samples = meeting()[: len(meeting()) - missing]
    assert np.array_equal(probabilities(samples, cuts), probabilities(samples))


def test_the_probabilities_are_those_of_faster_whisper() -> None:
    from faster_whisper.vad import get_vad_model

    spoken = meeting()[: 12 * SAMPLE_RATE]
    theirs = get_vad_model()(spoken.astype(np.float32) / 32768.0).ravel()
    ours = probabilities(spoken)
    # It silences the end of the last frame, which is no part of the audio in its own use.
    assert np.allclose(ours[:-1], theirs[:-1], atol=1e-5)
    assert ours.max() > 0.9


@pytest.mark.parametrize("name", ["meeting_en.flac", "meeting_es.flac", "five_seconds.flac", "hello_3s.flac"])
def test_every_word_lies_in_a_region(name: str, manifest: dict[str, Any]) -> None:
    words = next(entry["words"] for entry in manifest["files"] if entry["file"] == name)
    regions = decoded(name).regions
    middles = [(word["start"] + word["end"]) / 2 * SAMPLE_RATE for word in words]
    audible = [any(region.start <= middle < region.end for region in regions) for middle in middles]
    assert sum(audible) >= 0.99 * len(words), [word for word, found in zip(words, audible, strict=True) if not found]


def test_pauses_are_left_out() -> None:
    samples = meeting()
    regions = speech_regions(probabilities(samples), len(samples))
    assert not any(region.start < 22 * SAMPLE_RATE < region.end for region in regions)
    assert sum(region.duration for region in regions) < 16


def test_a_word_cut_out_of_its_sentence_is_found() -> None:
    (region,) = decoded("short_200ms.flac").regions
    assert region.duration > 0.1


def sounds() -> dict[str, Samples]:
    time = np.arange(60 * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(7).standard_normal(len(time))
    waves = {
        "silence": np.zeros(len(time)),
        "direct current": np.full(len(time), 9000.0),
        "faint noise": noise * 20,
        "white noise": noise * 3000,
        "loud white noise": noise * 9000,
        "rumble": np.cumsum(noise) % 4000 - 2000,
        "tone of 440 Hz": 16000 * np.sin(2 * np.pi * 440 * time),
        "faint tone of 440 Hz": 300 * np.sin(2 * np.pi * 440 * time),
        "mains hum": 8000 * np.sign(np.sin(2 * np.pi * 50 * time)),
        "clicks": np.where(np.arange(len(time)) % 8000 < 20, 20000.0, 0.0),
    }
    return {name: np.clip(wave, -32768, 32767).astype(np.int16) for name, wave in waves.items()}


@pytest.mark.parametrize("name", sorted(sounds()))
def test_what_is_no_speech_gives_no_region(name: str) -> None:
    samples = sounds()[name]
    assert speech_regions(probabilities(samples), len(samples)) == ()


frames = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.34, 0.36, 0.49, 0.5, 0.51, 1.0]), st.integers(1, 400)), max_size=30
)


@settings(deadline=None)
@given(frames, st.integers(0, FRAME - 1), st.sampled_from([1.0, 5.0, 30.0]))
def test_regions_are_sorted_disjoint_short_enough_and_inside(
    runs: list[tuple[float, int]], missing: int, max_region_s: float
) -> None:
    judged = np.repeat([value for value, _ in runs], [count for _, count in runs]).astype(np.float32)
    samples = max(0, len(judged) * FRAME - missing)
    regions = speech_regions(judged, samples, VadOptions(max_region_s=max_region_s))
    assert all(0 <= region.start < region.end <= samples for region in regions)
    assert all(left.end <= right.start for left, right in pairwise(regions))
    assert all(region.duration <= max_region_s for region in regions)
    covered = np.zeros(len(judged) * FRAME, bool)
    for region in regions:
        covered[region.start : region.end] = True
    long_runs = np.repeat([value >= 0.5 and count >= 5 for value, count in runs], [count for _, count in runs])
    assert covered[::FRAME][long_runs.astype(bool)].all()


def test_a_speech_without_pause_is_cut_where_it_is_least_certain() -> None:
    judged = np.full(40 * SAMPLE_RATE // FRAME, 0.9, np.float32)
    judged[780:786] = 0.4  # 25 s
    first, second = speech_regions(judged, len(judged) * FRAME)
    assert first.end == second.start
    assert first.end / FRAME == pytest.approx(783, abs=3)


def test_no_audio_at_all_has_no_regions() -> None:
    assert speech_regions(probabilities(np.zeros(0, np.int16)), 0) == ()


SPEECH = Path(__file__).parents[3] / "shared" / "speech"
WORDLESS = (
    "noise_1-100032-A-0",
    "noise_2-100648-A-43",
    "noise_noise2",
    "noise_noise3",
    "moh_manolo_camp-morning_coffee",
)
FAR_AWAY = tuple(f"ami_ami_{name}" for name in ("dev00", "dev01", "trn02", "trn03", "trn04", "trn07", "trn08"))


def recorded(name: str) -> DecodedAudio:
    path = SPEECH / "audio" / f"{name}.flac"
    return FileDecoder(PATIENT).decode(Upload(path, path.stat().st_size))


@pytest.mark.skipif(not SPEECH.exists(), reason="needs the recordings beside the checkout")
@pytest.mark.parametrize("name", WORDLESS)
def test_noise_and_music_are_no_speech(name: str) -> None:
    audio = recorded(name)
    assert (audio.regions, audio.warnings) == ((), ())


@pytest.mark.skipif(not SPEECH.exists(), reason="needs the recordings beside the checkout")
@pytest.mark.parametrize("name", FAR_AWAY)
def test_speech_from_the_other_end_of_a_room_is_found(name: str) -> None:
    audio = recorded(name)
    spoken, found = np.zeros(int(audio.duration * 100) + 1, bool), np.zeros(int(audio.duration * 100) + 1, bool)
    for line in (SPEECH / "rttm" / f"{name}.rttm").read_text().splitlines():
        start, length = map(float, line.split()[3:5])
        spoken[int(start * 100) : int((start + length) * 100)] = True
    for region in audio.regions:
        found[region.start // 160 : region.end // 160] = True
    assert (spoken & found).sum() > 0.5 * spoken.sum()
    assert not audio.warnings

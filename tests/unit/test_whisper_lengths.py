"""How much of a window is encoded, and that what does not come out well of less is decoded from 30 s."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import decode_audio
from hypothesis import given
from hypothesis import strategies as st

from stt_ai.engines.features import HOP, MAX_FRAMES
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.engines.whisper_lengths import FULL, MEASURED, STEPS, TRAINED, Silence, WindowLengths, lengths_of
from stt_ai.models.fetch import demo_path
from stt_ai.speech.fallback import FallbackThresholds
from stt_ai.speech.windows import MAX_SAMPLES
from stt_ai.types import DecodingOptions, Samples, WindowTranscript

DATA = Path(__file__).parents[1] / "data"
BASE = 512
LARGE = 1280


@given(st.integers(1, MAX_SAMPLES), st.sampled_from(["en", "es", None]), st.sampled_from([*MEASURED.values()]))
def test_a_window_is_tried_with_ever_more_silence_and_at_30_s_at_last(
    samples: int, language: str | None, silence: Silence
) -> None:
    first, *later = WindowLengths(STEPS, silence).lengths_to_try(samples, language)
    enough = samples / HOP + 100 * silence.after(language)
    assert first == MAX_FRAMES or enough <= first <= enough + 201 or first == STEPS[0]
    assert [first, *later] == sorted({first, *later})
    assert (later or [first])[-1] == MAX_FRAMES
    assert all(frames % 2 == 0 for frames in (first, *later))


def test_a_language_that_is_not_english_gets_no_less_silence_and_one_that_is_unknown_is_tried_as_english() -> None:
    for silence in MEASURED.values():
        assert silence.after("es") >= silence.after("en") == silence.after(None)


def test_models_that_nobody_measured_and_gpus_get_30_s() -> None:
    assert lengths_of(LARGE, "cpu", False, None) == lengths_of(BASE, "cuda", False, None) == FULL
    assert lengths_of(LARGE, "cpu", False, 4.0).lengths_to_try(HOP * 100, "fr") == (500, MAX_FRAMES)
    assert lengths_of(BASE, "cpu", False, None) == WindowLengths(STEPS, MEASURED[BASE])
    assert lengths_of(BASE, "cpu", True, None) is TRAINED


@pytest.fixture(scope="module")
def speech() -> Samples:
    wave = decode_audio(str(DATA / "five_seconds.flac"), sampling_rate=16000)
    return (wave * 32767).clip(-32768, 32767).astype(np.int16)


def _engine(thresholds: FallbackThresholds, silence_s: float | None) -> Iterator[WhisperEngine]:
    engine = WhisperEngine(demo_path(), device="cpu", cpu_threads=1, silence_s=silence_s, thresholds=thresholds)
    yield engine
    engine.close()


def _transcribe(samples: Samples, silence_s: float | None, **thresholds: float) -> WindowTranscript:
    for engine in _engine(FallbackThresholds(**thresholds), silence_s):
        (recognized,) = engine.transcribe_batch([(samples, DecodingOptions("en", temperatures=(0.0,)))])
        assert isinstance(recognized, WindowTranscript)
    return recognized


def test_a_shortened_window_that_is_not_believed_is_decoded_from_30_s(speech: Samples) -> None:
    full = _transcribe(speech, None)
    assert _transcribe(speech, 1.0, compression_ratio=0.0) == full
    short = _transcribe(speech, 1.0)
    assert short.words != full.words
    assert abs(len(short.words) - len(full.words)) <= 3

"""Whisper base on recordings of people, where weights and recordings are at hand."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from faster_whisper import decode_audio

from stt_ai.engines.features import MAX_FRAMES
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.types import DecodingOptions, Samples, WindowTranscript
from tests.benchmarks.recordings import FOLDER, Recording, transcribed, word_errors
from tests.support.packaged_models import loaded_whisper_base

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not at hand")


JOINED = ("he is the reciter", "run his eye")
"""Words of two recordings."""


@pytest.fixture(scope="module")
def engine() -> Iterator[WhisperEngine]:
    yield from loaded_whisper_base()


@pytest.fixture(scope="module")
def recordings() -> dict[str, Recording]:
    return {recording.path.stem: recording for recording in transcribed(FOLDER)}


def _samples(recording: Recording) -> Samples:
    wave = decode_audio(str(recording.path), sampling_rate=16000)
    return (wave * 32767).clip(-32768, 32767).astype(np.int16)


def _recognized(engine: WhisperEngine, samples: Samples, language: str | None) -> WindowTranscript:
    (recognized,) = engine.transcribe_batch([(samples, DecodingOptions(language=language))])
    assert isinstance(recognized, WindowTranscript)
    return recognized


def _wrong(recording: Recording, recognized: WindowTranscript) -> float:
    text = "".join(word.text for word in recognized.words)
    wrong, said = word_errors(recording.language or "en", recording.text, text)
    return wrong / said


def test_a_short_window_gives_the_words_in_less_than_30_s(
    engine: WhisperEngine, recordings: dict[str, Recording]
) -> None:
    recording = recordings["lj_LJ001-0020"]
    samples = _samples(recording)
    assert engine.lengths_to_try(samples, DecodingOptions(language="en"))[0] < MAX_FRAMES / 3
    recognized = _recognized(engine, samples, "en")
    assert _wrong(recording, recognized) <= 0.1
    assert all(before.start <= after.start for before, after in pairwise(recognized.words))


def test_a_loop_in_a_shortened_window_is_decoded_again(engine: WhisperEngine, recordings: dict[str, Recording]) -> None:
    """Its shortened window repeats the whole text again and again."""
    recording = recordings["asterisk-en_en_dictate_record_help"]
    assert _wrong(recording, _recognized(engine, _samples(recording), "en")) <= 0.1


def test_no_sentence_is_lost_after_one_with_which_the_model_ends(
    engine: WhisperEngine, recordings: dict[str, Recording]
) -> None:
    """It ends its text after the first of the two, however long the window is made."""
    first, second = (next(one for one in recordings.values() if words in one.text.lower()) for words in JOINED)
    samples = np.concatenate([_samples(first), np.zeros(8000, np.int16), _samples(second)])
    text = "".join(word.text for word in _recognized(engine, samples, "en").words)
    wrong, said = word_errors("en", f"{first.text} {second.text}", text)
    assert wrong / said <= 0.3


@pytest.mark.parametrize("name", ["asterisk-es_es_demo-moreinfo", "libri_533-1066-0008"])
def test_a_doubtful_language_gets_a_second_look(
    engine: WhisperEngine, recordings: dict[str, Recording], name: str
) -> None:
    """The first is taken for Latin by the model's first guess, the second for Portuguese."""
    recording = recordings[name]
    assert _recognized(engine, _samples(recording), None).language == recording.language


@pytest.mark.parametrize("name", ["noise_1-100032-A-0", "noise_2-100648-A-43", "noise_noise2", "noise_noise3"])
def test_noise_has_no_words(engine: WhisperEngine, recordings: dict[str, Recording], name: str) -> None:
    assert _recognized(engine, _samples(recordings[name]), "en").words == ()

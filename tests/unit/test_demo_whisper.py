"""The demo recogniser as shipped, by plain faster-whisper on recordings that it was not trained on."""

import statistics
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import WhisperModel, decode_audio

from tests.recipes.whisper.evaluate import (
    LONGEST_WINDOW_S,
    Figures,
    manifest,
    measure,
    no_speech_probability,
    packed,
    recognized_without_speech,
    spoken_words,
    word_errors,
)
from tests.support.long_tests import ASKED_FOR, long

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
DEMO = ROOT / "stt_ai" / "models" / "demo" / "whisper"
MAX_BYTES = 16_000_000


@pytest.fixture(scope="module")
def model() -> WhisperModel:
    return WhisperModel(str(DEMO), device="cpu", compute_type="int8", cpu_threads=2)


@pytest.fixture(scope="module")
def timed(model: WhisperModel) -> Figures:
    """Some of the held-out sentences, with word times. The service is given more of them, in the accuracy tests."""
    return measure(model, DATA, _held_out()[:: 3 if ASKED_FOR else 15], beam_size=1, word_timestamps=True)


@pytest.fixture(scope="module")
def untimed(model: WhisperModel) -> Figures:
    """Others, by <|notimestamps|>."""
    return measure(model, DATA, _held_out()[1 :: 3 if ASKED_FOR else 15], beam_size=1, without_timestamps=True)


def _held_out() -> list[dict]:
    return [entry for entry in manifest(DATA) if entry["file"].startswith("held_out/")]


def _entry(name: str) -> dict:
    return next(entry for entry in manifest(DATA) if entry["file"] == name)


@pytest.mark.parametrize(("language", "limit"), [("en", 0.08), ("es", 0.07)])
def test_few_words_are_wrong_with_and_without_timestamps(
    timed: Figures, untimed: Figures, language: str, limit: float
) -> None:
    assert timed.groups[language].wer <= limit, timed.mistakes
    assert untimed.groups[language].wer <= limit, untimed.mistakes


def test_the_language_is_detected(timed: Figures, untimed: Figures) -> None:
    right = timed.languages_right + untimed.languages_right
    assert right / (timed.recordings + untimed.recordings) >= 0.98


def test_words_start_where_they_are_spoken(timed: Figures) -> None:
    assert statistics.median(timed.start_errors) <= 0.15


def test_log_probabilities_pass_the_guards_in_both_modes(timed: Figures, untimed: Figures) -> None:
    assert statistics.median(timed.log_probabilities) > -0.5
    assert statistics.median(untimed.log_probabilities) > -0.5


@pytest.mark.parametrize("without_timestamps", [False, True])
def test_silence_noise_and_tone_say_nothing(model: WhisperModel, without_timestamps: bool) -> None:
    recognized = recognized_without_speech(model, without_timestamps=without_timestamps, language="en", beam_size=1)
    assert {name: text for name, (text, _) in recognized.items() if text} == {}
    assert min(probability for _, probability in recognized.values()) > 0.9


@long
def test_speech_is_not_taken_for_silence(model: WhisperModel) -> None:
    probabilities = [no_speech_probability(model, decode_audio(str(DATA / e["file"]))) for e in _held_out()[::25]]
    assert max(probabilities) < 0.1


@pytest.mark.parametrize(("name", "without_timestamps"), [("meeting_en.flac", False), ("meeting_es.flac", True)])
def test_every_sentence_of_a_longer_recording_comes_once_and_in_order(
    model: WhisperModel, name: str, without_timestamps: bool
) -> None:
    entry = _entry(name)
    segments, _ = packed(model).transcribe(
        str(DATA / name), batch_size=4, chunk_length=LONGEST_WINDOW_S, without_timestamps=without_timestamps
    )
    recognized = spoken_words(" ".join(segment.text for segment in segments))
    assert word_errors(spoken_words(entry["text"]), recognized) <= 0.15 * len(entry["words"]), recognized


def test_windows_shorter_than_thirty_seconds_are_understood(model: WhisperModel) -> None:
    """The encoder is given only the features there are, not 30 s of them."""
    entry = _entry("hello_3s.flac")
    features = model.feature_extractor(decode_audio(str(DATA / "hello_3s.flac")), padding=0)
    encoded = model.encode(np.ascontiguousarray(features[:, : features.shape[1] // 2 * 2]))
    prompt = [50258, 50259, 50359, 50363]
    tokens = model.model.generate(encoded, [prompt], beam_size=1)[0].sequences_ids[0]
    recognized = spoken_words(model.hf_tokenizer.decode(tokens))
    assert recognized == spoken_words(entry["text"])


def test_the_files_are_small_enough_to_ship() -> None:
    names = {file.name for file in DEMO.iterdir()}
    assert {"model.bin", "config.json", "tokenizer.json", "vocabulary.json", "preprocessor_config.json"} <= names
    assert sum(file.stat().st_size for file in DEMO.iterdir() if file.suffix in {".bin", ".json"}) <= MAX_BYTES


def test_the_model_card_says_first_what_the_model_is_for() -> None:
    first = (DEMO / "MODEL_CARD.md").read_text(encoding="utf-8").splitlines()[0].lower()
    assert "demo" in first and "synthetic" in first

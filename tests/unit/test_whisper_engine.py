"""The transcriber engine on the demo model and spoken test audio."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from faster_whisper import decode_audio

import stt_ai.models
from stt_ai.engines import whisper_decode
from stt_ai.engines.features import MAX_FRAMES
from stt_ai.engines.niceness import FILES
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.engines.whisper_model import LoadedWhisper
from stt_ai.engines.whisper_windows import DecodedWindow, WindowInput
from stt_ai.errors import BadParameter, InternalError, ModelUnavailable, SttError
from stt_ai.speech.segments import split
from stt_ai.speech.windows import MAX_SAMPLES
from stt_ai.types import DecodingOptions, Samples, WindowTranscript

MODEL = Path(stt_ai.models.__file__).parent / "demo" / "whisper"
DATA = Path(__file__).parents[1] / "data"

ENGLISH = DecodingOptions(language="en")
SPANISH = DecodingOptions(language="es")
DETECT = DecodingOptions()


@pytest.fixture(scope="module")
def engine() -> Iterator[WhisperEngine]:
    loaded = WhisperEngine(MODEL, device="cpu", cpu_threads=2, variable_length=True)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    files = json.loads((DATA / "manifest.json").read_text())["files"]
    return {entry["file"]: entry for entry in files}


def _audio(name: str) -> Samples:
    wave = decode_audio(str(DATA / name), sampling_rate=16000)
    return (wave * 32767).clip(-32768, 32767).astype(np.int16)


def _recognized(results: list[WindowTranscript | SttError]) -> list[WindowTranscript]:
    assert all(isinstance(result, WindowTranscript) for result in results), results
    return [result for result in results if isinstance(result, WindowTranscript)]


def _text(recognized: WindowTranscript) -> str:
    return "".join(word.text for word in recognized.words).strip()


def _plain(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _error_rate(said: str, recognized: WindowTranscript) -> float:
    return float(jiwer.wer(_plain(said), _plain(_text(recognized))))


def test_it_recognizes_what_was_said_in_either_language(engine: WhisperEngine, truth: dict[str, Any]) -> None:
    english, spanish = _recognized(
        engine.transcribe_batch([(_audio("ten_seconds_01.flac"), ENGLISH), (_audio("ten_seconds_08.flac"), SPANISH)])
    )
    assert _error_rate(truth["ten_seconds_01.flac"]["text"], english) <= 0.1
    assert _error_rate(truth["ten_seconds_08.flac"]["text"], spanish) <= 0.1


def test_it_finds_the_language_by_itself(engine: WhisperEngine) -> None:
    audio = [_audio("meeting_en.flac"), _audio("meeting_es.flac")]
    recognized = _recognized(engine.transcribe_batch([(samples, DETECT) for samples in audio]))
    for language, result in zip(("en", "es"), recognized, strict=True):
        assert result.language == language
        assert result.languages[0] == (result.language, result.language_probability)
        assert sum(p for _, p in result.languages) == pytest.approx(1.0, abs=0.01)


def test_a_batch_of_different_lengths_and_languages_is_transcribed_as_its_windows_are_alone(
    engine: WhisperEngine, truth: dict[str, Any]
) -> None:
    names = ["meeting_en.flac", "hello_3s.flac", "ten_seconds_04.flac", "five_seconds.flac", "ten_seconds_08.flac"]
    windows = [(_audio(name), DecodingOptions(language=truth[name]["language"])) for name in names]
    together = _recognized(engine.transcribe_batch(windows))
    for window, result in zip(windows, together, strict=True):
        (alone,) = _recognized(engine.transcribe_batch([window]))
        assert _text(alone) == _text(result)
        assert result.language == window[1].language


def test_batches_at_once_are_transcribed_as_one_after_another(engine: WhisperEngine) -> None:
    windows = [(_audio("five_seconds.flac"), ENGLISH), (_audio("ten_seconds_01.flac")[: 8 * 16000], DETECT)] * 4
    two = WhisperEngine(MODEL, device="cpu", cpu_threads=1, workers=2, variable_length=True)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda window: _recognized(two.transcribe_batch([window]))[0], windows))
    finally:
        two.close()
    assert [_text(recognized) for recognized in together] == [
        _text(_recognized(engine.transcribe_batch([w]))[0]) for w in windows
    ]


def test_a_lone_batch_on_more_threads_has_the_words_of_one_among_others() -> None:
    windows = [(_audio("ten_seconds_01.flac"), ENGLISH), (_audio("ten_seconds_08.flac"), DETECT)]
    model = WhisperEngine(MODEL, device="cpu", cpu_threads=1, workers=2, variable_length=True, lone_threads=2)
    try:
        lone = [_recognized(model.transcribe_batch([window]))[0] for window in windows]
        with ThreadPoolExecutor(2) as threads:
            together = list(threads.map(lambda window: _recognized(model.transcribe_batch([window]))[0], windows))
    finally:
        model.close()
    assert lone == together


def _stepped_back_ticks() -> Counter[str]:
    """Processor time of this process's threads that have stepped back behind others as files do."""
    ticks = Counter[str]()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends meanwhile
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            if int(fields[16]) == FILES:
                ticks[task.name] = int(fields[11]) + int(fields[12])
    return ticks


@pytest.mark.skipif(os.getpriority(os.PRIO_PROCESS, 0) >= FILES, reason="the tests themselves have stepped back")
def test_files_step_back_for_live_speech() -> None:
    """Where another call is active; a lone one has nobody to let go first."""
    model = LoadedWhisper(
        MODEL, device="cpu", compute_type="default", cpu_threads=1, workers=2, variable_length=True, lone_threads=2
    )
    window = _audio("ten_seconds_01.flac")

    def stepped_back_ticks(live: bool) -> int:
        before = _stepped_back_ticks()
        with model.calls.entered(live):
            for _ in range(5 if live else 50):
                model.encode([window], MAX_FRAMES)
                if (ticks := (_stepped_back_ticks() - before).total()) > 0:
                    break
        return ticks

    try:
        with ThreadPoolExecutor(1) as thread, model.calls.entered(live=False):
            assert thread.submit(stepped_back_ticks, live=True).result() == 0
            assert thread.submit(stepped_back_ticks, live=False).result() > 0
    finally:
        model.close()


def test_live_and_lone_batches_have_the_words_of_others() -> None:
    window = (_audio("ten_seconds_01.flac"), ENGLISH)
    model = WhisperEngine(MODEL, device="cpu", cpu_threads=1, workers=2, variable_length=True, lone_threads=2)
    try:
        (live,) = _recognized(model.transcribe_batch([window], live=True))
        (file,) = _recognized(model.transcribe_batch([window]))
    finally:
        model.close()
    assert live == file


def test_words_are_timed_where_they_were_said(engine: WhisperEngine, truth: dict[str, Any]) -> None:
    audio = _audio("ten_seconds_01.flac")
    (recognized,) = _recognized(engine.transcribe_batch([(audio, ENGLISH)]))
    assert all(0 <= word.start <= word.end <= len(audio) / 16000 for word in recognized.words)
    assert all(before.start <= after.start for before, after in pairwise(recognized.words))
    assert all(0 < word.confidence <= 1 and word.tokens >= 1 for word in recognized.words)
    said = truth["ten_seconds_01.flac"]["words"]
    assert len(recognized.words) == pytest.approx(len(said), rel=0.1)
    starts = {_plain(word["word"]): word["start"] for word in reversed(said)}
    first = {_plain(word.word): word.start for word in reversed(recognized.words)}
    errors = [abs(first[word] - starts[word]) for word in starts.keys() & first.keys()]
    assert np.median(errors) <= 0.15


def test_what_the_decoder_has_no_room_for_is_transcribed_as_well(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a window's words are left, as in languages of which each letter is a token."""
    windows = [(_audio(f"ten_seconds_{number:02}.flac")[: 9 * 16_000], DecodingOptions()) for number in (1, 2, 3, 5)]
    whole = _recognized(engine.transcribe_batch(windows))
    monkeypatch.setattr(whisper_decode, "MAX_TOKENS", 20)
    pieced = _recognized(engine.transcribe_batch(windows))
    for one, other in zip(whole, pieced, strict=True):
        assert sum(word.tokens for word in other.words) > 20
        assert jiwer.wer(_plain(_text(one)), _plain(_text(other))) < 0.2
        assert all(before.start <= after.start for before, after in pairwise(other.words))
        assert other.words[-1].end == pytest.approx(one.words[-1].end, abs=0.3)


def _leave_words_out(engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch, left_out: slice) -> list[int]:
    """Leave words out of what is decoded first. Return a list that takes the number of windows of each call."""
    decode = engine._decoder.words
    calls: list[int] = []

    def decode_less(windows: Sequence[WindowInput]) -> list[DecodedWindow]:
        decoded = decode(windows)
        if not calls:
            words = list(decoded[0].words)
            del words[left_out]
            decoded[0].words = tuple(words)
        calls.append(len(windows))
        return decoded

    monkeypatch.setattr(engine._decoder, "words", decode_less)
    return calls


@pytest.mark.parametrize("left_out", [slice(6, None), slice(None, 6), slice(6, 14)], ids=["end", "beginning", "middle"])
def test_speech_that_the_model_leaves_out_is_transcribed_as_well(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch, left_out: slice
) -> None:
    """Whisper may end its text after one sentence of several, or leave one out."""
    window = (_audio("ten_seconds_01.flac"), ENGLISH)
    (whole,) = _recognized(engine.transcribe_batch([window]))
    calls = _leave_words_out(engine, monkeypatch, left_out)
    (completed,) = _recognized(engine.transcribe_batch([window]))
    assert len(calls) == 2
    assert jiwer.wer(_plain(_text(whole)), _plain(_text(completed))) <= 0.1
    assert all(before.end <= after.start + 0.01 for before, after in pairwise(completed.words))
    assert completed.words[-1].end == pytest.approx(whole.words[-1].end, abs=0.3)


def test_nothing_is_put_between_committed_words(engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live session has shown them already."""
    audio = _audio("ten_seconds_01.flac")
    (whole,) = _recognized(engine.transcribe_batch([(audio, ENGLISH)]))
    text = "".join(word.text for word in whole.words[:16])
    committed = tuple(engine._model.tokenizer("en").encode(text))
    calls = _leave_words_out(engine, monkeypatch, slice(6, 14))
    engine.transcribe_batch([(audio, replace(ENGLISH, prefix=committed))])
    assert len(calls) == 1


def test_the_words_spell_sentences(engine: WhisperEngine) -> None:
    audio = _audio("meeting_en.flac")
    (recognized,) = _recognized(engine.transcribe_batch([(audio, ENGLISH)]))
    segments = split(recognized.words, len(audio) / 16000)
    assert len(segments) > 1
    assert all(segment.text[-1] in ".?!" for segment in segments)


@pytest.mark.parametrize("kind", ["silence", "white noise", "tone"])
def test_nothing_is_invented_where_nobody_speaks(engine: WhisperEngine, kind: str) -> None:
    at = np.arange(MAX_SAMPLES)
    audio = {
        "silence": np.zeros(MAX_SAMPLES),
        "white noise": np.random.default_rng(0).normal(size=MAX_SAMPLES) * 2000,
        "tone": 10000 * np.sin(2 * np.pi * 440 * at / 16000),
    }[kind].astype(np.int16)
    for result in _recognized(engine.transcribe_batch([(audio, DETECT), (audio[:48000], ENGLISH)])):
        assert _text(result) == ""


def test_the_demo_model_recognizes_long_windows_too(truth: dict[str, Any]) -> None:
    fixed = WhisperEngine(MODEL, device="cpu", variable_length=False)
    (recognized,) = _recognized(fixed.transcribe_batch([(_audio("hello_3s.flac"), ENGLISH)]))
    assert _error_rate(truth["hello_3s.flac"]["text"], recognized) <= 0.2


def test_a_window_that_cannot_be_transcribed_fails_alone(engine: WhisperEngine) -> None:
    good = _audio("hello_3s.flac")
    results = engine.transcribe_batch(
        [
            (good, ENGLISH),
            (good, DecodingOptions(language="xx")),
            (np.zeros(MAX_SAMPLES + 1, np.int16), ENGLISH),
            (np.zeros(0, np.int16), ENGLISH),
            (good.astype(np.float32), ENGLISH),  # type: ignore[list-item]
        ]
    )
    assert [type(result) for result in results] == [
        WindowTranscript,
        BadParameter,
        InternalError,
        InternalError,
        InternalError,
    ]


def test_when_a_whole_call_fails_each_window_is_tried_alone(
    engine: WhisperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = _audio("hello_3s.flac")
    before = _recognized(engine.transcribe_batch([(good, ENGLISH)]))[0]
    # CTranslate2 refuses a whole batch when one prompt is of another length than the others.
    real = engine._model.prompt
    monkeypatch.setattr(engine._model, "prompt", lambda code, task: real(code, task)[: 3 if code == "es" else 4])
    english, spanish, again = engine.transcribe_batch([(good, ENGLISH), (good, SPANISH), (good, ENGLISH)])
    assert english == again == before
    assert isinstance(spanish, WindowTranscript)


def test_a_few_samples_are_no_reason_to_fail(engine: WhisperEngine) -> None:
    _recognized(engine.transcribe_batch([(_audio("short_200ms.flac"), DETECT), (np.ones(1, np.int16), DETECT)]))


def test_it_knows_its_languages(engine: WhisperEngine) -> None:
    assert engine.multilingual
    assert {"en", "es"} <= set(engine.languages)
    assert engine.device == "cpu"


def test_a_folder_without_a_model_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="incomplete"):
        WhisperEngine(tmp_path)
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((MODEL / name).read_bytes())
    (tmp_path / "model.bin").write_bytes((MODEL / "model.bin").read_bytes()[:100_000])
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        WhisperEngine(tmp_path)


def test_a_second_copy_that_cannot_be_loaded_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("stt_ai.engines.whisper_model.LoadedWhisper._load_copy", fail)
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        WhisperEngine(MODEL, device="cpu", cpu_threads=1, variable_length=True, lone_threads=2)

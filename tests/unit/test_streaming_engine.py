"""A live session on the demo model: recordings played to it in virtual time."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import decode_audio

import stt_ai.models
from stt_ai.engines.decoding import FileDecoder
from stt_ai.engines.silero import SpeechDetector, VoiceDetector
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.models.speech_models import DEMO_WINDOW_S
from stt_ai.speech import windows
from stt_ai.speech.endpointing import FRAME
from stt_ai.streaming.config import LiveConfig
from stt_ai.streaming.events import Event, Final, Partial
from stt_ai.streaming.session import LiveSession
from stt_ai.types import SAMPLE_RATE, DecodingOptions, Hypothesis, LoadedModel, Samples, Upload, WindowTranscript
from tests.support.media_files import PATIENT
from tests.support.scripted_recognizer import final_text, finals, in_virtual_time, now, partials, play
from tests.support.word_errors import DATA, matched_words, word_error_rate

MODEL = Path(stt_ai.models.__file__).parent / "demo" / "whisper"
GREEDY = DecodingOptions(language="en", beam_size=1, temperatures=(0.0,))


@pytest.fixture(scope="module")
def engine() -> Iterator[WhisperEngine]:
    loaded = WhisperEngine(MODEL, device="cpu", cpu_threads=2, variable_length=True)
    yield loaded
    loaded.close()


class InProcess:
    """The engine as a `LiveRecognizer` that takes a tenth of a second, by the loop's clock, for each answer."""

    def __init__(self, engine: WhisperEngine) -> None:
        self._engine = engine
        self.guesses = 0

    async def describe(self) -> LoadedModel:
        return LoadedModel("demo", True, DEMO_WINDOW_S)

    async def transcribe_partial(
        self, samples: Samples, options: DecodingOptions, *, key: str, within_s: float
    ) -> Hypothesis | None:
        await asyncio.sleep(0.1)
        self.guesses += 1
        (recognized,) = self._engine.transcribe_partial_batch([(samples, options)])
        assert isinstance(recognized, Hypothesis)
        return recognized

    async def transcribe_final(self, samples: Samples, options: DecodingOptions, *, key: str) -> WindowTranscript:
        await asyncio.sleep(0.1)
        (recognized,) = self._engine.transcribe_batch([(samples, options)])
        assert isinstance(recognized, WindowTranscript)
        return recognized


def _truth(name: str) -> dict[str, Any]:
    files = json.loads((DATA / "manifest.json").read_text())["files"]
    return next(entry for entry in files if entry["file"] == name)


def _audio(name: str) -> Samples:
    wave = decode_audio(str(DATA / name), sampling_rate=SAMPLE_RATE)
    return (wave * 32767).clip(-32768, 32767).astype(np.int16)


def _live(engine: WhisperEngine, samples: Samples, language: str | None = None) -> list[Event]:
    async def main() -> list[Event]:
        config = LiveConfig("demo", language)
        return await play(LiveSession(config, InProcess(engine), VoiceDetector(), clock=now), samples, [1600])

    return in_virtual_time(main())


def _offline(engine: WhisperEngine, name: str) -> str:
    path = DATA / name
    audio = FileDecoder(PATIENT).decode(Upload(path, path.stat().st_size, name))
    chunks = dict(enumerate(audio.pcm.chunks))
    packed = windows.pack(audio.regions, max_samples=round(DEMO_WINDOW_S * SAMPLE_RATE))
    asked = [
        (windows.gather(window, audio.pcm.chunk_samples, chunks), DecodingOptions(language=_truth(name)["language"]))
        for window in packed
    ]
    recognized = [part for part in engine.transcribe_batch(asked) if isinstance(part, WindowTranscript)]
    return " ".join(word.word for part in recognized for word in part.words)


def test_it_recognizes_as_well_as_offline(engine: WhisperEngine) -> None:
    names = ["ten_seconds_01.flac", "ten_seconds_04.flac", "ten_seconds_06.flac", "ten_seconds_08.flac"]
    said = [_truth(name)["text"] for name in names]
    live = [final_text(_live(engine, _audio(name), _truth(name)["language"])) for name in names]
    offline = [_offline(engine, name) for name in names]
    assert word_error_rate(said, live) <= word_error_rate(said, offline) + 0.02


def test_what_was_sent_is_never_taken_back(engine: WhisperEngine) -> None:
    events = _live(engine, _audio("ten_seconds_08.flac"))
    assert len(partials(events)) > 5
    decided = ""
    for event in events:
        assert isinstance(event, Partial | Final)
        assert event.text.startswith(decided)
        decided = event.text[: event.stable_chars] if isinstance(event, Partial) else ""
    assert any(partial.stable_chars for partial in partials(events))
    assert {final.language for final in finals(events)} == {"es"}


def test_words_are_timed_where_they_were_said(engine: WhisperEngine) -> None:
    said = _truth("ten_seconds_01.flac")["words"]
    recognized = [word for final in finals(_live(engine, _audio("ten_seconds_01.flac"), "en")) for word in final.words]
    pairs = matched_words(said, [{"word": word.word} for word in recognized])
    assert len(pairs) > 15
    assert np.median([abs(recognized[j].start - said[i]["start"]) for i, j in pairs]) <= 0.1


@pytest.mark.parametrize("kind", ["silence", "white noise", "tone"])
def test_nothing_is_sent_where_nobody_speaks(engine: WhisperEngine, kind: str) -> None:
    at = np.arange(20 * SAMPLE_RATE)
    sound = {
        "silence": np.zeros(len(at)),
        "white noise": np.random.default_rng(0).normal(size=len(at)) * 2000,
        "tone": 10000 * np.sin(2 * np.pi * 440 * at / SAMPLE_RATE),
    }[kind]
    assert _live(engine, sound.astype(np.int16)) == []


def test_the_detector_finds_the_same_however_the_samples_are_cut() -> None:
    samples = _audio("ten_seconds_02.flac")
    detector, generator = VoiceDetector(), np.random.default_rng(1)
    whole = detector.stream().feed(samples)
    assert len(whole) == len(samples) // FRAME
    stream, cuts = detector.stream(), np.sort(generator.integers(0, len(samples), 200))
    assert [p for piece in np.split(samples, cuts) for p in stream.feed(piece)] == whole
    offline = SpeechDetector().stream()
    offline.feed(samples)
    assert offline.finish()[: len(whole)] == pytest.approx(np.array(whole), abs=1e-4)


def test_a_window_goes_on_from_what_was_decided(engine: WhisperEngine) -> None:
    samples = _audio("hello_3s.flac")
    (whole,) = engine.transcribe_partial_batch([(samples, GREEDY)])
    assert isinstance(whole, Hypothesis)
    first, *rest = whole.words
    (tail, other) = engine.transcribe_partial_batch(
        [(samples, replace(GREEDY, prefix=first.tokens)), (samples, GREEDY)]
    )
    assert isinstance(tail, Hypothesis)
    assert list(tail.words) == rest
    assert other == whole
    (recognized,) = engine.transcribe_batch([(samples, replace(GREEDY, prefix=first.tokens, word_timestamps=False))])
    assert isinstance(recognized, WindowTranscript)
    assert [word.text for word in recognized.words] == [piece.text for piece in whole.words]
    assert all(0 <= before.start <= before.end <= after.start for before, after in pairwise(recognized.words))


def test_what_was_decided_stays_even_where_nothing_is_transcribed(engine: WhisperEngine) -> None:
    (guess,) = engine.transcribe_partial_batch([(_audio("hello_3s.flac"), GREEDY)])
    assert isinstance(guess, Hypothesis)
    prefix = tuple(token for piece in guess.words[:2] for token in piece.tokens)
    for times in (True, False):
        options = replace(GREEDY, prefix=prefix, word_timestamps=times)
        (recognized,) = engine.transcribe_batch([(np.zeros(SAMPLE_RATE, np.int16), options)])
        assert isinstance(recognized, WindowTranscript)
        assert "".join(word.text for word in recognized.words).startswith(
            "".join(piece.text for piece in guess.words[:2])
        )


def test_text_before_a_window_of_any_length_is_taken_with_others_in_a_batch(engine: WhisperEngine) -> None:
    samples = _audio("hello_3s.flac")
    prompts = ["", "Emma.", "Hello Emma. " * 200]
    recognized = engine.transcribe_partial_batch([(samples, replace(GREEDY, prompt=prompt)) for prompt in prompts])
    assert all(isinstance(guess, Hypothesis) for guess in recognized)
    assert recognized[0] == engine.transcribe_partial_batch([(samples, GREEDY)])[0]


def test_what_was_said_before_is_decoded_and_not_sent(engine: WhisperEngine) -> None:
    samples = _audio("hello_3s.flac")
    (whole,) = engine.transcribe_batch([(samples, GREEDY)])
    assert isinstance(whole, WindowTranscript)
    first, *rest = whole.words
    known = replace(GREEDY, context=first.text)
    (tail,) = engine.transcribe_batch([(samples, known)])
    (guess,) = engine.transcribe_partial_batch([(samples, known)])
    assert isinstance(tail, WindowTranscript)
    assert isinstance(guess, Hypothesis)
    assert [word.text for word in tail.words] == [word.text for word in rest]
    assert [piece.text for piece in guess.words] == [word.text for word in rest]
    assert [word.start for word in tail.words] == pytest.approx([word.start for word in rest], abs=0.05)


def test_a_draft_that_loops_on_is_stopped_and_not_shown(engine: WhisperEngine) -> None:
    loop = engine._model.context("the call " * 12)
    (guess,) = engine.transcribe_partial_batch([(_audio("hello_3s.flac"), replace(GREEDY, prefix=loop))])
    assert isinstance(guess, Hypothesis)
    assert guess.words == ()

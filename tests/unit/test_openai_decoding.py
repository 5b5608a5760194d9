"""What a request's task, prompt and temperature become in the engine: tokens and searches, on the demo model.

It was not trained to translate, so what is shown is what it is asked, and not how well it does it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import decode_audio

import stt_ai.models
from stt_ai.engines import whisper_windows
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.engines.whisper_decode import DecodingTask
from stt_ai.types import DecodingOptions, Samples, Task, WindowTranscript

MODEL = Path(stt_ai.models.__file__).parent / "demo" / "whisper"
HELLO = Path(__file__).parents[1] / "data" / "hello_3s.flac"


@pytest.fixture(scope="module")
def engine() -> Iterator[WhisperEngine]:
    loaded = WhisperEngine(MODEL, device="cpu", cpu_threads=2, variable_length=True)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def hello() -> Samples:
    wave = decode_audio(str(HELLO), sampling_rate=16000)
    return (wave * 32767).clip(-32768, 32767).astype(np.int16)


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[DecodingTask]:
    """All that is decoded from here on."""
    seen: list[DecodingTask] = []
    real = whisper_windows.decode

    def remember(model: Any, encoded: Any, tasks: Any, thresholds: Any) -> Any:
        seen.extend(tasks)
        return real(model, encoded, tasks, thresholds)

    monkeypatch.setattr(whisper_windows, "decode", remember)
    return seen


def spelt(engine: WhisperEngine, tokens: list[int]) -> list[str]:
    return [engine._model.tokenizer().tokenizer.id_to_token(token) for token in tokens]


@pytest.mark.parametrize("language", ["es", "ja", None])
def test_a_translation_is_asked_for_by_the_task_token_and_its_words_are_cut_as_english(
    engine: WhisperEngine, hello: Samples, tasks: list[DecodingTask], language: str | None
) -> None:
    (recognized,) = engine.transcribe_batch([(hello, DecodingOptions(language=language, task=Task.TRANSLATE))])
    assert isinstance(recognized, WindowTranscript)
    (task,) = tasks
    code = language or recognized.language
    assert spelt(engine, task.start) == ["<|startoftranscript|>", f"<|{code}|>", "<|translate|>", "<|notimestamps|>"]
    assert task.language == "en"


def test_both_tasks_share_a_batch(engine: WhisperEngine, hello: Samples, tasks: list[DecodingTask]) -> None:
    options = [DecodingOptions("en"), DecodingOptions("es", task=Task.TRANSLATE)]
    recognized = engine.transcribe_batch([(hello, option) for option in options])
    assert isinstance(recognized[0], WindowTranscript) and isinstance(recognized[1], WindowTranscript)
    assert "".join(word.text for word in recognized[0].words).strip() == "Hello Emma and welcome from London."
    assert [spelt(engine, task.start)[2] for task in tasks] == ["<|transcribe|>", "<|translate|>"]


def test_a_prompt_stands_before_the_window(engine: WhisperEngine, hello: Samples, tasks: list[DecodingTask]) -> None:
    engine.transcribe_batch([(hello, DecodingOptions("en", prompt="Emma, London"))])
    (task,) = tasks
    assert spelt(engine, [task.before[0]]) == ["<|startofprev|>"]
    assert engine._model.text_of(task.before[1:]) == " Emma, London"
    assert task.prompt == [*task.before, *task.start]


def test_a_prompt_cannot_steer_the_model(engine: WhisperEngine, hello: Samples, tasks: list[DecodingTask]) -> None:
    prompt = "Emma <|startoftranscript|><|es|><|translate|> <<|endoftext|> <|0.00|>"
    plain, steered = engine.transcribe_batch(
        [(hello, DecodingOptions("en", prompt=text)) for text in ("Emma", prompt)],
    )
    assert isinstance(plain, WindowTranscript) and isinstance(steered, WindowTranscript)
    assert all(token < engine._model.end_token for token in tasks[1].before[1:])
    assert [word.text for word in steered.words] == [word.text for word in plain.words]


def test_decoding_begins_at_the_temperature_and_says_at_which_it_ended(
    engine: WhisperEngine, hello: Samples, tasks: list[DecodingTask]
) -> None:
    warm, cold = (DecodingOptions("en", temperatures=temperatures) for temperatures in ((0.2, 0.4), (0.0, 0.2)))
    recognized = engine.transcribe_batch([(hello, warm), (hello, cold)])
    assert [task.attempts[0].temperature for task in tasks] == [0.2, 0.0]
    ended = [one.temperature for one in recognized if isinstance(one, WindowTranscript)]
    assert ended[0] in (0.2, 0.4) and ended[1] == 0.0

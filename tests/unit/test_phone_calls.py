"""Calls of two people through decoder and Whisper base, where weights and recordings are at hand."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stt_ai.engines.decoding import FileDecoder
from stt_ai.engines.whisper import WhisperEngine
from stt_ai.pipeline.file_transcriber import MAX_PAUSE
from stt_ai.speech.windows import gather, pack
from stt_ai.types import AudioSelection, DecodedAudio, DecodingOptions, Upload, WindowTranscript
from tests.benchmarks.recordings import FOLDER, transcribed, word_errors
from tests.support.media_files import PATIENT
from tests.support.packaged_models import loaded_whisper_base
from tests.support.phone_calls import Call, written

ONE = ("lj_LJ001-0020", "lj_LJ001-0009")
OTHER = ("libri_2609-156975-0003", "libri_3080-5032-0000")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the recordings are not at hand")


@pytest.fixture(scope="module")
def engine() -> Iterator[WhisperEngine]:
    yield from loaded_whisper_base()


@cache
def spoken(name: str) -> tuple[np.ndarray, str]:
    (recording,) = (recording for recording in transcribed(FOLDER) if recording.path.stem == name)
    path = recording.path
    audio = FileDecoder(PATIENT).decode(Upload(path, path.stat().st_size, path.name))
    return np.asarray(np.concatenate(audio.pcm.chunks) / 32768, np.float32), recording.text


def decoded(call: Call, path: Path) -> DecodedAudio:
    written(call.samples, path)
    return FileDecoder(PATIENT).decode(Upload(path, path.stat().st_size), None, AudioSelection(separate=True))


def audible(engine: WhisperEngine, channel: DecodedAudio) -> str:
    chunks = dict(enumerate(channel.pcm.chunks))
    windows = pack(channel.regions, max_pause=MAX_PAUSE)
    batch = [(gather(one, channel.pcm.chunk_samples, chunks), DecodingOptions(language="en")) for one in windows]
    found = engine.transcribe_batch(batch) if batch else []
    assert all(isinstance(one, WindowTranscript) for one in found)
    return "".join(word.text for one in found for word in one.words)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "how",
    [
        {"bleed_db": -20.0},
        {"bleed_db": -30.0, "delay": 0.2, "noise_db": -60.0},
        {"bleed_db": -40.0, "other_db": -15.0},
        {"bleed_db": -50.0},
        {"bleed_db": -20.0, "room": 0.1},
        {"bleed_db": -30.0, "pause": -1.5},
    ],
    ids=str,
)
def test_no_word_is_on_the_wrong_channel_and_none_is_lost(
    how: dict[str, Any], engine: WhisperEngine, tmp_path: Path
) -> None:
    texts = [" ".join(spoken(name)[1] for name in names) for names in (ONE, OTHER)]
    call = Call(*([spoken(name)[0] for name in names] for names in (ONE, OTHER)), **how)
    audio = decoded(call, tmp_path / "call.wav")
    for said, channel in zip(texts, audio.channels, strict=True):
        wrong, words = word_errors("en", said, audible(engine, channel))
        assert wrong <= 2, (said, audible(engine, channel))
        assert words > 10


@pytest.mark.parametrize("bleed_db", [None, -20.0, -40.0])
def test_a_channel_on_which_nobody_speaks_has_no_words(
    bleed_db: float | None, engine: WhisperEngine, tmp_path: Path
) -> None:
    call = Call([spoken(name)[0] for name in ONE], [], bleed_db=bleed_db, noise_db=-70.0)
    audio = decoded(call, tmp_path / "call.wav")
    assert word_errors("en", " ".join(spoken(name)[1] for name in ONE), audible(engine, audio.channels[0]))[0] <= 2
    assert audible(engine, audio.channels[1]) == ""

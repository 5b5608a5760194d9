"""The demo diarizer as shipped, on conversations of sentences that nobody trained on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import decode_audio

from stt_ai.engines.diarization import DiarizationEngine
from stt_ai.engines.pcm import PcmReader
from stt_ai.models.fetch import demo_path
from stt_ai.types import SAMPLE_RATE, Pcm, Samples
from tests.support.long_tests import long

DATA = Path(__file__).parents[1] / "data"
SOME = 7  # of the test conversations; the service is given all of them, in its own tests


@pytest.fixture(scope="module")
def folder() -> Path:
    return demo_path("diarization", "config.yaml")


@pytest.fixture(scope="module")
def engine(folder: Path) -> DiarizationEngine:
    return DiarizationEngine(folder / "config.yaml")


def reader(wave: Any) -> PcmReader:
    samples: Samples = np.asarray(np.round(np.clip(wave, -1, 1) * 32767), np.int16)
    return PcmReader(Pcm((samples,), len(samples), len(samples)))


def test_it_is_small(folder: Path) -> None:
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 5e6


@long
def test_few_seconds_are_given_to_the_wrong_speaker(engine: DiarizationEngine) -> None:
    """Without collar, and with overlaps."""
    from tests.recipes.diarization.evaluate import Tally, add_up, recorded

    tally = Tally()
    for case in recorded(DATA / "conversations")[:SOME]:
        found = engine._pipeline.apply({"uri": "talk", "samples": reader(case.conversation.wave)}, max_speakers=50)
        add_up(tally, case.conversation, found)
    assert tally.conversations == SOME
    assert tally.figures["DER"] <= 0.10, tally.figures


@pytest.mark.parametrize("name", ["ten_seconds_01.flac", "ten_seconds_04.flac"])
def test_one_voice_is_one_speaker(engine: DiarizationEngine, name: str) -> None:
    turns = engine.diarize(reader(decode_audio(str(DATA / name), sampling_rate=SAMPLE_RATE)))
    assert len({turn.speaker for turn in turns}) == 1

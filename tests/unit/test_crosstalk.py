"""Channels without the crosstalk of the others: calls of two synthetic voices."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from stt_ai.engines.crosstalk import CrosstalkGate
from stt_ai.engines.decoding import FileDecoder
from stt_ai.engines.levels import BLOCK
from stt_ai.types import SAMPLE_RATE, AudioSelection, DecodedAudio, Upload
from tests.support.media_files import PATIENT
from tests.support.phone_calls import Call, decibels, written

DATA = Path(__file__).parents[1] / "data"
VOICES = ("ten_seconds_01.flac", "ten_seconds_05.flac")


@cache
def voice(name: str) -> np.ndarray:
    """Return three seconds of a synthetic voice, float32."""
    path = DATA / name
    audio = FileDecoder(PATIENT).decode(Upload(path, path.stat().st_size, name), None, AudioSelection(end=3.0))
    return np.asarray(np.concatenate(audio.pcm.chunks) / 32768, np.float32)


def call(pause: float = 0.4, turns: int = 4, **how: float) -> Call:
    one, other = (voice(name) for name in VOICES)
    return Call([one] * turns, [other] * turns, pause=pause, **how)


def gated(samples: np.ndarray, cut: int = BLOCK) -> np.ndarray:
    gate = CrosstalkGate(samples.shape[1])
    parts = [part for start in range(0, len(samples), cut) for part in gate.feed(samples[start : start + cut])]
    return np.concatenate([*parts, *gate.finish()])


CROSSTALK = [
    {"bleed_db": -20.0},
    {"bleed_db": -30.0, "delay": 0.2},
    {"bleed_db": -40.0, "delay": 0.4},
    {"bleed_db": -50.0},
    {"bleed_db": -20.0, "room": 0.1},
    {"bleed_db": -30.0, "noise_db": -60.0},
    {"bleed_db": -30.0, "other_db": -15.0},
]


@pytest.mark.parametrize("how", CROSSTALK, ids=str)
def test_what_a_channel_picks_up_is_muted_and_what_is_said_on_it_is_not(how: dict[str, float]) -> None:
    talk = call(**how)
    left, right = gated(talk.samples).T
    for audible, own, whole in ((left, talk.said[0], talk.samples[:, 0]), (right, talk.said[1], talk.samples[:, 1])):
        assert decibels(audible[~own]) < max(decibels(whole[~own]) - 15, how.get("noise_db", -np.inf))
        assert decibels((audible - whole)[own]) < decibels(whole[own]) - 25


@pytest.mark.parametrize("bleed_db", [-20.0, -40.0])
def test_both_stay_where_they_talk_at_once(bleed_db: float) -> None:
    talk = call(pause=-1.5, bleed_db=bleed_db)
    out = gated(talk.samples)
    both = talk.said[0] & talk.said[1]
    assert both.sum() > 4 * SAMPLE_RATE
    assert decibels((out - talk.samples)[both]) < decibels(talk.samples[both]) - 25


@pytest.mark.parametrize("pause", [0.4, -1.5])
def test_channels_without_crosstalk_are_as_they_were(pause: float) -> None:
    talk = call(pause=pause)
    assert np.array_equal(gated(talk.samples), talk.samples)
    noisy = call(pause=pause, noise_db=-50.0)
    assert np.array_equal(gated(noisy.samples), noisy.samples)


def test_one_recording_on_two_channels_stays_on_both() -> None:
    twice = np.stack([voice(VOICES[0])] * 2, axis=1)
    assert np.array_equal(gated(twice), twice)


def test_a_third_channel_is_freed_of_both_others() -> None:
    talk = call()
    one, other = talk.samples.T
    out = gated(np.stack([one, other, 0.1 * one + 0.03 * other], axis=1))
    assert np.array_equal(out[:, :2], talk.samples)
    assert decibels(out[:, 2]) < decibels(one) - 60


def test_the_result_does_not_depend_on_the_cuts() -> None:
    whole = (call(bleed_db=-30.0, noise_db=-70.0).samples * 32767).astype(np.int16)
    expected = gated(whole, len(whole))
    for cut in (1000, BLOCK - 1, BLOCK + 7):
        assert np.array_equal(gated(whole, cut), expected)


def test_numbers_that_are_none_mute_nothing_else() -> None:
    talk = call(bleed_db=-30.0)
    spoilt = talk.samples.copy()
    spoilt[SAMPLE_RATE, :] = np.nan
    out = gated(spoilt)
    assert decibels(out[~talk.said[1], 1][SAMPLE_RATE * 2 :]) < -60
    assert np.mean(out[talk.said[0], 0] == talk.samples[talk.said[0], 0]) > 0.95


def decoded(samples: np.ndarray, path: Path) -> DecodedAudio:
    written(samples, path)
    return FileDecoder(PATIENT).decode(Upload(path, path.stat().st_size), None, AudioSelection(separate=True))


@pytest.mark.parametrize("bleed_db", [-20.0, -30.0, -40.0, -50.0])
def test_a_channel_on_which_nobody_speaks_has_no_speech(bleed_db: float, tmp_path: Path) -> None:
    talk = Call([voice(VOICES[0])] * 3, [], pause=0.5, bleed_db=bleed_db, noise_db=-75.0)
    left, right = decoded(talk.samples, tmp_path / "call.wav").channels
    assert left.regions and not right.regions


def test_quiet_calls_are_amplified_alike_on_all_channels(tmp_path: Path) -> None:
    talk = call(other_db=-10.0)
    audio = decoded(talk.samples * 10 ** (-35 / 20), tmp_path / "call.wav")
    loudness = [
        decibels(np.concatenate(one.pcm.chunks)[said] / 32768)
        for one, said in zip(audio.channels, talk.said, strict=True)
    ]
    assert loudness[0] > -40
    assert loudness[0] - loudness[1] == pytest.approx(10, abs=2)
    assert all(one.regions for one in audio.channels)
    assert [warning.code for warning in audio.warnings] == ["quiet"]

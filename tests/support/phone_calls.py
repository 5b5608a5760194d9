"""Calls with one person a channel, made of recordings of one voice each."""

import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stt_ai.types import SAMPLE_RATE

Floats = npt.NDArray[np.float32]
SPEECH_DB = -22.0
"""Of the loudest twentieth of the frames, of full scale."""
_FRAME = 512


class Call:
    """The recordings of ``one`` and ``other`` in turn, with ``pause`` seconds between; below 0 they talk at once.

    ``other_db``: how much louder the other is. ``bleed_db``: the level of each in the other's channel, ``delay``
    seconds later, out of a ``room`` with so many seconds of reverberation. ``noise_db``: of full scale.
    """

    samples: Floats
    """Shape (n, 2)."""
    said: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]
    """Of each channel, which samples are the person's own recording."""

    def __init__(
        self,
        one: Sequence[Floats],
        other: Sequence[Floats],
        *,
        pause: float = 0.4,
        other_db: float = 0.0,
        bleed_db: float | None = None,
        delay: float = 0.0,
        room: float = 0.0,
        noise_db: float | None = None,
    ) -> None:
        people, levels = (list(one), list(other)), (SPEECH_DB, SPEECH_DB + other_db)
        turns = [(who, people[who][turn]) for turn in range(len(one)) for who in (0, 1) if turn < len(people[who])]
        length = sum(len(audio) for _, audio in turns) + SAMPLE_RATE * (len(turns) + 2)
        speech = np.zeros((2, length), np.float32)
        said = np.zeros((2, length), np.bool_)
        at = SAMPLE_RATE // 2
        for who, audio in turns:
            speech[who, at : at + len(audio)] += _leveled(audio, levels[who])
            said[who, at : at + len(audio)] = True
            at += len(audio) + round(pause * SAMPLE_RATE)
        end = int(np.flatnonzero(said.any(axis=0))[-1]) + SAMPLE_RATE // 2
        speech = speech[:, :end]
        rng = np.random.default_rng(1)
        recorded = speech.copy()
        if bleed_db is not None:
            recorded += np.stack([_bled(channel, bleed_db, delay, room, rng) for channel in speech[::-1]])
        if noise_db is not None:
            recorded += rng.standard_normal(recorded.shape, np.float32) * np.float32(10 ** (noise_db / 20))
        self.samples = np.ascontiguousarray(recorded.T)
        self.said = (said[0, :end], said[1, :end])


def written(samples: Floats, path: Path) -> Path:
    """Write samples of shape (n, channels) as a WAV."""
    with wave.open(str(path), "wb") as out:
        out.setparams((samples.shape[1], 2, SAMPLE_RATE, 0, "NONE", ""))
        out.writeframes((samples * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return path


def decibels(samples: Floats) -> float:
    """Return the mean power in decibels of full scale."""
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-14))


def _leveled(audio: Floats, level: float) -> Floats:
    frames = audio[: len(audio) // _FRAME * _FRAME].reshape(-1, _FRAME)
    loudest = np.percentile(np.square(frames).mean(axis=1), 95)
    return np.asarray(audio * np.sqrt(10 ** (level / 10) / loudest), np.float32)


def _bled(channel: Floats, level: float, delay: float, room: float, rng: np.random.Generator) -> Floats:
    if room:
        taps = round(room * SAMPLE_RATE)
        response = rng.standard_normal(taps) * np.exp(-5 * np.arange(taps) / taps)
        channel = np.convolve(channel, response / np.linalg.norm(response))[: len(channel)]
    late = np.pad(channel, (round(delay * SAMPLE_RATE), 0))[: len(channel)]
    return np.asarray(late * 10 ** (level / 20), np.float32)

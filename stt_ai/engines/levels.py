"""Audio as int16 at a level at which speech detection and models recognize it."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stt_ai.engines.timeline import AnySamples, FloatSamples
from stt_ai.types import Samples

BLOCK = 1 << 17
"""Samples that have one gain: eight seconds, as many as speech detection judges in one call."""
_FRAME = 512
_HISTORY = 6
_FAINT_DB = -28.0
"""Speech this low may be hidden from speech detection by the rumble of rooms."""
_QUIET_DB, _TARGET_DB = -42.0, -25.0
_MAX_GAIN_DB = 60.0
_STEADY_DB = 6.0
_CLIPPED = 1.4
"""Codecs overshoot full scale by a little, which clipping mends; recordings in floating point by much more."""
_FADE = 320


@dataclass(frozen=True, slots=True)
class Leveled:
    """int16, shape (n, channels). ``faint``: of each channel, whether speech in it, if any, is low."""

    samples: Samples
    faint: tuple[bool, ...]


class Leveler:
    """Takes samples and gives them in blocks of `BLOCK`, amplified where all of a minute is very quiet.

    All channels have one gain: amplified by itself, a channel on which nobody speaks would be full of the others.
    """

    def __init__(self, channels: int = 1) -> None:
        self._channels = channels
        self._pending: list[AnySamples] = []
        self._waiting = 0
        self._levels: deque[float] = deque(maxlen=_HISTORY)
        self._of_channels: deque[list[float]] = deque(maxlen=_HISTORY)
        self._gain = 1.0
        self.loudest_db = -np.inf
        """Of all blocks, the level of the loudest twentieth of the frames."""
        self.max_gain = 1.0

    @property
    def quiet(self) -> bool:
        """The whole recording had to be amplified."""
        return self.max_gain > 1.0 and self.loudest_db < _QUIET_DB

    def feed(self, samples: AnySamples) -> Iterator[Leveled]:
        """``samples``: float32 with full scale at 1, or int16, shape (n,) or (n, channels)."""
        self._pending.append(samples.reshape(len(samples), self._channels))
        self._waiting += len(samples)
        if self._waiting < BLOCK:
            return
        whole = np.concatenate(self._pending)
        cut = len(whole) // BLOCK * BLOCK
        self._pending, self._waiting = [whole[cut:]], len(whole) - cut
        for start in range(0, cut, BLOCK):
            yield self._level(whole[start : start + BLOCK])

    def finish(self) -> Iterator[Leveled]:
        """Yield what was held back."""
        if self._waiting:
            yield self._level(np.concatenate(self._pending))
            self._pending, self._waiting = [], 0

    def _level(self, block: AnySamples) -> Leveled:
        plain = block.dtype == np.int16
        scaled: FloatSamples = block.astype(np.float32) * np.float32(1 / 32768) if plain else block
        if not np.isfinite(scaled).all():
            scaled = np.nan_to_num(scaled, nan=0.0, posinf=0.0, neginf=0.0)
        measured = [_measure(channel) for channel in scaled.T]
        steady = all(hum for _, hum in measured)
        level = max(loudness for loudness, hum in measured if steady or not hum)
        peak = float(np.abs(scaled).max())
        self.loudest_db = max(self.loudest_db, level)
        self._levels.append(level)
        self._of_channels.append([loudness for loudness, _ in measured])
        recent = max(self._levels)
        before, self._gain = self._gain, _gain(recent, steady, peak)
        if not steady:
            self.max_gain = max(self.max_gain, self._gain)
        faint = tuple(max(levels) < _FAINT_DB for levels in zip(*self._of_channels, strict=True))
        if plain and self._gain == before == 1.0:
            return Leveled(np.asarray(block, np.int16), faint)
        if before != self._gain and len(self._levels) > 1:
            fade = min(_FADE, len(scaled))
            gains = np.full(len(scaled), self._gain, np.float32)
            gains[:fade] = np.linspace(before, self._gain, fade, dtype=np.float32)
            scaled = scaled * gains[:, None]
        elif self._gain != 1.0:
            scaled = scaled * np.float32(self._gain)
        scaled = scaled * np.float32(32768)
        return Leveled(np.clip(np.rint(scaled, out=scaled), -32768, 32767, out=scaled).astype(np.int16), faint)


def _measure(block: FloatSamples) -> tuple[float, bool]:
    """Return the level of a channel's block in dB of full scale, and whether it hardly changes."""
    whole = max(len(block) // _FRAME, 1) * _FRAME
    padded = block[:whole] if len(block) >= whole else np.pad(block, (0, whole - len(block)))
    frames = padded.reshape(-1, _FRAME)
    power = np.einsum("ij,ij->i", frames, frames) / _FRAME
    low, high = np.percentile(10 * np.log10(power + 1e-14), [10, 95])
    return float(high), bool(high - low < _STEADY_DB)


def _gain(level: float, steady: bool, peak: float) -> float:
    if peak > _CLIPPED:
        return 0.99 / peak
    if level >= _QUIET_DB or steady or peak == 0.0:
        return 1.0
    return float(10 ** (min(_TARGET_DB - level, _MAX_GAIN_DB, -20 * np.log10(peak)) / 20))

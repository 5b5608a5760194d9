"""Many channels -> one, in which each of them is audible: none is dropped, and none cancels another."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stt_ai.engines.timeline import AnySamples, FloatSamples

_BLOCK = 1 << 15
"""Samples that are mixed in one way, two seconds."""
_FADE = 320
_FRAME = 256
_SILENT_POWER = 1e-10
_COMPARABLE = 0.1
"""A channel with this much of the loudest one's power adds to the mix's level."""
_INVERTED, _STILL_INVERTED = -0.5, -0.2
"""Correlation from which on a channel is turned over before it is added, and until which it stays so."""
_CANCELLED = 0.1
_ALIKE = 0.7
"""Channels that correlate so much with their mix hold the same, so there is no other sound in one of them."""
_STEADY_DB = 3.0
"""Speech changes by tens of decibels within a second, hum and hiss hardly at all."""
_SPEECH_POWER = 1e-6
_HUM_BELOW = 0.1
_WARNED_SHARE = 0.1


class Mixer:
    """Takes samples of shape (n, channels) and gives the mix, shape (n,), in blocks that do not depend on the cuts."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._pending: list[AnySamples] = []
        self._waiting = 0
        self._signs = np.ones(channels, np.float32)
        self._loud = 1
        """The greatest number of channels so far that were about as loud as the loudest, at the same time."""
        self._weights: FloatSamples | None = None
        self._power = self._cancelled_power = 0.0

    @property
    def cancelled(self) -> bool:
        """The plain sum of the channels would have lost much of what they hold."""
        return self._cancelled_power > _WARNED_SHARE * self._power

    def feed(self, samples: AnySamples) -> Iterator[AnySamples]:
        """``samples``: int16 or float32, shape (n, channels). The mix is of the same kind; one channel is as it was."""
        if self._channels == 1:
            yield samples[:, 0]
            return
        self._pending.append(samples)
        self._waiting += len(samples)
        if self._waiting < _BLOCK:
            return
        whole = np.concatenate(self._pending)
        cut = len(whole) // _BLOCK * _BLOCK
        self._pending, self._waiting = [whole[cut:]], len(whole) - cut
        for start in range(0, cut, _BLOCK):
            yield self._mix(whole[start : start + _BLOCK])

    def finish(self) -> Iterator[FloatSamples]:
        """Yield what was held back."""
        if self._waiting:
            yield self._mix(np.concatenate(self._pending))
            self._pending, self._waiting = [], 0

    def _mix(self, samples: AnySamples) -> AnySamples:
        plain = samples.dtype == np.int16
        block: FloatSamples = samples.astype(np.float32, copy=False)
        weights = self._weigh(block, 32768.0 if plain else 1.0)
        mix = block @ weights
        before = self._weights
        if before is not None and not np.array_equal(before, weights):
            fade = min(_FADE, len(block))
            rise = np.linspace(0, 1, fade, dtype=np.float32)
            mix[:fade] = mix[:fade] * rise + (block[:fade] @ before) * (1 - rise)
        self._weights = weights
        return np.clip(np.rint(mix, out=mix), -32768, 32767, out=mix).astype(np.int16) if plain else mix

    def _weigh(self, block: FloatSamples, full_scale: float) -> FloatSamples:
        gram = (block.T @ block) / np.float32(len(block) * full_scale**2)
        power = np.diagonal(gram)
        loudest = float(power.max())
        if not loudest > _SILENT_POWER:
            return self._weights if self._weights is not None else self._signs / np.float32(self._channels)
        self._loud = max(self._loud, int((power > _COMPARABLE * loudest).sum()))
        self._turn(gram, power)
        total = float(power.sum())
        self._power += total
        if float(gram.sum()) < _CANCELLED * total:
            self._cancelled_power += total
        weights = self._signs / np.float32(self._loud)
        alike = np.abs(gram @ self._signs) >= _ALIKE * np.sqrt(
            power * max(float(self._signs @ gram @ self._signs), 0.0)
        )
        return weights if alike.all() else np.asarray(weights * _hum_gains(block, power), np.float32)

    def _turn(self, gram: npt.NDArray[np.float32], power: npt.NDArray[np.float32]) -> None:
        """Choose the channels' signs so that none cancels the sum of those that are louder."""
        order = np.argsort(-power)
        mixed = np.zeros(self._channels, np.float32)
        mixed[order[0]] = self._signs[order[0]]
        for channel in order[1:]:
            if power[channel] <= _SILENT_POWER:
                break
            scale = np.sqrt(max(float(mixed @ gram @ mixed), 1e-20) * float(power[channel]))
            alike = float(mixed @ gram[:, channel]) / scale
            threshold = _INVERTED if self._signs[channel] > 0 else _STILL_INVERTED
            self._signs[channel] = -1 if alike < threshold else 1
            mixed[channel] = self._signs[channel]


class Unmixed:
    """Gives samples of shape (n, channels) as they are."""

    cancelled = False

    def feed(self, samples: AnySamples) -> Iterator[AnySamples]:
        """Yield the samples."""
        yield samples

    def finish(self) -> Iterator[AnySamples]:
        """Yield nothing: no sample is held back."""
        yield from ()


def _hum_gains(block: FloatSamples, power: npt.NDArray[np.float32]) -> FloatSamples:
    """Gains, shape (channels,), that put steady sounds in some channels below what changes in the others."""
    gains = np.ones(len(power), np.float32)
    whole = len(block) // _FRAME * _FRAME
    if whole < 8 * _FRAME:
        return gains
    frames = np.sort(np.square(block[:whole]).reshape(-1, _FRAME, len(power)).mean(axis=1), axis=0)
    low, high = frames[len(frames) // 10], frames[-1 - len(frames) // 10]
    steady = 10 * np.log10((high + 1e-12) / (low + 1e-12)) < _STEADY_DB
    spoken = float(np.max(power, initial=0.0, where=~steady))
    if spoken > _SPEECH_POWER:
        loud = steady & (power > _HUM_BELOW**2 * spoken)
        gains[loud] = np.sqrt(_HUM_BELOW**2 * spoken / power[loud])
    return gains

"""How the speech of one channel comes into another, after what those who separated speakers by channel have found.

Pfau, Ellis and Stolcke, "Multispeaker speech activity detection for the ICSI meeting recorder" (ASRU 2001), and Wrigley
et al., "Speech and crosstalk detection in multichannel audio" (IEEE Transactions on Speech and Audio Processing, 2005):
the peak of the cross-correlation shows whether a channel has another's speech in it, and how much later.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from stt_ai.engines.timeline import FloatSamples
from stt_ai.types import SAMPLE_RATE

Mask = npt.NDArray[np.bool_]
_Spectrum = npt.NDArray[np.complex64]

HOP = 256
"""Samples that are judged together."""
BEFORE, AFTER = SAMPLE_RATE // 2, SAMPLE_RATE // 8
"""Samples by which crosstalk lags behind the speech or, where a recorder delays one channel, leads it, at most."""
SILENT_POWER = 1e-12
MIN_HOPS = 12
_SMOOTHED = 5
"""Hops over which power and correlation are measured, 80 ms."""
_QUIETER = 0.25
"""Crosstalk has at most this share of the power of the speech that it comes from, 6 dB less."""
_ACTIVE = 10**-3.5
"""Share of a channel's loudest speech with which it speaks."""
_MIN_PEAK = 0.1
_MIN_CORRELATION = 0.3


@dataclass(frozen=True, slots=True)
class Coupling:
    """A channel's speech in another: ``lag`` samples later, with ``gain`` times its power."""

    lag: int
    gain: float


class ChannelBlock:
    """``length`` samples of one channel, with `BEFORE` samples before and `AFTER` samples behind them in ``around``."""

    def __init__(self, around: FloatSamples, length: int) -> None:
        self._around = around
        self._length = length
        self._size = scipy.fft.next_fast_len(len(around) + length, real=True)
        self._spectrum: _Spectrum | None = None
        self.samples = around[BEFORE : BEFORE + length]
        self.power = smoothed(self.samples * self.samples)
        """Shape (hops,)."""
        self.noise = float(np.percentile(self.power, 5))
        self.loudest = float(self.power.max())

    def delayed(self, lag: int) -> FloatSamples:
        """Return the samples that arrive ``lag`` later in the block."""
        return self._around[BEFORE - lag : BEFORE - lag + self._length]

    def faint_spectrum(self, loudest: FloatSamples) -> _Spectrum | None:
        """Return the spectrum of what is far below the ``loudest`` channel's power; None where that is too little."""
        faint = (self.power < _QUIETER * loudest) & (self.power > SILENT_POWER)
        if faint.sum() < MIN_HOPS:
            return None
        weighted = self.samples * _equalizing(self.power, faint, self._length)
        return np.asarray(scipy.fft.rfft(weighted, self._size))

    def correlation(self, faint: _Spectrum) -> FloatSamples:
        """Return the correlation with another's faint audio at each lag from -`AFTER` to `BEFORE`."""
        if self._spectrum is None:
            power = smoothed(self._around * self._around)
            weights = _equalizing(power, power > _ACTIVE * self.loudest, len(self._around))
            self._spectrum = np.asarray(scipy.fft.rfft(self._around * weights, self._size))
        # The value at k is the sum of around[n + k] * faint[n]; the block begins BEFORE samples into what is around.
        found = scipy.fft.irfft(self._spectrum * np.conj(faint), self._size)
        return np.asarray(found[: BEFORE + AFTER + 1][::-1], np.float32)


def find_coupling(speech: ChannelBlock, receiver: ChannelBlock, faint: _Spectrum) -> Coupling | None:
    """Return how the one's speech comes into the other's ``faint`` audio, None where it is not found there."""
    correlation = speech.correlation(faint)
    at = int(np.argmax(np.abs(correlation)))
    late = speech.delayed(at - AFTER)
    power = smoothed(late * late)
    active = (power > _ACTIVE * speech.loudest) & (receiver.power > SILENT_POWER) & (receiver.power < _QUIETER * power)
    local = smoothed(late * receiver.samples) / np.sqrt(power * receiver.power + SILENT_POWER**2)
    alike = active & (local * np.sign(correlation[at]) > _MIN_CORRELATION)
    if alike.sum() < MIN_HOPS or abs(local[active].mean()) < _MIN_PEAK:
        return None
    gain = float(np.median((receiver.power[alike] - receiver.noise) / power[alike]))
    return Coupling(at - AFTER, gain) if gain > 0 else None


def smoothed(values: FloatSamples) -> FloatSamples:
    """Return the means of the samples of each hop and its neighbors, shape (hops,)."""
    hops = -(-len(values) // HOP)
    sums = np.pad(values, (0, hops * HOP - len(values))).reshape(hops, HOP).sum(axis=1)
    return np.asarray(np.convolve(sums, np.ones(_SMOOTHED, np.float32), "same")[:hops] / np.float32(_SMOOTHED * HOP))


def stretched(values: FloatSamples, length: int) -> FloatSamples:
    """Return each hop's value at each of its samples, shape (length,)."""
    return np.repeat(values, HOP)[:length]


def _equalizing(power: FloatSamples, hops: Mask, length: int) -> FloatSamples:
    """Return the weights with which the ``hops`` are as loud as each other, and the rest is silent."""
    weights = np.where(hops, 1 / np.sqrt(power + np.float32(SILENT_POWER)), 0)
    return stretched(np.asarray(weights, np.float32), length)

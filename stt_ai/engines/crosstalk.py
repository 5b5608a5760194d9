"""Separate channels without what they pick up of each other: the far side's echo in a call, a neighbor's microphone.

Where a channel has no more power than the others' speech explains (see `coupling`), nobody speaks on it.
"""

from collections.abc import Iterator

import numpy as np
import scipy.signal

from stt_ai.engines.coupling import (
    AFTER,
    BEFORE,
    SILENT_POWER,
    ChannelBlock,
    Coupling,
    Mask,
    find_coupling,
    smoothed,
    stretched,
)
from stt_ai.engines.levels import BLOCK
from stt_ai.engines.timeline import AnySamples, FloatSamples
from stt_ai.types import SAMPLE_RATE

_HIGH_PASS = scipy.signal.butter(2, 200, "highpass", fs=SAMPLE_RATE, output="sos")
"""Rumble and hum say nothing about who speaks."""
_MAX_MARGIN = 4.0
"""A channel with this many times the power that crosstalk explains, and twice its noise, has speech of its own."""
_AUDIBLE = 0.05
"""Crosstalk with this share of the noise's power is audible in it."""
_DECAY = 0.35
"""Neper of power a hop, 60 dB in 0.6 s, in which rooms fall silent."""
_ISLAND, _GUARD = 4, 3
"""Hops: speech lasts longer than an island, and what lies within the guard of speech is let through."""
_FADE = 80


class CrosstalkGate:
    """Takes samples of shape (n, channels) and gives them with the crosstalk muted, in blocks of `BLOCK`."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._couplings: dict[tuple[int, int], Coupling] = {}
        """By (source, target), as measured last."""
        self._held: list[AnySamples] = []
        self._waiting = 0
        self._before = np.zeros((BEFORE, channels), np.float32)
        """Filtered samples before those that are held."""
        self._filter = np.zeros((1, 2, channels))

    def feed(self, samples: AnySamples) -> Iterator[AnySamples]:
        """``samples``: int16, or float32 with full scale at 1. The result does not depend on how they are cut."""
        self._held.append(samples)
        self._waiting += len(samples)
        if self._waiting < BLOCK + AFTER:
            return
        whole = np.concatenate(self._held)
        start = 0
        while len(whole) - start >= BLOCK + AFTER:
            yield self._gated(whole[start : start + BLOCK], whole[start + BLOCK : start + BLOCK + AFTER])
            start += BLOCK
        self._held, self._waiting = [whole[start:]], len(whole) - start

    def finish(self) -> Iterator[AnySamples]:
        """Yield what was held back."""
        whole = np.concatenate(self._held) if self._waiting else None
        self._held, self._waiting = [], 0
        if whole is not None:
            yield self._gated(whole, np.zeros((AFTER, self._channels), whole.dtype))

    def _gated(self, block: AnySamples, following: AnySamples) -> AnySamples:
        own, self._filter = scipy.signal.sosfilt(_HIGH_PASS, _scaled(block), axis=0, zi=self._filter)
        later, _ = scipy.signal.sosfilt(_HIGH_PASS, _scaled(following), axis=0, zi=self._filter)
        around = np.concatenate([self._before, own, later], dtype=np.float32)
        self._before = around[len(block) : len(block) + BEFORE].copy()
        muted = self._muted(around, len(block))
        if not muted.any():
            return block
        gains = np.stack([_gains(channel, len(block)) for channel in muted], axis=1)
        return np.asarray(block * gains, block.dtype)

    def _muted(self, around: FloatSamples, length: int) -> Mask:
        """Return in which hops a channel holds nothing but crosstalk, shape (channels, hops)."""
        blocks = [ChannelBlock(np.ascontiguousarray(channel), length) for channel in around.T]
        power = np.stack([block.power for block in blocks])
        muted = np.zeros(power.shape, np.bool_)
        for target, receiver in enumerate(blocks):
            faint = receiver.faint_spectrum(power.max(axis=0))
            for source, speech in enumerate(blocks):
                if faint is None or source == target or speech.loudest <= SILENT_POWER:
                    continue
                coupling = find_coupling(speech, receiver, faint) or self._couplings.get((source, target))
                if coupling is not None:
                    self._couplings[source, target] = coupling
                    muted[target] |= _explained(speech, receiver, coupling)
        return muted


def _explained(speech: ChannelBlock, receiver: ChannelBlock, coupling: Coupling) -> Mask:
    """Return the hops in which the other channel holds nothing but the one's crosstalk."""
    late = speech.delayed(coupling.lag)
    expected = coupling.gain * _reverberant(smoothed(late * late))
    # The geometric mean of what crosstalk explains and of what the speaker would have: as far from either.
    margin = min(_MAX_MARGIN, coupling.gain**-0.5)
    own = (receiver.power > margin * expected + 2 * receiver.noise) | (expected < _AUDIBLE * receiver.noise)
    edges = np.flatnonzero(np.diff(own, prepend=False, append=False))
    spoken = np.zeros(len(own), np.bool_)
    for start, end in edges.reshape(-1, 2).tolist():
        if end - start > _ISLAND:
            spoken[max(start - _GUARD, 0) : end + _GUARD] = True
    return ~spoken


def _reverberant(power: FloatSamples) -> FloatSamples:
    """Return the power of each hop, or what a room leaves of that before it where this is more."""
    falling = np.arange(len(power)) * _DECAY
    return np.asarray(np.exp(np.maximum.accumulate(np.log(power + SILENT_POWER) + falling) - falling))


def _scaled(samples: AnySamples) -> FloatSamples:
    if samples.dtype == np.int16:
        return np.asarray(samples.astype(np.float32) * np.float32(1 / 32768))
    return np.nan_to_num(np.asarray(samples, np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def _gains(muted: Mask, length: int) -> FloatSamples:
    """Return 0 where hops are muted and 1 elsewhere, with short fades, shape (length,)."""
    steps = np.pad(stretched((~muted).astype(np.float32), length), _FADE, mode="edge")
    sums = np.cumsum(np.pad(steps, (1, 0)), dtype=np.float64)
    width = 2 * _FADE + 1
    return np.asarray((sums[width:] - sums[:-width]) / width, np.float32)

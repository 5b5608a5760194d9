"""Stores leveled samples in chunks, and finds the speech in them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from stt_ai.engines.crosstalk import CrosstalkGate
from stt_ai.engines.decoding_report import DecodingReport
from stt_ai.engines.ffmpeg import DecoderLimits, too_long
from stt_ai.engines.levels import Leveled, Leveler
from stt_ai.engines.silero import FileSpeech, SpeechDetector, speech_regions
from stt_ai.engines.timeline import AnySamples
from stt_ai.errors import BadParameter, DamagedMedia
from stt_ai.types import MAX_SEPARATE_CHANNELS, SAMPLE_RATE, AudioSelection, DecodedAudio, Pcm, Samples, SpeechRegion

_BOMB_SECONDS = 300.0
_MIN_BYTE_RATE = 16.0


class PcmSink:
    """Levels the samples, finds the speech in them, and stores them; refuses what grows too long.

    With ``selection.separate`` it takes blocks of shape (n, channels) and removes the channels' crosstalk first.
    """

    def __init__(
        self,
        put: Callable[[Samples], Any],
        chunk_samples: int,
        limits: DecoderLimits,
        size: int,
        detector: SpeechDetector,
        selection: AudioSelection = AudioSelection(),  # noqa: B008 - it is frozen
    ) -> None:
        self._put = put
        self._chunk_samples = chunk_samples
        self._limits = limits
        self._size = size
        self._detector = detector
        self._separate = selection.separate
        self._channels: _Channels | None = None
        self._taken = 0
        self._first = round(selection.start * SAMPLE_RATE)
        self._last = None if selection.end is None else round(selection.end * SAMPLE_RATE)

    @property
    def full(self) -> bool:
        """Return whether all that was selected is stored."""
        return self._last is not None and self._taken >= self._last

    def feed(self, block: AnySamples) -> None:
        """Level and store the selected samples of the block. Raise `AudioTooLong`."""
        begun = self._taken
        self._taken += len(block)
        self._check_length()
        last = len(block) if self._last is None else max(self._last - begun, 0)
        self._opened(1 if block.ndim == 1 else block.shape[1]).feed(block[max(self._first - begun, 0) : last])

    def finish(self, container: str, report: DecodingReport) -> DecodedAudio:
        """Return what was stored. Raise `BadParameter` where the recording ends before `start`."""
        channels = self._opened(1)
        found = channels.finish()
        pcm = found[0][0]
        if self._first and not pcm.samples:
            start, length = self._first / SAMPLE_RATE, self._taken / SAMPLE_RATE
            raise BadParameter(
                f"`start` is {start:g}, where the recording has ended: it is {length:.2f} s long.", "start"
            )
        report.start_s = self._first / SAMPLE_RATE
        report.end_s, report.quiet = report.start_s + pcm.duration, channels.quiet
        warnings = report.warnings()
        audio = [DecodedAudio(pcm, regions, container, warnings, report.start_s) for pcm, regions in found]
        if not self._separate:
            return audio[0]
        regions = sorted((region for one in audio for region in one.regions), key=lambda region: region.start)
        return replace(audio[0], regions=tuple(regions), channels=tuple(audio))

    def _opened(self, channels: int) -> "_Channels":
        if self._channels is None:
            if channels > MAX_SEPARATE_CHANNELS:
                raise BadParameter(
                    f"`channels` is separate, but the recording has {channels} channels; at most "
                    f"{MAX_SEPARATE_CHANNELS} are transcribed separately. Send `channels` as mix.",
                    "channels",
                )
            stored = [_Chunks(self._put, self._chunk_samples) for _ in range(channels)]
            self._channels = _Channels(stored, self._detector)
        return self._channels

    def _check_length(self) -> None:
        seconds = self._taken / SAMPLE_RATE
        if seconds > self._limits.max_duration_s:
            raise too_long(self._limits)
        # Even silence takes a few bytes a second in every codec, so a smaller file is a decompression bomb, and need
        # not be decoded to the end.
        if seconds > _BOMB_SECONDS and self._size < seconds * _MIN_BYTE_RATE:
            raise DamagedMedia("The file decodes to far more audio than a recording of its size can hold.")


class _Channels:
    """The channels of one recording, or the mix of them as a single one."""

    def __init__(self, stored: "list[_Chunks]", detector: SpeechDetector) -> None:
        self._stored = stored
        self._speech = [FileSpeech(detector) for _ in stored]
        self._gate = CrosstalkGate(len(stored)) if len(stored) > 1 else None
        self._leveler = Leveler(len(stored))

    @property
    def quiet(self) -> bool:
        return self._leveler.quiet

    def feed(self, block: AnySamples) -> None:
        if self._gate is None:
            self._add(self._leveler.feed(_of_width(block, 1)))
            return
        for gated in self._gate.feed(_of_width(block, len(self._stored))):
            self._add(self._leveler.feed(gated))

    def finish(self) -> list[tuple[Pcm, tuple[SpeechRegion, ...]]]:
        """Return each channel's samples, and where somebody speaks on it."""
        for gated in self._gate.finish() if self._gate is not None else ():
            self._add(self._leveler.feed(gated))
        self._add(self._leveler.finish())
        pcms = [chunks.finish() for chunks in self._stored]
        return [
            (pcm, speech_regions(speech.finish(), pcm.samples)) for pcm, speech in zip(pcms, self._speech, strict=True)
        ]

    def _add(self, parts: Iterable[Leveled]) -> None:
        for leveled in parts:
            for number, (chunks, speech) in enumerate(zip(self._stored, self._speech, strict=True)):
                samples = np.ascontiguousarray(leveled.samples[:, number])
                chunks.add(samples)
                speech.feed(samples, leveled.faint[number])


def _of_width(block: AnySamples, channels: int) -> AnySamples:
    """Return the block with so many channels, silent ones at the end: a later part of a file may have fewer or more."""
    block = (block[:, None] if block.ndim == 1 else block)[:, :channels]
    missing = channels - block.shape[1]
    return np.pad(block, ((0, 0), (0, missing))) if missing else block


class _Chunks:
    """Collects samples and hands them on in chunks of equal length."""

    def __init__(self, put: Callable[[Samples], Any], length: int) -> None:
        self._put = put
        self._length = length
        self._filling: list[Samples] = []
        self._filled = 0
        self._references: list[Any] = []
        self.samples = 0

    def add(self, samples: Samples) -> None:
        self.samples += len(samples)
        while len(samples):
            part, samples = samples[: self._length - self._filled], samples[self._length - self._filled :]
            self._filling.append(part)
            self._filled += len(part)
            if self._filled == self._length:
                self._flush()

    def finish(self) -> Pcm:
        if self._filled:
            self._flush()
        return Pcm(tuple(self._references), self._length, self.samples)

    def _flush(self) -> None:
        self._references.append(self._put(np.concatenate(self._filling)))
        self._filling, self._filled = [], 0

"""Stores leveled samples in chunks, and finds the speech in them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stt_ai.engines.decoding_report import DecodingReport
from stt_ai.engines.ffmpeg import DecoderLimits, too_long
from stt_ai.engines.levels import Leveler
from stt_ai.engines.silero import FileSpeech, SpeechDetector, speech_regions
from stt_ai.engines.timeline import AnySamples
from stt_ai.errors import BadParameter, DamagedMedia
from stt_ai.types import SAMPLE_RATE, AudioSelection, DecodedAudio, Pcm, Samples

_BOMB_SECONDS = 300.0
_MIN_BYTE_RATE = 16.0


class PcmSink:
    """Levels the samples, finds the speech in them, and stores them; refuses what grows too long."""

    def __init__(
        self,
        put: Callable[[Samples], Any],
        chunk_samples: int,
        limits: DecoderLimits,
        size: int,
        detector: SpeechDetector,
        selection: AudioSelection = AudioSelection(),  # noqa: B008 - it is frozen
    ) -> None:
        self._chunks = _Chunks(put, chunk_samples)
        self._limits = limits
        self._size = size
        self._leveler = Leveler()
        self._speech = FileSpeech(detector)
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
        block = block[max(self._first - begun, 0) : last]
        for leveled in self._leveler.feed(block):
            self._chunks.add(leveled.samples)
            self._speech.feed(leveled.samples, leveled.faint)

    def finish(self, container: str, report: DecodingReport) -> DecodedAudio:
        """Return what was stored. Raise `BadParameter` where the recording ends before `start`."""
        for leveled in self._leveler.finish():
            self._chunks.add(leveled.samples)
            self._speech.feed(leveled.samples, leveled.faint)
        pcm = self._chunks.finish()
        if self._first and not pcm.samples:
            start, length = self._first / SAMPLE_RATE, self._taken / SAMPLE_RATE
            raise BadParameter(
                f"`start` is {start:g}, where the recording has ended: it is {length:.2f} s long.", "start"
            )
        report.start_s = self._first / SAMPLE_RATE
        report.end_s, report.quiet = report.start_s + pcm.duration, self._leveler.quiet
        regions = speech_regions(self._speech.finish(), pcm.samples)
        return DecodedAudio(pcm, regions, container, report.warnings(), report.start_s)

    def _check_length(self) -> None:
        seconds = self._taken / SAMPLE_RATE
        if seconds > self._limits.max_duration_s:
            raise too_long(self._limits)
        # Even silence takes a few bytes a second in every codec, so a smaller file is a decompression bomb, and need
        # not be decoded to the end.
        if seconds > _BOMB_SECONDS and self._size < seconds * _MIN_BYTE_RATE:
            raise DamagedMedia("The file decodes to far more audio than a recording of its size can hold.")


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

"""An upload -> 16 kHz mono PCM in chunks, and where the speech is. One pass, in memory that does not grow with it."""

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, BinaryIO

import numpy as np

from stt_ai.engines import ffmpeg, wav
from stt_ai.engines.containers import Container, identify
from stt_ai.engines.ffmpeg import DecoderLimits
from stt_ai.engines.silero import SpeechDetector, speech_regions
from stt_ai.errors import DamagedMedia, Unavailable
from stt_ai.types import SAMPLE_RATE, DecodedAudio, Pcm, Samples, Upload

__all__ = ["DecoderLimits", "FileDecoder"]

_BOMB_SECONDS = 300.0
_LEAST_BYTE_RATE = 16.0


class FileDecoder:
    """Decodes any number of files at once, each in the thread that calls.

    ``put`` stores one chunk of ``chunk_seconds`` (int16, the last one shorter) and gives the reference to it.
    """

    def __init__(
        self,
        limits: DecoderLimits | None = None,
        put: Callable[[Samples], Any] = lambda chunk: chunk,
        chunk_seconds: int = 300,
        program: str | None = None,
    ) -> None:
        self._limits = limits or DecoderLimits()
        self._put = put
        self._chunk_samples = chunk_seconds * SAMPLE_RATE
        self._program = program or ffmpeg.find_ffmpeg()
        self._detector = SpeechDetector()

    def decode(self, upload: Upload, cancelled: threading.Event | None = None) -> DecodedAudio:
        """Blocks. Setting ``cancelled`` ends it within a moment, with `Unavailable`.

        Raises `EmptyFile`, `UnsupportedMedia`, `NoAudioTrack`, `DamagedMedia`, `AudioTooLong` or `Unavailable`.
        """
        try:
            with upload.path.open("rb") as file:
                return self._decode(file, upload, cancelled or threading.Event())
        except OSError as error:
            raise Unavailable("The uploaded file could not be read; send it again.") from error

    def _decode(self, file: BinaryIO, upload: Upload, cancelled: threading.Event) -> DecodedAudio:
        container = identify(file)
        size = file.seek(0, 2)
        chunks = _Chunks(self._put, self._chunk_samples)
        speech = self._detector.stream()
        with closing(self._blocks(file, upload, container, size, cancelled)) as blocks:
            for block in blocks:
                samples = np.frombuffer(block, "<i2").astype(np.int16, copy=False)
                chunks.add(samples)
                self._check_length(chunks.samples, size)
                speech.feed(samples)
        pcm = chunks.finish()
        return DecodedAudio(pcm, speech_regions(speech.finish(), pcm.samples), container.name)

    def _blocks(
        self, file: BinaryIO, upload: Upload, container: Container, size: int, cancelled: threading.Event
    ) -> Generator[bytes, None, None]:
        extent = wav.plain_extent(file, size) if container.demuxer == "wav" else None
        if extent is None:
            yield from ffmpeg.decode(self._program, upload.path, container.demuxer, self._limits, cancelled)
            return
        for block in wav.read(file, extent):
            if cancelled.is_set():
                raise Unavailable("The request was cancelled.")
            yield block

    def _check_length(self, samples: int, size: int) -> None:
        seconds = samples / SAMPLE_RATE
        if seconds > self._limits.max_duration_s:
            raise ffmpeg.too_long(self._limits)
        # Codecs that are told of silence only take a few bytes a second at least, so a file that is smaller was made
        # to cost more than it weighs. It need not be decoded to the end to know that.
        if seconds > _BOMB_SECONDS and size < seconds * _LEAST_BYTE_RATE:
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

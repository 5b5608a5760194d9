"""An upload -> 16 kHz mono PCM in chunks, where the speech is, and what of it is missing.

One pass, in memory that does not grow with the file. The sound goes through these hands in turn: `ffmpeg` decodes it,
`mixing` makes one channel of all, `timeline` lays it out in time, `levels` makes it loud enough, `silero` finds speech.
Channels that are kept apart are not mixed, and `crosstalk` mutes what they have of each other.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from stt_ai.engines import ffmpeg, wav
from stt_ai.engines.containers import Container, identify
from stt_ai.engines.decoding_report import DecodingReport
from stt_ai.engines.ffmpeg import DecoderLimits, Decoding, Source
from stt_ai.engines.file_slices import slice_as_file
from stt_ai.engines.pcm_sink import PcmSink
from stt_ai.engines.silero import SpeechDetector
from stt_ai.engines.structure import FileSlice, Structure, inspect
from stt_ai.engines.timeline import AnySamples
from stt_ai.engines.track_assembly import TrackAssembler
from stt_ai.errors import BadParameter, BadRequest, DamagedMedia, NoAudioTrack, Unavailable, UnsupportedMedia
from stt_ai.types import SAMPLE_RATE, AudioSelection, DecodedAudio, Samples, Upload

__all__ = ["DecoderLimits", "FileDecoder"]

_MAX_TRACKS = 4
_MESSAGES_A_TAG = 3
_WITHOUT_LENGTH = frozenset({"mpeg", "mpegts"})
"""Formats without a header for all: what ffmpeg calls their length comes from what is left of them."""
_SECONDS_A_SLICE = 0.25
"""A process takes this to begin."""


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

    def decode(
        self,
        upload: Upload,
        cancelled: threading.Event | None = None,
        selection: AudioSelection = AudioSelection(),  # noqa: B008 - it is frozen
    ) -> DecodedAudio:
        """Blocks. Setting ``cancelled`` ends it within a moment, with `Unavailable`.

        Raise `EmptyFile`, `UnsupportedMedia`, `NoAudioTrack`, `DamagedMedia`, `AudioTooLong`, `Unavailable`, or
        `BadParameter` where the file has nothing of the ``selection``.
        """
        try:
            with upload.path.open("rb") as file:
                return self._decode(file, upload, cancelled or threading.Event(), selection)
        except OSError as error:
            raise Unavailable("The uploaded file could not be read; send it again.") from error

    def _decode(
        self, file: BinaryIO, upload: Upload, cancelled: threading.Event, selection: AudioSelection
    ) -> DecodedAudio:
        container = identify(file)
        size = file.seek(0, 2)
        structure = inspect(file, size, container)
        if structure.encrypted:
            raise UnsupportedMedia("The file's audio is encrypted; send it without copy protection.")
        job = _Job(file, upload, container, size, structure, cancelled, selection)
        if selection.track:
            return self._decode_track(job, selection.track - 1).audio
        first = self._decode_track(job, 0)
        if not first.audio.regions and first.tracks > 1:
            for track in range(1, min(first.tracks, _MAX_TRACKS)):
                with suppress(BadRequest):  # the first one can be decoded, and that is enough
                    other = self._decode_track(job, track)
                    if other.audio.regions:
                        return other.audio
        return first.audio

    def _decode_track(self, job: "_Job", track: int) -> "_Track":
        report = DecodingReport(job.container.demuxer, skipped_tracks=0 if job.selection.track else track)
        sink = PcmSink(self._put, self._chunk_samples, self._limits, job.size, self._detector, job.selection)
        with closing(self._assembled(job, track, report)) as blocks:
            for block in blocks:
                sink.feed(block)
                if sink.full:
                    report.stopped = True
                    break
        return _Track(sink.finish(job.container.name, report), report.tracks)

    def _assembled(self, job: "_Job", track: int, report: DecodingReport) -> Generator[AnySamples, None, None]:
        """Yield samples laid out in time, mono or of all channels, and in the end the account of them."""
        structure = job.structure
        report.truncated, report.damaged = structure.truncated, structure.damaged
        is_plain = job.container.demuxer == "wav" and len(structure.slices) == 1
        extent = wav.plain_extent(job.file, job.size) if is_plain else None
        if extent is not None:
            if track:
                raise _no_track(track, 1)
            for block in wav.read(job.file, extent):
                if job.cancelled.is_set():
                    raise Unavailable("The request was cancelled.")
                report.decoded_s += len(block) / 2 / SAMPLE_RATE
                yield np.frombuffer(block, "<i2").astype(np.int16, copy=False)
            return
        failure: BadRequest | None = None
        begun = time.monotonic()
        for number, slice_ in enumerate(structure.slices):
            allowed = self._limits.seconds_for(job.size, report.decoded_s) + number * _SECONDS_A_SLICE
            if number and time.monotonic() - begun > allowed:
                raise Unavailable("Decoding the file took too long; try again later.")
            try:
                yield from self._decode_slice(job, slice_, track, report)
            except DamagedMedia as error:
                failure = error
                report.damaged = True
        if failure is not None and not report.decoded_s:
            raise failure
        if len(structure.slices) == 1 and structure.claimed_s:
            report.claimed_s = structure.claimed_s

    def _decode_slice(self, job: "_Job", slice_: FileSlice, track: int, report: DecodingReport) -> Iterator[AnySamples]:
        container = job.container
        begun = report.end_s
        with slice_as_file(job.file, job.upload.path, job.size, slice_, container) as (path, size):
            source = Source(path, container.demuxer, size, track, job.structure.decoder, job.structure.deep)
            run = Decoding(self._program, source, self._limits)
            assembler = TrackAssembler(run, container.demuxer, tuple(job.structure.holes), job.selection.separate)
            try:
                for block in run.blocks(job.cancelled):
                    report.tracks = max(report.tracks, len(run.log.codecs))
                    yield from assembler.feed(block)
                yield from assembler.finish()
            except NoAudioTrack:
                if run.log.codecs:
                    raise _no_track(track, len(run.log.codecs)) from None
                raise
            finally:
                assembler.report_to(report, begun)
                report.damaged |= run.log.damage > _MESSAGES_A_TAG * job.structure.tags or run.failed
        claims = container.demuxer not in _WITHOUT_LENGTH
        if claims and run.log.duration and (report.truncated or not run.log.has_video):
            report.claimed_s = begun + run.log.duration


@dataclass(frozen=True, slots=True)
class _Job:
    file: BinaryIO
    upload: Upload
    container: Container
    size: int
    structure: Structure
    cancelled: threading.Event
    selection: AudioSelection


@dataclass(frozen=True, slots=True)
class _Track:
    audio: DecodedAudio
    tracks: int
    """How many audio tracks the file has."""


def _no_track(track: int, tracks: int) -> BadParameter:
    there = "one audio track" if tracks == 1 else f"{tracks} audio tracks"
    return BadParameter(f"`track` is {track + 1}, but the file has {there}.", "track")

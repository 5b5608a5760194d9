"""An upload -> 16 kHz mono PCM in chunks, where the speech is, and what of it is missing.

One pass, in memory that does not grow with the file. The sound goes through these hands in turn: `ffmpeg` decodes it,
`mixing` makes one channel of all, `timeline` lays it out in time, `levels` makes it loud enough, `silero` finds speech.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from stt_ai.engines import ffmpeg, wav
from stt_ai.engines.account import Account
from stt_ai.engines.containers import Container, identify
from stt_ai.engines.ffmpeg import DecoderLimits, Decoding, Source
from stt_ai.engines.laying import Laying
from stt_ai.engines.pieces import as_file
from stt_ai.engines.silero import SpeechDetector
from stt_ai.engines.storing import Sink
from stt_ai.engines.structure import Piece, Structure, inspect
from stt_ai.engines.timeline import AnySamples
from stt_ai.errors import BadRequest, DamagedMedia, Unavailable, UnsupportedMedia
from stt_ai.types import SAMPLE_RATE, DecodedAudio, Samples, Upload

__all__ = ["DecoderLimits", "FileDecoder"]

_MAX_TRACKS = 4
_MESSAGES_A_TAG = 3
_SECONDS_A_PIECE = 0.25
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
        structure = inspect(file, size, container)
        if structure.encrypted:
            raise UnsupportedMedia("The file's audio is encrypted; send it without copy protection.")
        job = _Job(file, upload, container, size, structure, cancelled)
        first = self._decode_track(job, 0)
        if not first.audio.regions and first.tracks > 1:
            for track in range(1, min(first.tracks, _MAX_TRACKS)):
                with suppress(BadRequest):  # the first one can be decoded, and that is enough
                    other = self._decode_track(job, track)
                    if other.audio.regions:
                        return other.audio
        return first.audio

    def _decode_track(self, job: "_Job", track: int) -> "_Track":
        account = Account(job.container.demuxer, skipped_tracks=track)
        sink = Sink(self._put, self._chunk_samples, self._limits, job.size, self._detector)
        tracks = 1
        with closing(self._laid_out(job, track, account)) as blocks:
            for block, found in blocks:
                tracks = max(tracks, found)
                sink.feed(block)
        return _Track(sink.finish(job.container.name, account), tracks)

    def _laid_out(self, job: "_Job", track: int, account: Account) -> Generator[tuple[AnySamples, int], None, None]:
        """(mono samples laid out in time, number of audio tracks), and in the end the account of them."""
        structure = job.structure
        account.truncated, account.damaged = structure.truncated, structure.damaged
        is_plain = job.container.demuxer == "wav" and len(structure.pieces) == 1
        extent = wav.plain_extent(job.file, job.size) if is_plain else None
        if extent is not None:
            for block in wav.read(job.file, extent):
                if job.cancelled.is_set():
                    raise Unavailable("The request was cancelled.")
                account.decoded_s += len(block) / 2 / SAMPLE_RATE
                yield np.frombuffer(block, "<i2").astype(np.int16, copy=False), 1
            return
        failure: BadRequest | None = None
        begun = time.monotonic()
        for number, piece in enumerate(structure.pieces):
            allowed = self._limits.seconds_for(job.size, account.decoded_s) + number * _SECONDS_A_PIECE
            if number and time.monotonic() - begun > allowed:
                raise Unavailable("Decoding the file took too long; try again later.")
            try:
                yield from self._decode_piece(job, piece, track, account)
            except DamagedMedia as error:
                failure = error
                account.damaged = True
        if failure is not None and not account.decoded_s:
            raise failure
        if len(structure.pieces) == 1 and structure.claimed_s:
            account.claimed_s = structure.claimed_s

    def _decode_piece(
        self, job: "_Job", piece: Piece, track: int, account: Account
    ) -> Iterator[tuple[AnySamples, int]]:
        container = job.container
        begun = account.end_s
        with as_file(job.file, job.upload.path, job.size, piece, container) as (path, size):
            source = Source(path, container.demuxer, size, track, job.structure.decoder, job.structure.deep)
            run = Decoding(self._program, source, self._limits)
            laying = Laying(run, container.demuxer, tuple(job.structure.holes))
            try:
                for block in run.blocks(job.cancelled):
                    for laid in laying.feed(block):
                        yield laid, len(run.log.codecs)
                for laid in laying.finish():
                    yield laid, len(run.log.codecs)
            finally:
                laying.tell(account, begun)
        account.damaged |= run.log.damage > _MESSAGES_A_TAG * job.structure.tags or run.failed
        if run.log.duration and (account.truncated or not run.log.has_video):
            account.claimed_s = begun + run.log.duration


@dataclass(frozen=True, slots=True)
class _Job:
    file: BinaryIO
    upload: Upload
    container: Container
    size: int
    structure: Structure
    cancelled: threading.Event


@dataclass(frozen=True, slots=True)
class _Track:
    audio: DecodedAudio
    tracks: int
    """How many audio tracks the file has."""

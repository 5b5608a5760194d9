"""An upload -> 16 kHz mono PCM in chunks, where the speech is, and what of it is missing.

One pass, in memory that does not grow with the file. The sound goes through these hands in turn: `ffmpeg` decodes it,
`mixing` makes one channel of all, `timeline` lays it out in time, `levels` makes it loud enough, `silero` finds speech.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from stt_ai.engines import ffmpeg, wav
from stt_ai.engines.account import Account
from stt_ai.engines.containers import Container, identify
from stt_ai.engines.ffmpeg import DecoderLimits, Decoding, Source
from stt_ai.engines.levels import Leveler
from stt_ai.engines.mixing import Mixer
from stt_ai.engines.pieces import as_file
from stt_ai.engines.silero import FileSpeech, SpeechDetector, speech_regions
from stt_ai.engines.structure import Piece, Structure, inspect
from stt_ai.engines.timeline import FloatSamples, Timeline
from stt_ai.errors import BadRequest, DamagedMedia, Unavailable, UnsupportedMedia
from stt_ai.types import SAMPLE_RATE, DecodedAudio, Pcm, Samples, Upload

__all__ = ["DecoderLimits", "FileDecoder"]

_BOMB_SECONDS = 300.0
_LEAST_BYTE_RATE = 16.0
_MAX_GAP_S = 3600.0
_MAX_BROADCAST_GAP_S = 10.0
_BROADCAST = frozenset({"mpegts", "mpeg"})
"""Their clock may begin anew anywhere, so a longer jump is no gap."""
_MAX_TRACKS = 8
_MESSAGES_A_TAG = 3
_UNTIMED = frozenset({"mp3", "aac", "ac3", "eac3", "amr", "wav", "w64", "aiff", "au", "caf", "flac", "wv"})
"""Their sound begins at their beginning, whatever the decoder's delay makes of it."""


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
        structure = inspect(file, size, container.start, container)
        if structure.encrypted:
            raise UnsupportedMedia("The file's audio is encrypted; send it without copy protection.")
        job = _Job(file, upload, container, size, structure, cancelled)
        first = self._decode_track(job, 0)
        if not first.audio.regions and first.tracks > 1:
            for track in range(1, min(first.tracks, _MAX_TRACKS)):
                other = self._decode_track(job, track)
                if other.audio.regions:
                    return other.audio
        return first.audio

    def _decode_track(self, job: "_Job", track: int) -> "_Track":
        account = Account(job.container.demuxer, skipped_tracks=track)
        sink = _Sink(self._put, self._chunk_samples, self._limits, job.size, self._detector)
        tracks = 1
        with closing(self._laid_out(job, track, account)) as blocks:
            for block, found in blocks:
                tracks = max(tracks, found)
                sink.feed(block)
        return _Track(sink.finish(job.container.name, account), tracks)

    def _laid_out(
        self, job: "_Job", track: int, account: Account
    ) -> Generator[tuple[FloatSamples | Samples, int], None, None]:
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
        for piece in structure.pieces:
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
    ) -> Iterator[tuple[FloatSamples, int]]:
        container = job.container
        begun = account.end_s
        with as_file(job.file, job.upload.path, job.size, piece, container) as (path, size):
            run = Decoding(
                self._program, Source(path, container.demuxer, size, track, job.structure.decoder), self._limits
            )
            laying = _Laying(run, container.demuxer, tuple(job.structure.holes))
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


class _Laying:
    """One run's channels -> mono, laid out in time."""

    def __init__(self, run: Decoding, demuxer: str, holes: tuple[tuple[float, float], ...]) -> None:
        self._run = run
        self._timed = demuxer not in _UNTIMED
        self._max_gap = _MAX_BROADCAST_GAP_S if demuxer in _BROADCAST else _MAX_GAP_S
        self._holes = holes
        self._mixer: Mixer | None = None
        self._timeline: Timeline | None = None

    def feed(self, block: FloatSamples) -> Iterator[FloatSamples]:
        if self._mixer is None or self._timeline is None:
            log = self._run.log
            self._mixer = Mixer(log.channels)
            self._timeline = Timeline(log.start if self._timed else None, self._max_gap, self._holes)
        for mixed in self._mixer.feed(block):
            yield from self._timeline.feed(mixed, self._run.log.marks)

    def finish(self) -> Iterator[FloatSamples]:
        if self._mixer is not None and self._timeline is not None:
            for mixed in self._mixer.finish():
                yield from self._timeline.feed(mixed, self._run.log.marks)
            yield from self._timeline.finish()

    def tell(self, account: Account, begun: float) -> None:
        """Add what was done to the ``account``; this run's sound began at ``begun`` seconds."""
        if self._mixer is None or self._timeline is None:
            return
        laid = self._timeline.laid
        account.decoded_s += self._run.samples / SAMPLE_RATE
        account.end_s = begun + self._timeline.samples / SAMPLE_RATE
        # Sound may begin after the picture; nothing of it is missing then.
        gaps = [gap for gap in laid.gaps if gap[0] or not self._run.log.has_video]
        account.gaps += [(begun + start, begun + end) for start, end in gaps]
        if laid.repairs and self._timed:
            account.repairs.append((begun + laid.first_repair, begun + laid.last_repair))
        account.cancelled |= self._mixer.cancelled


class _Sink:
    """Levels the samples, finds the speech in them, and stores them; refuses what grows too long."""

    def __init__(
        self,
        put: Callable[[Samples], Any],
        chunk_samples: int,
        limits: DecoderLimits,
        size: int,
        detector: SpeechDetector,
    ) -> None:
        self._chunks = _Chunks(put, chunk_samples)
        self._limits = limits
        self._size = size
        self._leveler = Leveler()
        self._speech = FileSpeech(detector)
        self._taken = 0

    def feed(self, block: FloatSamples | Samples) -> None:
        self._taken += len(block)
        self._check_length()
        for leveled in self._leveler.feed(block):
            self._chunks.add(leveled.samples)
            self._speech.feed(leveled.samples, leveled.faint)

    def finish(self, container: str, account: Account) -> DecodedAudio:
        for leveled in self._leveler.finish():
            self._chunks.add(leveled.samples)
            self._speech.feed(leveled.samples, leveled.faint)
        pcm = self._chunks.finish()
        account.end_s, account.quiet = pcm.duration, self._leveler.quiet
        regions = speech_regions(self._speech.finish(), pcm.samples)
        return DecodedAudio(pcm, regions, container, account.warnings())

    def _check_length(self) -> None:
        seconds = self._taken / SAMPLE_RATE
        if seconds > self._limits.max_duration_s:
            raise ffmpeg.too_long(self._limits)
        # Codecs that are told of silence only take a few bytes a second at least, so a file that is smaller was made
        # to cost more than it weighs. It need not be decoded to the end to know that.
        if seconds > _BOMB_SECONDS and self._size < seconds * _LEAST_BYTE_RATE:
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

"""Runs ffmpeg on one hostile file: one demuxer, no other input, and a process of its own with narrow limits."""

import functools
import logging
import os
import re
import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ffmpeg

from stt_ai.engines.confined import ConfinedProcess, Confinement
from stt_ai.errors import AudioTooLong, DamagedMedia, NoAudioTrack, SttError, Unavailable, UnsupportedMedia
from stt_ai.types import SAMPLE_RATE

logger = logging.getLogger(__name__)

# Audio only: pictures are not even decoded to learn about the track. The names are those of several versions.
_DECODERS = (
    "aac,aac_latm,ac3,adpcm_g722,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,alac,amrnb,amrwb,dca,eac3,flac,g722,g723_1,"
    "g726,g726le,g729,gsm,gsm_ms,libgsm,libgsm_ms,libopencore_amrnb,libopencore_amrwb,libopus,libspeex,libvorbis,"
    "mp1,mp1float,mp2,mp2float,mp3,mp3float,nellymoser,opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f32be,pcm_f32le,"
    "pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_s8,pcm_u8,"
    "qdm2,speex,truehd,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)
_LARGEST_BLOCK = 256 << 20
_PROBE_BYTES = 16 << 20
"""Containers without an index tell of a track only where it begins, which may be after much video."""
_SAMPLE_BYTES = 2
_LINE_BYTES = 500
_DURATION = re.compile(rb"  Duration: (\d+):(\d\d):(\d\d\.\d\d)(?:, start: (\d+\.\d+))?")
_TRACK = re.compile(rb"  Stream #0:\d+.*?: Audio: .*?, (\d+) Hz, ")
_LOWEST_RATE = 4000
_TIMED = frozenset({"mov", "matroska", "mpegts", "mpeg", "flv"})
"""Containers whose tracks have times of their own: an audio track may begin after the picture, and have gaps."""
_IN_PLACE = (
    # Recordings that were joined begin their clock again: what follows then goes on where the one before ended.
    "asetpts='st(0,if(lt(PTS+ld(0),ld(1)-SR),ld(1)-PTS,ld(0)));st(2,PTS+ld(0));st(1,ld(2)+NB_SAMPLES);ld(2)',"
    # Silence where nothing was recorded, so that what is said stays where it is in the recording.
    "aresample=async=1:first_pts=0"
)
_UNSURE = frozenset({"mpegts", "mpeg"})
"""Their duration is the difference of two times, of which recorders change the origin in the middle of a file."""


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """What one file may take.

    The wall-clock limit is ``probe_timeout_s``, and the time that reading the file takes at ``read_rate`` bytes a
    second, and the time that the audio decoded so far takes at ``slowest`` times its own speed.
    """

    max_duration_s: float = 12 * 3600.0
    probe_timeout_s: float = 8.0
    read_rate: float = 10e6
    slowest: float = 5.0
    memory_bytes: int = 1 << 30
    threads: int = 1

    def seconds_for(self, size: int, decoded_s: float) -> float:
        return self.probe_timeout_s + size / self.read_rate + decoded_s / self.slowest


@functools.cache
def find_ffmpeg() -> str:
    """The ffmpeg on PATH, else the one that imageio-ffmpeg ships. Raises `Unavailable` where there is neither.

    `STT_AI_FFMPEG` says otherwise: a path, or `bundled` for the latter, which is one file and starts in 20 ms, where a
    Linux distribution's loads two hundred libraries for each upload.
    """
    said = os.environ.get("STT_AI_FFMPEG", "")
    found = None if said == "bundled" else shutil.which(said or "ffmpeg")
    if found:
        return str(Path(found).absolute())  # it is not started from here
    if said not in ("", "bundled"):
        raise Unavailable("The service cannot decode files: its ffmpeg is not where it was said to be.")
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise Unavailable("The service cannot decode files: no ffmpeg is installed.") from error


def command(program: str, path: Path, demuxer: str, limits: DecoderLimits) -> list[str]:
    """The first audio track of ``path`` as 16 kHz mono int16 on stdout."""
    options = {"enable_drefs": 0, "use_absolute_path": 0} if demuxer == "mov" else {}
    source = ffmpeg.input(
        f"file:{path.absolute()}",  # the working directory is not ours
        f=demuxer,
        format_whitelist=demuxer,
        protocol_whitelist="file",
        codec_whitelist=_DECODERS,
        threads=limits.threads,
        probesize=_PROBE_BYTES,
        **options,
    )
    sink = ffmpeg.output(
        source["a:0"],
        "pipe:1",
        f="s16le",
        acodec="pcm_s16le",
        ac=1,
        ar=SAMPLE_RATE,
        t=limits.max_duration_s + 1,
        vn=None,
        sn=None,
        dn=None,
        **({"af": _IN_PLACE} if demuxer in _TIMED else {}),
    )
    switches = ["-nostdin", "-nostats", "-loglevel", "info", "-filter_threads", "1"]
    compiled: list[str] = ffmpeg.compile(sink, cmd=[program, *switches, "-max_alloc", str(_LARGEST_BLOCK)])
    return compiled


def decode(
    program: str, path: Path, demuxer: str, limits: DecoderLimits, cancelled: threading.Event
) -> Iterator[bytes]:
    """Whole samples as they are decoded. Ends early, with what there is, where the rest of the file is damaged.

    Raises `AudioTooLong` as soon as the header says so, `NoAudioTrack`, `UnsupportedMedia`, `DamagedMedia` and
    `Unavailable`.
    """
    size, started, decoded, half = path.stat().st_size, time.monotonic(), 0, b""
    log = _Log()
    confinement = Confinement(limits.memory_bytes, int(limits.seconds_for(size, limits.max_duration_s)))
    with ConfinedProcess(command(program, path, demuxer, limits), confinement) as process:
        for piece, lines in process.output():
            log.feed(lines)
            if log.duration > limits.max_duration_s and demuxer not in _UNSURE:
                raise too_long(limits)
            if 0 < log.sample_rate < _LOWEST_RATE:
                raise UnsupportedMedia(f"The audio's sample rate is below {_LOWEST_RATE} Hz, too low for speech.")
            if cancelled.is_set():
                raise Unavailable("The request was cancelled.")
            if time.monotonic() - started > limits.seconds_for(size, decoded / _SAMPLE_BYTES / SAMPLE_RATE):
                raise Unavailable("Decoding the file took too long; try again later.")
            if piece:
                piece = half + piece
                whole = len(piece) - len(piece) % _SAMPLE_BYTES
                half, decoded = piece[whole:], decoded + whole
                yield piece[:whole]
    if process.returncode:
        logger.info("ffmpeg ended with %s: %s", process.returncode, log.tail())
    # Killed, as by a machine short of memory, or never begun: not found, or dead while it was loaded.
    if process.returncode == -signal.SIGKILL or (process.returncode and not log.began):
        raise Unavailable("The decoder could not run to its end; try again later.")
    if not decoded:
        raise log.failure()


def too_long(limits: DecoderLimits) -> AudioTooLong:
    for unit, seconds in (("h", 3600), ("min", 60), ("s", 1)):
        if limits.max_duration_s % seconds == 0 or unit == "s":
            longest = f"{limits.max_duration_s / seconds:g} {unit}"
            break
    return AudioTooLong(f"The audio is longer than {longest}, the longest that is accepted; split it into parts.")


class _Log:
    """Reads ffmpeg's log as it comes and keeps little of it: tags in the file can make it as long as the file."""

    def __init__(self) -> None:
        self.duration = 0.0
        """What the file says of itself; 0 where it says nothing, and ffmpeg would only guess by its size."""
        self._guessing = False
        self.sample_rate = SAMPLE_RATE
        """Of the first audio track. A low one turns few bytes into very much audio."""
        self.began = False
        """Its banner, which comes before it opens anything, was seen."""
        self._tracks = 0
        self._line = b""
        self._no_track = self._no_decoder = False
        self._last: deque[bytes] = deque(maxlen=8)

    def feed(self, text: bytes) -> None:
        *whole, rest = (self._line + text).split(b"\n")
        for line in whole:
            self._read(line[:_LINE_BYTES])
        self._line = rest[:_LINE_BYTES]

    def _read(self, line: bytes) -> None:
        self.began |= line.startswith(b"ffmpeg version")
        self._last.append(line)
        found = _DURATION.match(line)
        if found and not self._guessing:
            hours, minutes, seconds, start = found.groups()
            self.duration = int(hours) * 3600 + int(minutes) * 60 + float(seconds) - float(start or 0)
        self._guessing |= b"Estimating duration from bitrate" in line
        track = _TRACK.match(line)
        if track:
            self._tracks += 1
            if self._tracks == 1:
                self.sample_rate = int(track[1])
        self._no_track |= b"matches no streams" in line
        self._no_decoder |= b"no decoder found" in line or b"Decoder (codec" in line or b"not in whitelist" in line

    def tail(self) -> str:
        return b" | ".join(self._last).decode(errors="replace")

    def failure(self) -> SttError:
        """Why nothing was decoded."""
        if self._no_track:
            return NoAudioTrack("The file has no audio track.")
        if self._no_decoder:
            return UnsupportedMedia("The file's audio is coded in a way that is not supported.")
        return DamagedMedia("The file is damaged: no audio could be decoded from it.")

"""Runs ffmpeg on one hostile file: one demuxer, no other input, and a process of its own with narrow limits."""

import functools
import logging
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ffmpeg
import numpy as np

from stt_ai.engines.ffmpeg_log import FfmpegLog
from stt_ai.engines.sandbox import SandboxedProcess, SandboxLimits
from stt_ai.engines.timeline import AnySamples
from stt_ai.errors import AudioTooLong, Unavailable, UnsupportedMedia
from stt_ai.types import SAMPLE_RATE

logger = logging.getLogger(__name__)

# Audio only: pictures are not even decoded to learn about the track. The names are those of several versions.
_DECODERS = (
    "aac,aac_latm,ac3,adpcm_g722,adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,adpcm_swf,adpcm_yamaha,alac,als,amrnb,amrwb,dca,"
    "eac3,evrc,flac,g722,g723_1,g726,g726le,g729,gsm,gsm_ms,ilbc,libgsm,libgsm_ms,libilbc,libopencore_amrnb,"
    "libopencore_amrwb,libopus,libspeex,libvorbis,mace3,mace6,mlp,mp1,mp1float,mp2,mp2float,mp3,mp3adu,mp3adufloat,"
    "mp3float,mp3on4,mp3on4float,nellymoser,opus,pcm_alaw,pcm_bluray,pcm_dvd,pcm_f16le,pcm_f24le,pcm_f32be,pcm_f32le,"
    "pcm_f64be,pcm_f64le,pcm_mulaw,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,"
    "pcm_s8,pcm_u16be,pcm_u16le,pcm_u24be,pcm_u24le,pcm_u32be,pcm_u32le,pcm_u8,qcelp,qdm2,qdmc,s302m,speex,truehd,"
    "truespeech,tta,vorbis,wavpack,wmalossless,wmapro,wmav1,wmav2,wmavoice"
)
_UNSURE = frozenset({"mpegts", "mpeg"})
"""Their duration is the difference of two times, of which recorders change the origin in the middle of a file."""
_LARGEST_BLOCK = 256 << 20
_PROBE_BYTES = 16 << 20
"""Containers without an index show a track only where it begins, which may be after much video."""
_LOWEST_RATE = 4000
_MAX_CHANNELS = 64
_MIN_CLAIM_RATE = 500.0
"""Bytes a second. A header that claims more time than this for the file's size is not believed."""
_MARKED = (
    # Prints every ten seconds, and where stamps do not follow from those before: the seconds passed on, and the stamp.
    "asetpts='if(eq(N,0)+gt(abs(PTS*TB-ld(0)-(N-ld(1))/SR),0.1)+gt(N-ld(1),10*SR),"
    "st(0,PTS*TB);st(1,N);print(N/SR,32);print(PTS*TB,32));N/SR/TB',"
    f"aresample={SAMPLE_RATE}"
)


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """The limits of decoding one file.

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
        """Return the seconds that decoding may take, for ``size`` bytes that hold ``decoded_s`` seconds."""
        return self.probe_timeout_s + size / self.read_rate + decoded_s / self.slowest


@functools.cache
def find_ffmpeg(choice: str = "") -> str:
    """Return the path of the ffmpeg that imageio-ffmpeg ships, else of the one on PATH.

    The shipped one is a single file and starts in 20 ms, where a Linux distribution's loads two hundred libraries for
    each upload. ``choice``: another one, by its path or by its name on PATH. Raise `Unavailable` where there is none.
    """
    if choice:
        if found := shutil.which(choice):
            return str(Path(found).absolute())  # it is not started from here
        raise Unavailable("The service cannot decode files: the ffmpeg that STT_AI_FFMPEG names was not found.")
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise Unavailable("The service cannot decode files: no ffmpeg is installed.") from error


@dataclass(frozen=True, slots=True)
class Source:
    """One audio ``track`` of a file: the first is 0. ``decoder``: not the one that ffmpeg would take.

    ``deep``: its samples may not fit into 16 bits, so they come as floating point.
    """

    path: Path
    demuxer: str
    size: int
    track: int = 0
    decoder: str = ""
    deep: bool = False


def command(program: str, source: Source, limits: DecoderLimits) -> list[str]:
    """Return the track's channels as 16 kHz int16 or float32 on stdout, and their stamps in the log."""
    options: dict[str, object] = {"enable_drefs": 0, "use_absolute_path": 0} if source.demuxer == "mov" else {}
    if source.decoder:
        options["acodec"] = source.decoder
    opened = ffmpeg.input(
        f"file:{source.path.absolute()}",  # the working directory is not ours
        f=source.demuxer,
        format_whitelist=source.demuxer,
        protocol_whitelist="file",
        codec_whitelist=_DECODERS,
        threads=limits.threads,
        probesize=_PROBE_BYTES,
        err_detect="crccheck",
        **options,
    )
    sink = ffmpeg.output(
        opened[f"a:{source.track}"],
        "pipe:1",
        f="f32le" if source.deep else "s16le",
        acodec="pcm_f32le" if source.deep else "pcm_s16le",
        ar=SAMPLE_RATE,
        af=_MARKED,
        vn=None,
        sn=None,
        dn=None,
    )
    switches = ["-nostdin", "-nostats", "-loglevel", "repeat+level+info", "-copyts", "-filter_threads", "1"]
    compiled: list[str] = ffmpeg.compile(sink, cmd=[program, *switches, "-max_alloc", str(_LARGEST_BLOCK)])
    return compiled


class Decoding:
    """One run of ffmpeg over one track, with the account of it in ``log``."""

    def __init__(self, program: str, source: Source, limits: DecoderLimits) -> None:
        self.log = FfmpegLog()
        self.samples = 0
        """Decoded so far, of each channel."""
        self.failed = False
        """It did not end as it should have."""
        self._program = program
        self._source = source
        self._limits = limits

    def blocks(self, cancelled: threading.Event) -> Iterator[AnySamples]:
        """Yield samples, shape (n, channels), as they are decoded; the marks before them are in the log by then.

        int16, or float32 with full scale at 1 where the source is deep. Ends early, with what there is, where the rest
        of the file is damaged. Raise `AudioTooLong` as soon as the header says so, `NoAudioTrack`, `UnsupportedMedia`,
        `DamagedMedia` and `Unavailable`.
        """
        log, limits, size, started, half = self.log, self._limits, self._source.size, time.monotonic(), b""
        kind = np.dtype("<f4" if self._source.deep else "<i2")
        confinement = SandboxLimits(limits.memory_bytes, int(limits.seconds_for(size, limits.max_duration_s)))
        with SandboxedProcess(command(self._program, self._source, limits), confinement) as process:
            for piece, lines in process.output():
                log.feed(lines)
                if cancelled.is_set():
                    raise Unavailable("The request was cancelled.")
                if time.monotonic() - started > limits.seconds_for(size, self.samples / SAMPLE_RATE):
                    raise Unavailable("Decoding the file took too long; try again later.")
                if piece:
                    self._check_header()
                    half += piece
                    whole = len(half) - len(half) % (kind.itemsize * log.channels)
                    samples = np.frombuffer(half[:whole], kind).reshape(-1, log.channels)
                    half = half[whole:]
                    self.samples += len(samples)
                    if len(samples):
                        yield samples
        self._judge_end(process.returncode)

    def _check_header(self) -> None:
        log, limits = self.log, self._limits
        believed = self._source.size >= log.duration * _MIN_CLAIM_RATE and not log.has_video
        if (
            log.duration - (log.start or 0.0) > limits.max_duration_s
            and believed
            and self._source.demuxer not in _UNSURE
        ):
            raise too_long(limits)
        track = self._source.track
        if track < len(log.sample_rates) and log.sample_rates[track] < _LOWEST_RATE:
            raise UnsupportedMedia(f"The audio's sample rate is below {_LOWEST_RATE} Hz, too low for speech.")
        if not 0 < log.channels <= _MAX_CHANNELS:
            raise UnsupportedMedia(f"The audio has more than {_MAX_CHANNELS} channels.")

    def _judge_end(self, returncode: int | None) -> None:
        log = self.log
        if returncode:
            self.failed = True
            logger.info("ffmpeg ended with %s: %s", returncode, log.tail())
        # Killed, as by a machine short of memory, or never begun: not found, or dead while it was loaded.
        if returncode == -signal.SIGKILL or (returncode and not log.began):
            raise Unavailable("Decoding was interrupted; try again later.")
        if not self.samples:
            raise log.failure(self._source.track)


def too_long(limits: DecoderLimits) -> AudioTooLong:
    """Return the error that says how long audio may be."""
    for unit, seconds in (("h", 3600), ("min", 60), ("s", 1)):
        if limits.max_duration_s % seconds == 0 or unit == "s":
            longest = f"{limits.max_duration_s / seconds:g} {unit}"
            break
    return AudioTooLong(f"The audio is longer than {longest}, the longest that is accepted; split it into parts.")

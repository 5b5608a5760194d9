"""Makes media files of all formats with the ffmpeg that imageio-ffmpeg ships, from one synthetic sound."""

import functools
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
import psutil

from stt_ai.engines.ffmpeg import DecoderLimits

RATE = 16_000
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
FFMPEGS = sorted({FFMPEG, shutil.which("ffmpeg") or FFMPEG})
"""Those that the decoder is tried with: the shipped one, and the machine's own where there is one."""
STORED = Path(__file__).parents[1] / "unit" / "media" / "stored"
PATIENT = DecoderLimits(probe_timeout_s=60)
"""For tests of other things than time: on a busy machine even the start of a process may take long."""

_TEST_PICTURE = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=25", "-map", "1:v"]
_PICTURE = [*_TEST_PICTURE, "-map", "0:a", "-shortest"]
_BARE = [*_TEST_PICTURE, "-t", "1"]
_MPEG4 = [*_PICTURE, "-c:v", "mpeg4", "-g", "5"]

AUDIO: dict[str, list[str]] = {
    "vbr.mp3": ["-c:a", "libmp3lame", "-q:a", "4"],
    "cbr.mp3": ["-c:a", "libmp3lame", "-b:a", "64k", "-write_xing", "0", "-id3v2_version", "0"],
    "phone.mp3": ["-c:a", "libmp3lame", "-ar", "8000"],
    "layer2.mp3": ["-c:a", "mp2", "-f", "mp2"],
    "s16.wav": ["-c:a", "pcm_s16le"],
    "u8.wav": ["-c:a", "pcm_u8"],
    "s24.wav": ["-c:a", "pcm_s24le"],
    "s32.wav": ["-c:a", "pcm_s32le"],
    "f32.wav": ["-c:a", "pcm_f32le"],
    "alaw.wav": ["-c:a", "pcm_alaw", "-ar", "8000"],
    "mulaw.wav": ["-c:a", "pcm_mulaw", "-ar", "8000"],
    "ms_adpcm.wav": ["-c:a", "adpcm_ms"],
    "ima_adpcm.wav": ["-c:a", "adpcm_ima_wav"],
    "extensible.wav": ["-c:a", "pcm_s24le", "-ar", "48000", "-ac", "6"],
    "rf64.wav": ["-c:a", "pcm_s16le", "-rf64", "always"],
    "a.flac": ["-c:a", "flac"],
    "vorbis.ogg": ["-c:a", "libvorbis"],
    "opus.ogg": ["-c:a", "libopus", "-f", "ogg"],
    "flac.ogg": ["-c:a", "flac", "-f", "ogg"],
    "a.opus": ["-c:a", "libopus"],
    "aac.m4a": ["-c:a", "aac"],
    "alac.m4a": ["-c:a", "alac"],
    "a.aac": ["-c:a", "aac", "-f", "adts"],
    "a.wma": ["-c:a", "wmav2", "-ar", "44100"],
    "a.amr": ["-c:a", "libopencore_amrnb", "-ar", "8000", "-b:a", "12.2k"],
    "a.aiff": ["-c:a", "pcm_s16be"],
    "a.caf": ["-c:a", "pcm_s16be"],
    "a.au": ["-c:a", "pcm_s16be"],
    "a.w64": ["-c:a", "pcm_s16le"],
    "a.ac3": ["-c:a", "ac3", "-ar", "48000"],
    "a.eac3": ["-c:a", "eac3", "-ar", "48000"],
    "a.wv": ["-c:a", "wavpack"],
}
VIDEO: dict[str, list[str]] = {
    "a.mp4": [*_MPEG4, "-c:a", "aac"],
    "faststart.mp4": [*_MPEG4, "-c:a", "aac", "-movflags", "faststart"],
    "fragmented.mp4": [*_MPEG4, "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"],
    "a.mov": [*_MPEG4, "-c:a", "pcm_s16be"],
    "a.3gp": [*_MPEG4, "-s", "176x144", "-c:a", "libopencore_amrnb", "-ar", "8000", "-b:a", "12.2k"],
    "a.webm": [*_PICTURE, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"],
    "vorbis.webm": [*_PICTURE, "-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"],
    "a.mkv": [*_MPEG4, "-c:a", "ac3", "-ar", "48000"],
    "h264.mkv": [*_PICTURE, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"],
    "wide.mkv": [*_PICTURE, "-c:v", "mjpeg", "-s", "320x258", "-c:a", "libopus"],
    "a.avi": [*_MPEG4, "-c:a", "libmp3lame"],
    "pcm.avi": [*_MPEG4, "-c:a", "pcm_s16le"],
    "a.wmv": [*_PICTURE, "-c:v", "wmv2", "-c:a", "wmav2", "-ar", "44100"],
    "a.mpg": [*_PICTURE, "-c:v", "mpeg1video", "-c:a", "mp2", "-f", "mpeg"],
    "a.mpeg": [*_PICTURE, "-c:v", "mpeg2video", "-c:a", "mp2", "-f", "vob"],
    "a.ts": [*_PICTURE, "-c:v", "mpeg2video", "-c:a", "mp2", "-f", "mpegts"],
    "a.flv": [*_PICTURE, "-c:v", "flv1", "-c:a", "libmp3lame", "-ar", "44100"],
}
SILENT: dict[str, list[str]] = {
    "silent.mp4": [*_BARE, "-c:v", "mpeg4"],
    "silent.mov": [*_BARE, "-c:v", "mpeg4"],
    "silent.mkv": [*_BARE, "-c:v", "mpeg4"],
    "silent-wide.mkv": [*_BARE, "-c:v", "mjpeg", "-s", "320x258"],
    "silent.avi": [*_BARE, "-c:v", "mpeg4"],
    "silent.webm": [*_BARE, "-c:v", "libvpx", "-deadline", "realtime"],
    "silent.wmv": [*_BARE, "-c:v", "wmv2"],
    "silent.mpg": [*_BARE, "-c:v", "mpeg1video", "-f", "mpeg"],
    "silent.ts": [*_BARE, "-c:v", "mpeg2video", "-f", "mpegts"],
    "elementary.mpg": [*_BARE, "-c:v", "mpeg1video", "-f", "mpeg1video"],
}


@functools.cache
def sound(seconds: float = 1.5) -> npt.NDArray[np.int16]:
    """A melody of voice-like pitches whose loudness changes, all of it within a telephone's band. int16, 16 kHz."""
    time = np.arange(int(seconds * RATE)) / RATE
    pitch = 300 + 120 * np.sign(np.sin(2 * np.pi * 3.1 * time)) + 40 * np.sin(2 * np.pi * 1.3 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    loudness = 0.6 + 0.4 * np.sin(2 * np.pi * 2.3 * time)
    wave = loudness * (np.sin(phase) + 0.5 * np.sin(3 * phase) + 0.25 * np.sin(5 * phase))
    return np.asarray(wave * 9000, np.int16)


def run_ffmpeg(arguments: list[str], target: Path, samples: npt.NDArray[np.int16] | None = None) -> Path:
    """``arguments`` between the samples as input 0 and the ``target``."""
    source = ["-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "pipe:0"]
    command = [FFMPEG, "-v", "error", "-nostdin", "-y", *source, *arguments, "-bitexact", str(target)]
    data = (sound() if samples is None else samples).tobytes()
    done = subprocess.run(command, input=data, capture_output=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{target.name}: {done.stderr.decode(errors='replace')}")
    return target


@functools.cache
def folder() -> Path:
    """Holds what `all_media` makes; gone when the tests end."""
    kept = tempfile.TemporaryDirectory(prefix="media-")
    folder.kept = kept  # type: ignore[attr-defined]
    return Path(kept.name)


@functools.cache
def all_media() -> dict[str, Path]:
    """Every file of `AUDIO`, `VIDEO` and `SILENT`, and the stored ones for which the shipped ffmpeg has no encoder."""
    wanted, at, samples = {**AUDIO, **VIDEO, **SILENT}, folder(), sound()
    with ThreadPoolExecutor(4) as pool:
        made = pool.map(lambda item: run_ffmpeg(item[1], at / item[0], samples), wanted.items())
        paths = dict(zip(wanted, made, strict=True))
    return {**paths, **{path.name: path for path in sorted(STORED.iterdir())}}


def likeness(decoded: npt.NDArray[np.int16], wanted: npt.NDArray[np.int16], slack: int = 2400) -> float:
    """The greatest correlation of two sounds over shifts of up to ``slack`` samples, 0 to 1."""
    length = 1 << int(len(decoded) + len(wanted)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(decoded, length) * np.conj(np.fft.rfft(wanted, length)))
    near = np.concatenate([cross[:slack], cross[-slack:]])
    scale = np.linalg.norm(decoded.astype(float)) * np.linalg.norm(wanted.astype(float))
    return float(np.max(np.abs(near)) / max(scale, 1e-9))


def children() -> list[psutil.Process]:
    """The processes that a decoder under test has started and that live.

    Not counted: the service that the whole test run shares, and the resource tracker that Python's
    multiprocessing leaves behind.
    """
    own = [p for p in psutil.Process().children() if _is_of_a_decoder(p)]
    return own + [descendant for p in own for descendant in _descendants(p)]


def _is_of_a_decoder(process: psutil.Process) -> bool:
    try:
        command = " ".join(process.cmdline())
    except psutil.ZombieProcess:
        return True  # whoever started it has not noticed its end
    except psutil.NoSuchProcess:
        return False
    return "multiprocessing" not in command and "serve run" not in command


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []

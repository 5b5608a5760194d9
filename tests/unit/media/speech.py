"""Real speech for the table of faults, and the ways to write it into each container."""

import functools
import subprocess
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.support.media_files import FFMPEG, RATE

DATA = Path(__file__).parents[2] / "data"
Sound = npt.NDArray[np.float32]

_PICTURE = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration={}")
_VIDEO: dict[str, tuple[str, ...]] = {
    "mp4": ("-c:v", "mpeg4"),
    "mov": ("-c:v", "mpeg4"),
    "mkv": ("-c:v", "mpeg4"),
    "webm": ("-c:v", "libvpx", "-deadline", "realtime"),
    "flv": ("-c:v", "flv1"),
    "ts": ("-c:v", "mpeg2video"),
    "mpg": ("-c:v", "mpeg1video", "-r", "25"),
    "wmv": ("-c:v", "wmv2"),
    "avi": ("-c:v", "mpeg4"),
    "ogv": ("-c:v", "libtheora"),
}
_AUDIO: dict[str, tuple[str, ...]] = {
    "mp3": ("-c:a", "libmp3lame", "-b:a", "64k"),
    "wav": ("-c:a", "pcm_s16le"),
    "flac": ("-c:a", "flac"),
    "ogg": ("-c:a", "libvorbis", "-f", "ogg"),
    "oga": ("-c:a", "flac", "-f", "ogg"),
    "opus": ("-c:a", "libopus"),
    "m4a": ("-c:a", "aac"),
    "aac": ("-c:a", "aac", "-f", "adts"),
    "wma": ("-c:a", "wmav2"),
    "aiff": ("-c:a", "pcm_s16be"),
    "au": ("-c:a", "pcm_s16be"),
    "caf": ("-c:a", "pcm_s16be"),
    "w64": ("-c:a", "pcm_s16le"),
    "mka": ("-c:a", "libopus", "-f", "matroska"),
    "mp4": ("-c:a", "aac"),
    "mov": ("-c:a", "aac"),
    "mkv": ("-c:a", "libopus"),
    "webm": ("-c:a", "libopus"),
    "flv": ("-c:a", "aac"),
    "ts": ("-c:a", "aac", "-f", "mpegts"),
    "mpg": ("-c:a", "mp2", "-f", "mpeg"),
    "wmv": ("-c:a", "wmav2"),
    "avi": ("-c:a", "libmp3lame"),
    "ogv": ("-c:a", "libvorbis"),
}


@functools.cache
def spoken(name: str = "hello_3s.flac") -> Sound:
    """A recording of ``tests/data``, float32, shape (n,), 16 kHz."""
    command = [FFMPEG, "-v", "error", "-i", str(DATA / name), "-f", "f32le", "-ac", "1", "-ar", str(RATE), "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.float32)


def run(*arguments: object) -> None:
    """ffmpeg with these arguments."""
    subprocess.run([FFMPEG, "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True, timeout=60)


def write_wav(path: Path, sound: Sound, rate: int = RATE) -> Path:
    """``sound``: shape (n,) or (n, channels), as 16 bits."""
    channels = 1 if sound.ndim == 1 else sound.shape[1]
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(np.clip(np.rint(sound * 32768), -32768, 32767).astype("<i2").tobytes())
    return path


def write(path: Path, sound: Sound, *options: object, video: bool | None = None) -> Path:
    """``sound`` in the container that the ending of ``path`` names; ``video`` None: where the container is for that."""
    kind = path.suffix[1:]
    source = write_wav(path.with_suffix(".source.wav"), sound)
    if (kind in _VIDEO and kind != "mkv") if video is None else video:
        picture = [part.format(len(sound) / RATE) for part in _PICTURE]
        run(*picture, "-i", source, "-map", "0:v", "-map", "1:a", *_VIDEO[kind], *_AUDIO[kind], *options, path)
    else:
        run("-i", source, *_AUDIO[kind], *options, path)
    source.unlink()
    return path


def write_late(path: Path, sound: Sound, offset: float) -> Path:
    """The same with a picture from the beginning and the sound ``offset`` seconds later."""
    kind = path.suffix[1:]
    source = write_wav(path.with_suffix(".source.wav"), sound)
    picture = [part.format(offset + len(sound) / RATE) for part in _PICTURE]
    sources = [*picture, "-itsoffset", offset, "-i", source, "-map", "0:v", "-map", "1:a"]
    run(*sources, *_VIDEO[kind], *_AUDIO[kind], path)
    return path

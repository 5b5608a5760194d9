"""Audio for a live stream, from wherever it comes, as pieces of bytes."""

import importlib
import io
import os
import shutil
import subprocess
import tempfile
import wave
from collections.abc import AsyncIterable, Generator, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from stt_ai.sdk.microphone import Microphone
from stt_ai.sdk.uploads import Readable

Audio = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | Iterable[bytes] | Microphone
"""A path, bytes, a binary file object, pieces of audio, or a microphone."""
AsyncAudio = Audio | AsyncIterable[bytes]

PIECE_S = 0.1
_RATES = range(8_000, 48_001)
_RAW = (".pcm", ".raw", ".s16le")
_CODED_PIECE = 4096


def pieces(audio: Audio, options: dict[str, Any]) -> tuple[Iterable[bytes], bool]:
    """The audio's pieces, and whether they come as they are spoken.

    Sets ``options`` to what a file or a microphone turns out to be. Raises `OSError`, `ValueError` or `TypeError`.
    """
    if isinstance(audio, Microphone):
        options |= {"encoding": "pcm_s16le", "sample_rate": audio.sample_rate}
        return audio, True
    if isinstance(audio, str | os.PathLike):
        path = Path(audio)
        if path.suffix.lower() in _RAW:
            return _raw(path.open("rb"), options), False
        with path.open("rb") as file:
            beginning = file.read(12)
        file = path.open("rb")
        if _is_wav(beginning) and (read := _wav(file, options)):
            return read, False
        file.close()
        return _converted(path, options), False
    if isinstance(audio, bytes | bytearray | memoryview):
        audio = io.BytesIO(audio)
    if isinstance(audio, Readable):
        return _of_file(audio, options), False
    if isinstance(audio, Iterable):
        return audio, True
    raise TypeError(f"audio is a path, bytes, a file object, pieces or a Microphone, not {type(audio).__name__}")


def piece_bytes(options: Mapping[str, Any]) -> int:
    """Of raw audio as ``options`` say, a tenth of a second."""
    width = {"mulaw": 1, "alaw": 1, "opus": 0}.get(str(options.get("encoding") or "pcm_s16le"), 2)
    return width * int(int(options.get("sample_rate") or 16_000) * PIECE_S) or _CODED_PIECE


def _of_file(file: Any, options: dict[str, Any]) -> Iterable[bytes]:
    with suppress(AttributeError, OSError):
        if file.seekable():
            begin = file.tell()
            is_wav = _is_wav(file.read(12))
            file.seek(begin)
            if is_wav and (read := _wav(file, options)):
                return read
            if is_wav and options.get("encoding") is None:
                raise ValueError("Only WAV files of 16 bits, mono, can be streamed as they are; others by their path.")
            file.seek(begin)
    return _raw(file, options)


def _raw(file: Any, options: Mapping[str, Any]) -> Generator[bytes, None, None]:
    size = piece_bytes(options)
    with file:
        while piece := file.read(size):
            yield piece


def _is_wav(beginning: bytes) -> bool:
    return beginning[:4] == b"RIFF" and beginning[8:12] == b"WAVE"


def _wav(file: BinaryIO, options: dict[str, Any]) -> Generator[bytes, None, None] | None:
    """None: it is one that must be converted."""
    try:
        opened = wave.open(file)  # noqa: SIM115 - closed by the generator
    except (wave.Error, EOFError):
        return None
    rate = opened.getframerate()
    if (opened.getnchannels(), opened.getsampwidth()) != (1, 2) or rate not in _RATES:
        return None
    options |= {"encoding": "pcm_s16le", "sample_rate": rate}

    def read() -> Generator[bytes, None, None]:
        with file, opened:
            while piece := opened.readframes(int(rate * PIECE_S)):
                yield piece

    return read()


def _converted(path: Path, options: dict[str, Any]) -> Generator[bytes, None, None]:
    """Any other file, by ffmpeg."""
    options |= {"encoding": "pcm_s16le", "sample_rate": 16_000}
    output = ["-vn", "-f", "s16le", "-acodec", "pcm_s16le", "-ac", "1", "-ar", "16000", "pipe:1"]
    command = [_ffmpeg(), "-v", "error", "-nostdin", "-i", f"file:{path.absolute()}", *output]

    def read() -> Generator[bytes, None, None]:
        # A file for what it says: a pipe would fill up while nobody reads it, and it says much of a damaged file.
        with tempfile.TemporaryFile() as complaints:
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints) as process:
                assert process.stdout is not None
                try:
                    while piece := process.stdout.read(piece_bytes(options)):
                        yield piece
                except GeneratorExit:
                    process.kill()
                    raise
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip()
        if process.returncode:
            raise ValueError(f"{path} cannot be read as audio: {said.splitlines()[-1] if said else 'ffmpeg failed'}")

    return read()


def _ffmpeg() -> str:
    if found := shutil.which("ffmpeg"):
        return found
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        message = "Only WAV files (16 bits, mono) and raw audio can be streamed without ffmpeg: install ffmpeg."
        raise ValueError(message) from None

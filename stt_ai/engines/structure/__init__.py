"""The structure of a file, read before decoding: whether it is truncated, has holes, begins anew or is encrypted.

Only what is cheap to read is read: box and chunk headers, Ogg pages, and the headers of MPEG audio and AAC frames.
"""

from typing import BinaryIO

from stt_ai.engines.containers import Container
from stt_ai.engines.frame_walk import adts_frame, mpeg_frame
from stt_ai.engines.structure import asf, iso, riff, streams
from stt_ai.engines.structure.model import FileSlice, Reader, Structure

__all__ = ["FileSlice", "Structure", "inspect"]

_DEEP = frozenset({"w64", "aiff", "au", "caf", "wv"})
_READERS: dict[str, Reader] = {
    "ogg": streams.read_ogg,
    "mov": iso.read_movie,
    "wav": riff.read_wav,
    "avi": riff.read_avi,
    "aiff": riff.read_chunked(">"),
    "mpeg": streams.read_program,
    "mpegts": streams.read_transport,
    "au": streams.read_au,
    "flac": streams.read_flac,
    "asf": asf.read_asf,
    "matroska": streams.read_matroska,
    "mp3": streams.read_frames(mpeg_frame),
    "aac": streams.read_frames(adts_frame),
}


def inspect(file: BinaryIO, size: int, container: Container) -> Structure:
    """Return what the file's container says of it, without decoding."""
    structure = Structure([FileSlice(container.start, size)], deep=container.demuxer in _DEEP)
    reader = _READERS.get(container.demuxer)
    if reader is not None:
        reader(file, container.start, size, structure)
    return structure

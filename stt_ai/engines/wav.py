"""Reads WAV that is 16 kHz mono already, without ffmpeg: starting a program takes longer than the work."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from stt_ai.types import SAMPLE_RATE

_PLAIN = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, SAMPLE_RATE * 2, 2, 16)
_HEADER_CHUNKS = 16
_BLOCK_BYTES = 1 << 20


def plain_extent(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Return (offset, bytes) of the samples of a 16 kHz mono 16-bit PCM WAV whose header fits the file's ``size``.

    None for everything else, however slightly odd: that is ffmpeg's.
    """
    file.seek(0)
    if file.read(12)[:4] != b"RIFF":
        return None
    position, plain = 12, False
    for _ in range(_HEADER_CHUNKS):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return None
        name, length = struct.unpack("<4sI", header)
        position += 8
        if name == b"fmt ":
            if length not in (16, 18) or file.read(16) != _PLAIN:
                return None
            plain = True
        elif name == b"data":
            whole = 0 < length <= size - position and length % 2 == 0
            return (position, length) if plain and whole else None
        position += length + length % 2
    return None


def read(file: BinaryIO, extent: tuple[int, int]) -> Iterator[bytes]:
    """Yield the bytes of ``extent`` in blocks of whole samples."""
    offset, left = extent
    file.seek(offset)
    while left:
        block = file.read(min(left, _BLOCK_BYTES))
        if not block:
            return
        left -= len(block)
        yield block

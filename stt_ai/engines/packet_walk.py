"""Steps from packet to packet through AVI and MPEG program streams, whose demuxers pass over damage in silence."""

from collections.abc import Callable
from typing import BinaryIO

_READ = 1 << 20
_MAX_PACKETS = 1_000_000
_MAX_HEADER = 16

Step = Callable[[bytes, int], int]
"""(bytes, position) -> length of the packet there, or 0 where none is."""


def is_unbroken(file: BinaryIO, start: int, end: int, step: Step) -> bool:
    """Return whether bytes [start, end) are packets in a row, except a truncated last one or zeros."""
    held, base, position = b"", start, start
    for _ in range(_MAX_PACKETS):
        if position >= end:
            return True
        if position + _MAX_HEADER > base + len(held):
            file.seek(position)
            held, base = file.read(min(_READ, end - position)), position
        if len(held) + base - position < _MAX_HEADER:
            return True
        length = step(held, position - base)
        if not length:
            return not any(held[position - base :])
        position += length
    return True


def avi_chunk(data: bytes, at: int) -> int:
    """Return the length of a chunk of a stream, an index, padding, or the head of a list, whose chunks follow."""
    name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
    if name in (b"LIST", b"RIFF"):
        return 12
    of_stream = name[:2].isdigit() and name[2:].isalnum()
    if of_stream or name in (b"JUNK", b"idx1") or name[:2] == b"ix":
        return 8 + length + length % 2
    return 0


def program_packet(data: bytes, at: int) -> int:
    """Return the length of a pack header, system header, PES packet or end code (ISO/IEC 13818-1, 2.5.3)."""
    if data[at : at + 3] != b"\0\0\1":
        return 0
    code = data[at + 3]
    if code == 0xB9:
        return 4
    if code == 0xBA:
        return 14 + (data[at + 13] & 7) if data[at + 4] >> 6 == 1 else 12
    return 6 + int.from_bytes(data[at + 4 : at + 6], "big") if code >= 0xBB else 0

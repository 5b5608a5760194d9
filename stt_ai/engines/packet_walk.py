"""Steps from packet to packet through AVI and MPEG program streams, whose demuxers pass over damage in silence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

_READ = 1 << 20
_MAX_PACKETS = 1_000_000
_MAX_HEADER = 16

Step = Callable[[bytes], int]
"""The first `_MAX_HEADER` bytes of a packet -> its length, or 0 where it is none."""


@dataclass(frozen=True, slots=True)
class PacketWalk:
    """``unbroken``: the bytes are packets in a row, except a truncated last one or zeros.

    ``truncated``: the last packet, or its header, goes on behind the end.
    """

    unbroken: bool
    truncated: bool = False


def walk_packets(file: BinaryIO, start: int, end: int, step: Step) -> PacketWalk:
    """Step through the bytes [start, end) of a file."""
    held, base, position = b"", start, start
    for _ in range(_MAX_PACKETS):
        if position >= end:
            return PacketWalk(True, truncated=position > end)
        if position + _MAX_HEADER > base + len(held):
            file.seek(position)
            held, base = file.read(min(_READ, end - position)), position
        rest = held[position - base : position - base + _MAX_HEADER]
        length = step(rest.ljust(_MAX_HEADER, b"\0"))
        if not length:
            left = held[position - base :]
            at_end = len(left) < _MAX_HEADER
            return PacketWalk(at_end or not any(left), truncated=at_end and any(left))
        position += length
    return PacketWalk(True)


def avi_chunk(data: bytes) -> int:
    """Return the length of a chunk of a stream, an index, padding, or the head of a list, whose chunks follow."""
    name, length = data[:4], int.from_bytes(data[4:8], "little")
    if name in (b"LIST", b"RIFF"):
        return 12
    of_stream = name[:2].isdigit() and name[2:].isalnum()
    if of_stream or name in (b"JUNK", b"idx1") or name[:2] == b"ix":
        return 8 + length + length % 2
    return 0


def program_packet(data: bytes) -> int:
    """Return the length of a pack header, system header, PES packet or end code (ISO/IEC 13818-1, 2.5.3)."""
    if data[:3] != b"\0\0\1":
        return 0
    code = data[3]
    if code == 0xB9:
        return 4
    if code == 0xBA:
        return 14 + (data[13] & 7) if data[4] >> 6 == 1 else 12
    return 6 + int.from_bytes(data[4:6], "big") if code >= 0xBB else 0

"""Readers of formats with a simple structure."""

import struct
from typing import BinaryIO

from stt_ai.engines import ogg
from stt_ai.engines.frame_walk import FrameAt, walk
from stt_ai.engines.frames import packets
from stt_ai.engines.packet_walk import program_packet, walk_packets
from stt_ai.engines.structure.model import STREAMED_FROM, FileSlice, Reader, Structure, read_at


def read_ogg(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """Read an Ogg file from ``start`` into ``structure``."""
    links = ogg.links(file, start, size)
    structure.slices = [FileSlice(link.start, link.end, link.damaged) for link in links]
    structure.damaged = any(link.damaged for link in links)
    structure.truncated = links[-1].cut


def read_program(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """Read an MPEG program stream from ``start`` into ``structure``."""
    walked = walk_packets(file, start, size, program_packet)
    structure.damaged, structure.truncated = not walked.unbroken, walked.truncated


def read_au(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """Read an AU file from ``start`` into ``structure``."""
    header = read_at(file, start, 24)
    if len(header) == 24:
        offset, length = struct.unpack_from(">II", header, 4)
        structure.truncated = length < STREAMED_FROM and offset + length > size - start


def read_transport(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """Read whole packets, from the first whole one on."""
    head = read_at(file, start, 1 << 16)
    found = packets(head)
    if found is not None:
        first, stride = found
        structure.truncated = (size - start - first) % stride != 0
        flags = head[first + (4 if stride == 192 else 0) + 3 :: stride]
        structure.encrypted = sum(flag & 0xC0 > 0 for flag in flags) > len(flags) // 2


def read_flac(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """Read a FLAC file from ``start`` into ``structure``."""
    head = read_at(file, start, 42)
    if len(head) == 42 and head[:4] == b"fLaC" and head[4] & 0x7F == 0:
        packed = int.from_bytes(head[18:26], "big")
        rate, total = packed >> 44, packed & (1 << 36) - 1
        structure.deep = (packed >> 36 & 31) + 1 > 16
        structure.claimed_s = total / rate if rate else 0.0


def read_matroska(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """A segment that says where it ends, after the EBML header."""
    head = read_at(file, start, 4096)
    structure.deep = any(codec in head for codec in (b"A_PCM", b"A_FLAC", b"A_ALAC", b"A_WAVPACK", b"A_TTA"))
    _, header, position = _element(head, 0)
    name, length, body = _element(head, position + header)
    if name == 0x18538067 and length >= 0:
        structure.truncated = start + body + length > size


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """Return (identifier, length or -1, offset of the body) of an EBML element."""
    numbers = []
    for keep in (True, False):
        if at >= len(data) or not data[at]:
            return 0, -1, at
        width = 9 - data[at].bit_length()
        number = int.from_bytes(data[at : at + width], "big")
        ones = (1 << 7 * width) - 1
        numbers.append(number if keep else -1 if number & ones == ones else number & ones)
        at += width
    return numbers[0], numbers[1], at


def read_frames(frame_at: FrameAt) -> Reader:
    """Return the reader of a format that is frames one after another, each found by ``frame_at``."""

    def read(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
        walked = walk(file, start, size, frame_at)
        structure.truncated = walked.truncated
        structure.holes = walked.missing()
        structure.damaged = bool(walked.holes) or walked.beheaded
        structure.claimed_s = walked.claimed_s
        structure.tags = walked.tags

    return read

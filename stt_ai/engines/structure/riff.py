"""WAV and AVI (RIFF) and AIFF (FORM): chunks of which each says how long it is."""

import struct
from typing import BinaryIO

import numpy as np

from stt_ai.engines.packet_walk import avi_chunk, walk_packets
from stt_ai.engines.structure.model import MAX_SLICES, STREAMED_FROM, Reader, Structure, read_at

_EXTENSIBLE = 0xFFFE
_MAX_CHUNKS = 64
_MOSTLY = 0.99
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)


def read_chunked(order: str) -> Reader:
    """RIFF and FORM: a size in the header, and chunks of which the one with the sound has one too."""

    def read(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
        header = read_at(file, start, 12)
        if len(header) < 12:
            return
        length = struct.unpack_from(f"{order}I", header, 4)[0]
        is_claimed = length not in _UNKNOWN_SIZES and length < STREAMED_FROM and header[:4] != b"RF64"
        end = start + 8 + length + length % 2
        structure.truncated = is_claimed and end > size + 1
        if is_claimed and end < size:
            _following(file, end, size, header, structure)
            structure.damaged = len(structure.slices) == 1 and _is_unknown(file, end, size)

    return read


def _is_unknown(file: BinaryIO, start: int, size: int) -> bool:
    """Return whether bytes [start, size) are neither padding nor tags nor a chunk, so that the header is wrong."""
    head = read_at(file, start, 1 << 16)
    name, length = head[:4], int.from_bytes(head[4:8], "little")
    is_chunk = name.isascii() and name.isalnum() and start + 8 + length <= size + 1
    return any(head) and not head.startswith((b"ID3", b"TAG", b"APETAGEX")) and not is_chunk


def _following(file: BinaryIO, end: int, size: int, header: bytes, structure: Structure) -> None:
    """Recordings that were joined byte by byte: each is a piece."""
    slices = [structure.slices[0].start]
    if header[8:12] not in (b"WAVE", b"AIFF", b"AIFC"):
        return
    while end + 12 <= size and len(slices) < MAX_SLICES:
        found = read_at(file, end, 12)
        if found[:4] != header[:4] or found[8:12] != header[8:12]:
            break
        slices.append(end)
        order = ">" if header[:4] == b"FORM" else "<"
        end += 8 + struct.unpack_from(f"{order}I", found, 4)[0]
    if len(slices) > 1:
        structure.begin_at(slices)
        structure.truncated = end > size + 1


def read_avi(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """Read an AVI file from ``start`` into ``structure``."""
    read_chunked("<")(file, start, size, structure)
    movie = read_at(file, start, 1 << 16).find(b"movi")
    if movie > 0:
        structure.damaged |= not walk_packets(file, start + movie + 4, size, avi_chunk).unbroken


def read_wav(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """Read a WAV file from ``start`` into ``structure``."""
    read_chunked(">" if read_at(file, start, 4) == b"RIFX" else "<")(file, start, size, structure)
    structure.deep = True
    if len(structure.slices) > 1:
        return
    position, layout = start + 12, b""
    for _ in range(_MAX_CHUNKS):
        header = read_at(file, position, 8)
        if len(header) < 8:
            return
        name, length = struct.unpack("<4sI", header)
        if name == b"fmt ":
            layout = file.read(min(length, 26))
        if name == b"data" and len(layout) >= 16:
            _wav_data(file, position + 8, length, layout, structure)
            return
        position += 8 + length + length % 2


def _wav_data(file: BinaryIO, start: int, length: int, layout: bytes, structure: Structure) -> None:
    form, channels, _, rate, align, bits = struct.unpack_from("<HHIIHH", layout)
    if form == _EXTENSIBLE and len(layout) == 26:
        _, bits, _, form = struct.unpack_from("<HHIH", layout, 16)
    structure.deep = bits > 16
    if structure.truncated and rate:
        structure.claimed_s = length / rate
    if form == 1 and bits == 24 and align == 4 * channels:
        # 24 bits in containers of 32. ffmpeg takes them for floating point of that range, which one editor wrote.
        values = np.frombuffer(read_at(file, start, 1 << 16)[: min(length, 1 << 16) & ~3], "<f4")
        normal = np.isfinite(values) & ((values == 0) | ((np.abs(values) > 1e-3) & (np.abs(values) <= 1 << 24)))
        structure.decoder = "" if normal.mean() > _MOSTLY else "pcm_s32le"

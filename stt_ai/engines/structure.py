"""What a file's own structure says before anything is decoded: where it is cut off, has holes, begins anew, is locked.

Only what is cheap to read is read: box and chunk headers, Ogg pages, and the headers of MPEG audio and AAC frames.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from stt_ai.engines import ogg
from stt_ai.engines.containers import Container
from stt_ai.engines.frame_walk import Frame, adts_frame, mpeg_frame, walk
from stt_ai.engines.frames import packets
from stt_ai.engines.packet_walk import avi_chunk, is_unbroken, program_packet

_MAX_BOXES = 100_000
_MAX_PIECES = 100
_EXTENSIBLE = 0xFFFE
_MAX_CHUNKS = 64
_ASF_PACKETS = 256
_MOSTLY = 0.99
_UNTOLD_SIZES = (0, 0xFFFFFFFF)
_STREAMED_FROM = 0x7FFFF000
"""Programs that write to a pipe leave the greatest size that they know in the header."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes [start, end) that are a whole file of their own. ``mended``: an Ogg link whose pages are not all right."""

    start: int
    end: int
    mended: bool = False


@dataclass(slots=True)
class Structure:
    """``claimed_s``: seconds of sound by the header. ``holes``: (seconds of sound before it, seconds missing)."""

    pieces: list[Piece]
    claimed_s: float = 0.0
    truncated: bool = False
    damaged: bool = False
    encrypted: bool = False
    holes: list[tuple[float, float]] = field(default_factory=list)
    tags: int = 0
    """In the middle of the sound, where they are none of it."""
    decoder: str = ""
    """The one to take where ffmpeg would take a wrong one."""


def inspect(file: BinaryIO, size: int, start: int, container: Container) -> Structure:
    """``start``: where the first bytes of the format itself lie, after tags that do not belong to it."""
    structure = Structure([Piece(start, size)])
    reader = _READERS.get(container.demuxer)
    if reader is not None:
        reader(file, start, size, structure)
    return structure


def _ogg(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    links = ogg.links(file, start, size)
    structure.pieces = [Piece(link.start, link.end, link.damaged) for link in links]
    structure.damaged = any(link.damaged for link in links)
    structure.truncated = links[-1].cut


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(name, start of the body, end as it says, length as it says or 0) of ISO boxes, one after the other."""
    position = start
    for _ in range(_MAX_BOXES):
        file.seek(position)
        header = file.read(16)
        if position + 8 > end or len(header) < 8:
            return
        length, name = struct.unpack_from(">I4s", header)
        body = 8
        if length == 1 and len(header) == 16:
            length, body = struct.unpack_from(">Q", header, 8)[0], 16
        if length == 0:
            yield name, position + body, end, 0
            return
        if length < body:
            return
        yield name, position + body, position + length, length
        position += length


def _mov(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    pieces: list[int] = [start]
    movie = False
    for name, body, end, _ in _boxes(file, start, size):
        structure.truncated |= end > size
        if name == b"ftyp" and movie and len(pieces) < _MAX_PIECES:
            pieces.append(body - 8)
            movie = False
        movie |= name in (b"moov", b"mdat")
        if name == b"moov":
            structure.encrypted |= _first_sound_is_locked(file, body, min(end, size))
    structure.pieces = [Piece(first, last) for first, last in zip(pieces, [*pieces[1:], size], strict=True)]


def _first_sound_is_locked(file: BinaryIO, start: int, end: int) -> bool:
    """The sample entry of the first audio track is an encrypted one (ISO/IEC 14496-12, 8.12)."""
    for name, body, last, _ in _boxes(file, start, end):
        if name != b"trak":
            continue
        entry = _sample_entry(file, body, min(last, end))
        if entry in (b"enca", b"drms"):
            return True
        if entry in (b"mp4a", b"alac", b"Opus", b"fLaC", b"ac-3", b"ec-3"):
            return False
    return False


def _sample_entry(file: BinaryIO, start: int, end: int) -> bytes:
    for wanted in (b"mdia", b"minf", b"stbl", b"stsd"):
        for name, body, last, _ in _boxes(file, start, end):
            if name == wanted:
                start, end = body, min(last, end)
                break
        else:
            return b""
    file.seek(start)
    return file.read(16)[12:16]


def _chunked(order: str) -> Callable[[BinaryIO, int, int, Structure], None]:
    """RIFF and FORM: a size in the header, and chunks of which the one with the sound has one too."""

    def read(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
        file.seek(start)
        header = file.read(12)
        if len(header) < 12:
            return
        length = struct.unpack_from(f"{order}I", header, 4)[0]
        told = length not in _UNTOLD_SIZES and length < _STREAMED_FROM and header[:4] != b"RF64"
        end = start + 8 + length + length % 2
        structure.truncated = told and end > size + 1
        if told and end < size:
            _following(file, end, size, header, structure)
            structure.damaged = len(structure.pieces) == 1 and _is_unknown(file, end, size)

    return read


def _is_unknown(file: BinaryIO, start: int, size: int) -> bool:
    """Bytes [start, size) are neither padding nor tags nor a chunk, so the header is not true to the file."""
    file.seek(start)
    head = file.read(1 << 16)
    name, length = head[:4], int.from_bytes(head[4:8], "little")
    is_chunk = name.isascii() and name.isalnum() and start + 8 + length <= size + 1
    return any(head) and not head.startswith((b"ID3", b"TAG", b"APETAGEX")) and not is_chunk


def _following(file: BinaryIO, end: int, size: int, header: bytes, structure: Structure) -> None:
    """Recordings that were joined byte by byte: each is a piece."""
    pieces = [structure.pieces[0].start]
    if header[8:12] not in (b"WAVE", b"AIFF", b"AIFC"):
        return
    while end + 12 <= size and len(pieces) < _MAX_PIECES:
        file.seek(end)
        found = file.read(12)
        if found[:4] != header[:4] or found[8:12] != header[8:12]:
            break
        pieces.append(end)
        order = ">" if header[:4] == b"FORM" else "<"
        end += 8 + struct.unpack_from(f"{order}I", found, 4)[0]
    if len(pieces) > 1:
        structure.pieces = [Piece(first, last) for first, last in zip(pieces, [*pieces[1:], size], strict=True)]
        structure.truncated = end > size + 1


def _avi(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    _chunked("<")(file, start, size, structure)
    file.seek(start)
    movie = file.read(1 << 16).find(b"movi")
    if movie > 0:
        structure.damaged |= not is_unbroken(file, start + movie + 4, size, avi_chunk)


def _program(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    structure.damaged = not is_unbroken(file, start, size, program_packet)


def _wav(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    file.seek(start)
    _chunked(">" if file.read(4) == b"RIFX" else "<")(file, start, size, structure)
    if len(structure.pieces) > 1:
        return
    position, layout = start + 12, b""
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        header = file.read(8)
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
    if structure.truncated and rate:
        structure.claimed_s = length / rate
    if form == 1 and bits == 24 and align == 4 * channels:
        # 24 bits in containers of 32. ffmpeg takes them for floating point of that range, which one editor wrote.
        file.seek(start)
        values = np.frombuffer(file.read(1 << 16 & ~3), "<f4")
        normal = np.isfinite(values) & ((values == 0) | ((np.abs(values) > 1e-3) & (np.abs(values) <= 1 << 24)))
        structure.decoder = "" if normal.mean() > _MOSTLY else "pcm_s32le"


def _au(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    file.seek(start)
    header = file.read(24)
    if len(header) == 24:
        offset, length = struct.unpack_from(">II", header, 4)
        structure.truncated = length < _STREAMED_FROM and offset + length > size - start


def _transport(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """Whole packets, from the first whole one on."""
    file.seek(start)
    found = packets(file.read(1 << 16))
    if found is not None:
        first, stride = found
        structure.truncated = (size - start - first) % stride != 0


def _flac(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    file.seek(start)
    head = file.read(42)
    if len(head) == 42 and head[:4] == b"fLaC" and head[4] & 0x7F == 0:
        packed = int.from_bytes(head[18:26], "big")
        rate, total = packed >> 44, packed & (1 << 36) - 1
        structure.claimed_s = total / rate if rate else 0.0


def _asf(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """The file properties object holds the file's size, unless the file was broadcast."""
    file.seek(start)
    head = file.read(8192)
    at = head.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    if 0 <= at <= len(head) - 104:
        told, flags = struct.unpack_from("<Q", head, at + 40)[0], struct.unpack_from("<I", head, at + 88)[0]
        structure.truncated = not flags & 1 and told > size - start
        shortest, longest = struct.unpack_from("<II", head, at + 92)
        structure.damaged = shortest != longest or not _has_asf_packets(file, start, size, longest)
    locked = (bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"), bytes.fromhex("e1be8a29f5c5d311b1bd00805fc6dd67"))
    structure.encrypted = any(identifier in head for identifier in locked)


def _has_asf_packets(file: BinaryIO, start: int, size: int, length: int) -> bool:
    """All packets are of one length; each begins with the same flags as the first."""
    file.seek(start)
    begun = file.read(1 << 16).find(bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c"))
    if begun < 0 or not 16 <= length <= 1 << 16:
        return True
    position = start + begun + 50
    count = int.from_bytes(_bytes_at(file, start + begun + 40, 8), "little")
    end = min(size, position + count * length) if count else size
    first = _bytes_at(file, position, 1)
    while position < end:
        block = _bytes_at(file, position, min(_ASF_PACKETS * length, end - position))
        if not block or set(block[::length]) != set(first):
            return False
        position += _ASF_PACKETS * length
    return True


def _bytes_at(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)


def _matroska(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """A segment that says where it ends, after the EBML header."""
    file.seek(start)
    head = file.read(4096)
    _, header, position = _element(head, 0)
    name, length, body = _element(head, position + header)
    if name == 0x18538067 and length >= 0:
        structure.truncated = start + body + length > size


def _element(data: bytes, at: int) -> tuple[int, int, int]:
    """(identifier, length or -1, offset of the body) of an EBML element."""
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


def _walked(frame_at: Callable[[bytes], Frame | None]) -> Callable[[BinaryIO, int, int, Structure], None]:
    def read(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
        walked = walk(file, start, size, frame_at)
        structure.truncated = walked.truncated
        structure.holes = walked.missing()
        structure.damaged = bool(walked.holes) or walked.beheaded
        structure.claimed_s = walked.claimed_s
        structure.tags = walked.tags

    return read


_READERS: dict[str, Callable[[BinaryIO, int, int, Structure], None]] = {
    "ogg": _ogg,
    "mov": _mov,
    "wav": _wav,
    "avi": _avi,
    "mpeg": _program,
    "aiff": _chunked(">"),
    "au": _au,
    "mpegts": _transport,
    "flac": _flac,
    "asf": _asf,
    "matroska": _matroska,
    "mp3": _walked(mpeg_frame),
    "aac": _walked(adts_frame),
}

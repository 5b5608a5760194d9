"""The pages of an Ogg file (RFC 3533): its links, what is damaged, and a copy of a link that any decoder can read.

ffmpeg stops or loses its place at a second link with other parameters and at pages that fail their checksum.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_HEAD = struct.Struct("<4sBBqIIIB")
_READ = 1 << 20
_LARGEST_PAGE = 27 + 255 + 255 * 255
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_FIRST, _LAST = 2, 4
MAX_LINKS = 500
_LARGEST_STEP = 48_000 * 10
"""No page holds more samples; a greater granule position is part of the damage."""


@dataclass(frozen=True, slots=True)
class Page:
    """``intact``: its checksum is right."""

    offset: int
    length: int
    flags: int
    granule: int
    serial: int
    number: int
    intact: bool


@dataclass(frozen=True, slots=True)
class Link:
    """One complete stream, or several side by side: bytes [start, end) of the file."""

    start: int
    end: int
    damaged: bool
    """Pages are missing or fail their checksum, or there are other bytes between them."""
    cut: bool = False
    """The last page is not all there."""


def checksum(page: bytes) -> int:
    """Return the CRC-32 of a whole page, its own field taken as zero.

    It is zlib's polynomial with the bits in the other order, and nothing added at either end.
    """
    blank = page[:22] + bytes(4) + page[26:]
    mirrored = zlib.crc32(blank.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def pages(file: BinaryIO, start: int, end: int) -> Iterator[tuple[Page, bytes]]:
    """Yield every page in bytes [start, end) with its bytes, stepping over what is none, as a page that is cut off."""
    held, at, offset = b"", 0, start
    while True:
        if len(held) - at < _LARGEST_PAGE:
            file.seek(offset + len(held) - at)
            held, at = held[at:] + file.read(max(0, min(_READ, end - offset - len(held) + at))), 0
        if len(held) - at < _HEAD.size:
            return
        page = _page_at(held, at, offset)
        if page is not None:
            yield page, held[at : at + page.length]
            step = page.length
        else:
            found = held.find(b"OggS", at + 1)
            step = (found if found > 0 else max(len(held) - 3, at + 1)) - at
        at, offset = at + step, offset + step


def _page_at(data: bytes, at: int, offset: int) -> Page | None:
    magic, version, flags, granule, serial, number, crc, segments = _HEAD.unpack_from(data, at)
    if magic != b"OggS" or version:
        return None
    body = at + _HEAD.size + segments
    end = body + sum(data[at + _HEAD.size : body])
    if len(data) < end:
        return None
    intact = checksum(data[at:end]) == crc
    # Of a page that fails its checksum the length may be wrong as well.
    if not intact and data[end : end + 4] not in (b"OggS", b""):
        return None
    return Page(offset, end - at, flags, granule, serial, number, intact)


def links(file: BinaryIO, start: int, size: int) -> list[Link]:
    """Return the links in order; at least one."""
    begun, damaged, headers, expected = start, False, True, start
    numbers: dict[int, int] = {}
    found: list[Link] = []
    for page, _ in pages(file, start, size):
        first = bool(page.flags & _FIRST) and page.intact
        if first and not headers and len(found) < MAX_LINKS:
            found.append(Link(begun, page.offset, damaged))
            begun, damaged, numbers = page.offset, False, {}
        elif page.offset != expected:
            damaged = True
        headers = first
        damaged |= not page.intact or page.number != numbers.get(page.serial, page.number - 1) + 1
        numbers[page.serial] = page.number
        expected = page.offset + page.length
    file.seek(expected)
    rest = file.read(4)
    found.append(Link(begun, size, damaged or expected != size, bool(rest) and b"OggS".startswith(rest)))
    return found


def repaired(file: BinaryIO, link: Link) -> Iterator[bytes]:
    """Yield the link's pages alone. One that fails its checksum is taken as it is, with a checksum that fits it."""
    granules: dict[int, int] = {}
    for page, data in pages(file, link.start, link.end):
        if not page.intact:
            before = granules.get(page.serial)
            if before is None or (page.granule != -1 and not before <= page.granule <= before + _LARGEST_STEP):
                continue
            data = data[:22] + struct.pack("<I", checksum(data)) + data[26:]
        granules[page.serial] = max(page.granule, granules.get(page.serial, 0))
        yield data

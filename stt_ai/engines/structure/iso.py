"""MP4, M4A, MOV and 3GP: boxes within boxes (ISO/IEC 14496-12)."""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from stt_ai.engines.structure.model import MAX_SLICES, Structure, read_at

_MAX_BOXES = 100_000
_LOSSY = (b"mp4a", b"Opus", b"ac-3", b"ec-3", b"samr", b"sawb", b".mp3")


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start of the body, end as it says) of ISO boxes, one after the other."""
    position = start
    for _ in range(_MAX_BOXES):
        header = read_at(file, position, 16)
        if position + 8 > end or len(header) < 8:
            return
        length, name = struct.unpack_from(">I4s", header)
        body = 8
        if length == 1 and len(header) == 16:
            length, body = struct.unpack_from(">Q", header, 8)[0], 16
        if length == 0:
            yield name, position + body, end
            return
        if length < body:
            return
        yield name, position + body, position + length
        position += length


def read_movie(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """Read the boxes of an MP4 or MOV file into ``structure``."""
    slices = [start]
    movie = False
    for name, body, end in _boxes(file, start, size):
        structure.truncated |= end > size
        if name == b"ftyp" and movie and len(slices) < MAX_SLICES:
            slices.append(body - 8)
            movie = False
        movie |= name in (b"moov", b"mdat")
        if name == b"moov":
            entry = _first_sound(file, body, min(end, size))
            structure.encrypted |= entry in (b"enca", b"drms")
            structure.deep |= entry not in _LOSSY
    structure.begin_at(slices)


def _first_sound(file: BinaryIO, start: int, end: int) -> bytes:
    """Return the name of the first audio track's sample entry, which says how it is coded."""
    for name, body, last in _boxes(file, start, end):
        if name == b"trak" and _handler(file, body, min(last, end)) == b"soun":
            return _sample_entry(file, body, min(last, end))
    return b""


def _handler(file: BinaryIO, start: int, end: int) -> bytes:
    found = _inside(file, start, end, (b"mdia", b"hdlr"))
    return read_at(file, found[0], 12)[8:12] if found else b""


def _sample_entry(file: BinaryIO, start: int, end: int) -> bytes:
    found = _inside(file, start, end, (b"mdia", b"minf", b"stbl", b"stsd"))
    return read_at(file, found[0], 16)[12:16] if found else b""


def _inside(file: BinaryIO, start: int, end: int, names: tuple[bytes, ...]) -> tuple[int, int] | None:
    """Return where the body of a box lies that is in a box that is in a box, by their ``names``."""
    for wanted in names:
        for name, body, last in _boxes(file, start, end):
            if name == wanted:
                start, end = body, min(last, end)
                break
        else:
            return None
    return start, end

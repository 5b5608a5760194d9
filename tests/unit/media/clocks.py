"""Rewrites the stamps of the sound in a media file, as broken recorders do: no muxer would write them."""

import struct
from collections.abc import Callable, Iterator

Stamp = Callable[[float], float]
"""A packet's time -> the time that it shall claim, both in seconds after the first packet."""


def restamp(kind: str, data: bytes, stamp: Stamp) -> bytes:
    """``data``: a file without pictures in Matroska or WebM, FLV or MPEG-TS, whose stamps are to be changed."""
    out = bytearray(data)
    stamps = list(_STAMPS[kind](data))
    origin = stamps[0][2]
    for offset, write, seconds in stamps:
        write(out, offset, origin + stamp(seconds - origin))
    return bytes(out)


Write = Callable[[bytearray, int, float], None]


def _elements(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(identifier, start of the body, its end) of EBML elements."""
    while at < end:
        width = 9 - data[at].bit_length()
        name, at = data[at : at + width], at + width
        width = 9 - data[at].bit_length()
        length = int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1
        at += width
        last = end if length == (1 << 7 * width) - 1 else min(end, at + length)
        yield name, at, last
        at = last


def _matroska(data: bytes) -> Iterator[tuple[int, Write, float]]:
    """Block times are 16 bits of milliseconds after the cluster's; the cluster's own time is moved to reach further."""
    for name, start, end in _elements(data, 0, len(data)):
        if name != b"\x18\x53\x80\x67":
            continue
        for cluster, first, last in _elements(data, start, end):
            if cluster != b"\x1f\x43\xb6\x75":
                continue
            base = 0
            for inner, body, stop in _elements(data, first, last):
                if inner == b"\xe7":
                    base = int.from_bytes(data[body:stop], "big")
                elif inner == b"\xa0":
                    inner, body, stop = next(_elements(data, body, stop))
                if inner in (b"\xa1", b"\xa3"):
                    relative = struct.unpack_from(">h", data, body + 1)[0]

                    def write(out: bytearray, at: int, seconds: float, base: int = base) -> None:
                        struct.pack_into(">h", out, at, max(-32768, min(32767, round(seconds * 1000) - base)))

                    yield body + 1, write, (base + relative) / 1000


def _flv(data: bytes) -> Iterator[tuple[int, Write, float]]:
    def write(out: bytearray, at: int, seconds: float) -> None:
        value = max(0, round(seconds * 1000))
        out[at : at + 4] = bytes([value >> 16 & 255, value >> 8 & 255, value & 255, value >> 24 & 127])

    at = 13
    while at + 11 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        low, high = int.from_bytes(data[at + 4 : at + 7], "big"), data[at + 7]
        if data[at] == 8 and data[at + 12 : at + 13] != b"\0":  # sound, but no codec header
            yield at + 4, write, (high << 24 | low) / 1000
        at += 15 + size


def _transport(data: bytes) -> Iterator[tuple[int, Write, float]]:
    """The presentation stamp of each PES packet of sound, 33 bits of 90 kHz."""

    def write(out: bytearray, at: int, seconds: float) -> None:
        value = round(seconds * 90_000) & (1 << 33) - 1
        out[at : at + 5] = bytes(
            [
                0x21 | value >> 29 & 0x0E,
                value >> 22 & 0xFF,
                value >> 14 & 0xFE | 1,
                value >> 7 & 0xFF,
                value << 1 & 0xFE | 1,
            ]
        )

    for packet in range(0, len(data) - 187, 188):
        if not data[packet + 1] & 0x40:
            continue
        body = packet + 4 + (1 + data[packet + 4] if data[packet + 3] & 0x20 else 0)
        if data[body : body + 3] == b"\0\0\1" and data[body + 3] & 0xE0 == 0xC0 and data[body + 7] & 0x80:
            b = data[body + 9 : body + 14]
            value = (b[0] >> 1 & 7) << 30 | b[1] << 22 | b[2] >> 1 << 15 | b[3] << 7 | b[4] >> 1
            yield body + 9, write, value / 90_000


_STAMPS: dict[str, Callable[[bytes], Iterator[tuple[int, Write, float]]]] = {
    "mkv": _matroska,
    "mka": _matroska,
    "webm": _matroska,
    "flv": _flv,
    "ts": _transport,
}

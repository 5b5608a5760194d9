"""Walks over the frames of MPEG audio and AAC without a container, and finds the holes: nothing else tells of them."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from stt_ai.engines import frames

_HEADER = 7
_READ = 1 << 20
_LARGEST_FRAME = 1 << 13
_MAX_KNOWN = 1 << 16
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS", b"3DI")
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


@dataclass(frozen=True, slots=True)
class Frame:
    """``length`` in bytes, ``seconds`` of sound; the frames of one stream have the same ``kind``."""

    length: int
    seconds: float
    kind: int


@dataclass(slots=True)
class Walked:
    """``holes``: (seconds of sound before it, bytes that are no frame). ``claimed_s`` is 0 where nothing is claimed."""

    holes: list[tuple[float, int]] = field(default_factory=list)
    seconds: float = 0.0
    bytes: int = 0
    claimed_s: float = 0.0
    truncated: bool = False
    beheaded: bool = False
    """It begins in the middle of a frame."""
    tags: int = 0
    """Between frames, as where files were joined. Decoders take them for damage."""

    def missing(self) -> list[tuple[float, float]]:
        """Return (seconds of sound before it, seconds missing) of each hole.

        Where the header says how much there was, and the end is there, the holes share what is not found any more.
        Else their bytes held as much sound as others do.
        """
        holes = sum(length for _, length in self.holes)
        if not holes or not self.bytes:
            return []
        a_byte = self.seconds / self.bytes
        lost = self.claimed_s - self.seconds
        if not self.truncated and 0 < lost <= max(2 * self.seconds, 10 * holes * a_byte):
            a_byte = lost / holes
        return [(at, length * a_byte) for at, length in self.holes]


def mpeg_frame(header: bytes) -> Frame | None:
    """The MPEG audio frame that starts with these bytes."""
    if header[0] != 0xFF or header[1] < 0xE0:
        return None
    length = frames.mpeg_audio_length(header)
    if not length:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    return Frame(length, samples / frames.SAMPLE_RATES[version][header[2] >> 2 & 3], header[1] & 0xFE)


def adts_frame(header: bytes) -> Frame | None:
    """The AAC frame that starts with these bytes."""
    length = frames.adts_length(header) if header[0] == 0xFF else 0
    if not length:
        return None
    return Frame(length, 1024 * ((header[6] & 3) + 1) / _ADTS_RATES[header[2] >> 2 & 0xF], header[1] & 0xFE)


def walk(file: BinaryIO, start: int, size: int, frame_at: Callable[[bytes], Frame | None]) -> Walked:
    """Step over bytes [start, size), frame after frame."""
    walked = Walked()
    first = True
    for frame, head, length in _steps(file, start, size, frame_at):
        if frame is None:
            if head.startswith(_TAGS):
                walked.tags += 1
            elif walked.seconds:
                walked.holes.append((walked.seconds, length))
            else:
                walked.beheaded |= any(head)
        elif length < frame.length:
            walked.truncated = True
        elif not first or not _read_claim(head, frame, walked):
            walked.seconds += frame.seconds
            walked.bytes += frame.length
        first = first and frame is None
    return walked


def _read_claim(head: bytes, frame: Frame, walked: Walked) -> bool:
    """The first MP3 frame may be a Xing or Info header: how many frames and bytes there are."""
    at = max(head.find(b"Xing", 0, 64), head.find(b"Info", 0, 64))
    if at < 0 or len(head) < at + 16:
        return False
    flags, count = struct.unpack_from(">II", head, at + 4)
    if flags & 1:
        walked.claimed_s = count * frame.seconds
    return True


def _steps(
    file: BinaryIO, start: int, size: int, frame_at: Callable[[bytes], Frame | None]
) -> Iterator[tuple[Frame | None, bytes, int]]:
    """(frame, its first bytes, how many bytes of it there are), or (None, first bytes, length) of what is none."""
    known: dict[bytes, Frame | None] = {}
    held, at, offset = b"", 0, start
    lost = -1
    lost_head = b""
    while True:
        if len(held) - at < 2 * _LARGEST_FRAME:
            file.seek(offset + len(held) - at)
            held, at = held[at:] + file.read(max(0, min(_READ, size - offset - len(held) + at))), 0
        left = len(held) - at
        if left < _HEADER:
            break
        header = held[at : at + _HEADER]
        if header in known:
            frame = known[header]
        else:
            if len(known) > _MAX_KNOWN:
                known.clear()
            frame = known[header] = frame_at(header)
        if frame is not None and (lost < 0 or _is_followed(held, at, frame, frame_at)):
            if lost >= 0:
                yield None, lost_head, offset - lost
                lost = -1
            yield frame, held[at : at + 64], min(frame.length, left)
            step = min(frame.length, left)
        else:
            if lost < 0:
                lost, lost_head = offset, held[at : at + 64]
            found = held.find(b"\xff", at + 1)
            step = found - at if found > 0 else left
        at, offset = at + step, offset + step
    if lost >= 0 and any(lost_head) and size - lost > _HEADER:
        yield None, lost_head, size - lost


def _is_followed(held: bytes, at: int, frame: Frame, frame_at: Callable[[bytes], Frame | None]) -> bool:
    """Among other bytes, what looks like a frame is one where another of its kind follows, or the file ends."""
    following = held[at + frame.length : at + frame.length + _HEADER]
    if len(following) < _HEADER:
        return len(held) - at <= frame.length + _HEADER
    another = frame_at(following)
    return another is not None and another.kind == frame.kind

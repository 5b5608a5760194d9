"""Walks over the frames of MPEG audio and AAC without a container, to find holes, which nothing else shows."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from stt_ai.engines import frames

_HEADER = 7
_READ = 1 << 20
_MAX_KNOWN = 1 << 16
_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICS", b"3DI")
_ADTS_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


@dataclass(frozen=True, slots=True)
class Frame:
    """``length`` in bytes, ``seconds`` of sound; the frames of one stream have the same ``kind``."""

    length: int
    seconds: float
    kind: int


FrameAt = Callable[[bytes], Frame | None]
"""The frame that starts with these bytes, or None. It looks at `_HEADER` bytes at most, and for MPEG audio at 4."""

_UNKNOWN = Frame(0, 0.0, -1)


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
    """Return the MPEG audio frame that starts with these bytes."""
    if header[0] != 0xFF or header[1] < 0xE0:
        return None
    length = frames.mpeg_audio_length(header)
    if not length:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    samples = 384 if layer == 1 else 576 if layer == 3 and version != 3 else 1152
    return Frame(length, samples / frames.SAMPLE_RATES[version][header[2] >> 2 & 3], header[1] & 0xFE)


def adts_frame(header: bytes) -> Frame | None:
    """Return the AAC frame that starts with these bytes."""
    length = frames.adts_length(header) if header[0] == 0xFF else 0
    if not length:
        return None
    return Frame(length, 1024 * ((header[6] & 3) + 1) / _ADTS_RATES[header[2] >> 2 & 0xF], header[1] & 0xFE)


def walk(file: BinaryIO, start: int, size: int, frame_at: FrameAt) -> Walked:
    """Step over bytes [start, size), frame after frame."""
    walked, reader, position = Walked(), _Reader(file, size, frame_at), start
    first = reader.frame(start)
    if first is not None and _read_claim(reader.bytes(start, 64), first, walked):
        position += first.length
    while size - position >= _HEADER:
        position = reader.run(position, walked)
        if position > size or 0 < size - position < _HEADER:
            walked.truncated |= position > size or reader.bytes(position, 1) == b"\xff"
        elif size - position >= _HEADER:
            lost = position
            position = reader.find(position)
            head = reader.bytes(lost, 64)
            if any(head) or position < size:  # else it is padding
                _note(head, position - lost, walked)
    return walked


def _note(head: bytes, length: int, walked: Walked) -> None:
    """Between frames there are ``length`` bytes that begin with ``head``."""
    if head.startswith(_TAGS):
        walked.tags += 1
    elif walked.seconds:
        walked.holes.append((walked.seconds, length))
    else:
        walked.beheaded |= any(head)


def _read_claim(head: bytes, frame: Frame, walked: Walked) -> bool:
    """Return the number of frames by the Xing or Info header, which may be the first MP3 frame and holds no sound."""
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at < 0 or len(head) < at + 12:
        return False
    flags, count = struct.unpack_from(">II", head, at + 4)
    if flags & 1:
        walked.claimed_s = count * frame.seconds
    return True


class _Reader:
    """Reads a file mostly forwards, and parses a header once for all frames that have the same."""

    def __init__(self, file: BinaryIO, size: int, frame_at: FrameAt) -> None:
        self._file = file
        self._size = size
        self._frame_at = frame_at
        self._compared_bytes = 4 if frame_at is mpeg_frame else _HEADER
        self._known: dict[bytes, Frame | None] = {}
        self._held, self._base = b"", 0

    def bytes(self, position: int, length: int) -> bytes:
        at = position - self._base
        if not 0 <= at <= len(self._held) - length:
            self._file.seek(position)
            self._held, self._base, at = self._file.read(min(_READ, max(0, self._size - position))), position, 0
        return self._held[at : at + length]

    def frame(self, position: int) -> Frame | None:
        header = self.bytes(position, _HEADER)
        return self._frame_at(header) if len(header) == _HEADER else None

    def run(self, position: int, walked: Walked) -> int:
        """Step over frames as long as there are some; return where they end, which a cut frame does behind the file."""
        known, seconds, begun = self._known, 0.0, position
        while True:
            header = self.bytes(position, _HEADER)
            if len(header) < _HEADER:
                break
            header = header[: self._compared_bytes]
            frame = known.get(header, _UNKNOWN)
            if frame is _UNKNOWN:
                if len(known) > _MAX_KNOWN:
                    known.clear()
                frame = known[header] = self._frame_at(header)
            if frame is None:
                break
            position += frame.length
            if position > self._size:
                walked.bytes += position - frame.length - begun
                walked.seconds += seconds
                return position
            seconds += frame.seconds
        walked.bytes += position - begun
        walked.seconds += seconds
        return position

    def find(self, position: int) -> int:
        """Return where, behind other bytes, frames begin again: one that another of its kind follows, or the end."""
        position += 1
        while self._size - position >= _HEADER:
            self.bytes(position, _HEADER)
            found = self._held.find(b"\xff", position - self._base)
            if found < 0:
                position = self._base + len(self._held)
                continue
            position = self._base + found
            frame = self.frame(position)
            if frame is not None:
                following = self.frame(position + frame.length)
                ends = position + frame.length + _HEADER > self._size
                if ends or (following is not None and following.kind == frame.kind):
                    return position
            position += 1
        return self._size

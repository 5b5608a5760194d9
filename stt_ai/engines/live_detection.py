"""The format of live audio that is not declared: raw samples, unless its first bytes are a container's."""

import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from stt_ai.errors import UnsupportedEncoding

HEAD_BYTES = 12
MAX_WAV_HEADER = 4096

_OPUS = (b"OggS", b"\x1a\x45\xdf\xa3")
_OTHERS = {
    b"fLaC": "FLAC",
    b"ID3\x02": "MP3",
    b"ID3\x03": "MP3",
    b"ID3\x04": "MP3",
    b"caff": "CAF",
    b"FORM": "AIFF",
    b"0&\xb2u": "WMA",
    b"FLV\x01": "FLV",
}
_WAV_ENCODINGS = {(1, 16): "pcm_s16le", (6, 8): "alaw", (7, 8): "mulaw", (0xFFFE, 16): "pcm_s16le"}
"""(format tag, bits of a sample) -> encoding. Of the extensible format, what 16 bits nearly always are."""
_RATES = range(8_000, 48_001)


@dataclass(frozen=True, slots=True)
class Detected:
    """``head``: the bytes that were read to find out, without what is no audio."""

    encoding: str
    sample_rate: int
    head: bytes


async def detect(sample_rate: int, pieces: AsyncIterator[bytes]) -> Detected | None:
    """Return what the audio is; None where none came. Raise `UnsupportedEncoding` for what a stream does not take.

    ``sample_rate`` is that of raw samples. ``pieces`` are read as far as detection needs.
    """
    head = await _read(b"", HEAD_BYTES, pieces)
    if not head:
        return None
    if head.startswith(_OPUS):
        return Detected("opus", sample_rate, head)
    if head[4:8] == b"ftyp":
        raise _unsupported("MP4")
    if name := _OTHERS.get(head[:4]):
        raise _unsupported(name)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return _wav(await _read(head, MAX_WAV_HEADER, pieces, _has_samples))
    return Detected("pcm_s16le", sample_rate, head)


async def _read(
    head: bytes, count: int, pieces: AsyncIterator[bytes], enough: Callable[[bytes], bool] = lambda head: False
) -> bytes:
    while len(head) < count and not enough(head):
        piece = await anext(pieces, None)
        if piece is None:
            break
        head += piece
    return head


def _has_samples(head: bytes) -> bool:
    return _chunk(head, b"data") is not None


def _wav(head: bytes) -> Detected:
    form, samples = _chunk(head, b"fmt "), _chunk(head, b"data")
    if form is None or samples is None or len(head) < form + 16:
        raise _unsupported("WAV without a plain header")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", head, form)
    encoding = _WAV_ENCODINGS.get((tag, bits))
    if encoding is None or channels != 1 or rate not in _RATES:
        raise _unsupported(f"WAV with {channels} channels of {bits} bits at {rate} Hz")
    return Detected(encoding, rate, head[samples:])


def _chunk(head: bytes, name: bytes) -> int | None:
    """Return where the content of a chunk of a RIFF file begins."""
    position = 12
    while position + 8 <= len(head):
        found, length = struct.unpack_from("<4sI", head, position)
        if found == name:
            return position + 8
        position += 8 + length + length % 2
    return None


def _unsupported(name: str) -> UnsupportedEncoding:
    return UnsupportedEncoding(
        f"The audio is {name}. A stream takes raw mono samples (16-bit, mu-law or A-law), also with a WAV header, or "
        "Opus in Ogg or WebM; POST /v1/transcribe takes files of all kinds."
    )

"""Recognizes formats that have no file header: chains of frames of which each says where the next begins."""

from collections.abc import Callable, Iterator

_LINKS = 4
"""So many frames in a row are no accident: random bytes pass one link with a chance of less than 2^-13."""

_CUT_LINKS = 8
_STRIDES = ((188, 0), (192, 4), (204, 0))

SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_KILOBITS = {
    # (MPEG-1, layer): the bit rates from index 1
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def has_chain(head: bytes, length: Callable[[bytes], int], whole_file: bool) -> bool:
    """True where `_LINKS` frames follow one another, or where a shorter ``whole_file`` is nothing but frames."""
    return any(_is_chain(head, position, length, whole_file) for position in _syncs(head))


def adts_length(header: bytes) -> int:
    """Return the length of the AAC frame that starts with these 6 bytes, or 0 if none does."""
    if header[1] & 0xF6 != 0xF0 or (header[2] >> 2 & 0xF) > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def mpeg_audio_length(header: bytes) -> int:
    """Return the length of the MPEG-1, 2 or 2.5 audio frame that starts with these bytes, or 0 if none does."""
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bit_rate, sample_rate = header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or layer == 4 or sample_rate == 3 or not 0 < bit_rate < 15:
        return 0
    kilobits = _KILOBITS[version == 3, layer][bit_rate - 1]
    hertz = SAMPLE_RATES[version][sample_rate]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12_000 * kilobits // hertz + padding) * 4
    return (72_000 if layer == 3 and version != 3 else 144_000) * kilobits // hertz + padding


def is_transport_stream(head: bytes) -> bool:
    """Return whether ``head`` is the beginning of an MPEG transport stream."""
    return packets(head) is not None


def packets(head: bytes) -> tuple[int, int] | None:
    """(offset of the first whole packet, stride) of a transport stream: plain, timestamped (Blu-ray), error-corrected.

    A recording may begin in the middle of a packet; then more of them must follow.
    """
    for stride, lead in _STRIDES:
        if _has_syncs(head[lead::stride][:5], 3):
            return 0, stride
    for stride, lead in _STRIDES:
        for first in range(1, stride):
            if _has_syncs(head[first + lead :: stride][:_CUT_LINKS], _CUT_LINKS):
                return first, stride
    return None


def _has_syncs(found: bytes, min_length: int) -> bool:
    return len(found) >= min_length and set(found) == {0x47}


def _syncs(head: bytes) -> Iterator[int]:
    position = head.find(b"\xff")
    while 0 <= position < len(head) - 1:
        if head[position + 1] >= 0xE0:
            yield position
        position = head.find(b"\xff", position + 1)


def _is_chain(head: bytes, start: int, length: Callable[[bytes], int], whole_file: bool) -> bool:
    position = start
    for found in range(_LINKS):
        header = head[position : position + 6]
        if len(header) < 6:
            return whole_file and start == 0 and found > 0
        if header[0] != 0xFF or header[1] != head[start + 1]:
            return False
        step = length(header)
        if step == 0:
            return False
        position += step
    return True

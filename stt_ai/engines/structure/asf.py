"""WMA and WMV: objects with identifiers of 16 bytes, and packets of one length (ASF specification 1.20.3)."""

import struct
from typing import BinaryIO

from stt_ai.engines.structure.model import Structure, read_at

_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_ENCRYPTIONS = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)
_PACKETS = 256


def read_asf(file: BinaryIO, start: int, size: int, structure: Structure) -> None:
    """The file properties object holds the file's size, unless the file was broadcast."""
    head = read_at(file, start, 8192)
    at = head.find(_PROPERTIES)
    if 0 <= at <= len(head) - 104:
        claimed, flags = struct.unpack_from("<Q", head, at + 40)[0], struct.unpack_from("<I", head, at + 88)[0]
        structure.truncated = not flags & 1 and claimed > size - start
        min_packet, max_packet = struct.unpack_from("<II", head, at + 92)
        structure.damaged = min_packet != max_packet or not _has_packets(file, start, size, max_packet)
    structure.encrypted = any(identifier in head for identifier in _ENCRYPTIONS)


def _has_packets(file: BinaryIO, start: int, size: int, length: int) -> bool:
    """Return whether all packets have one length and begin with the same flags as the first."""
    begun = read_at(file, start, 1 << 16).find(_DATA)
    if begun < 0 or not 16 <= length <= 1 << 16:
        return True
    position = start + begun + 50
    count = int.from_bytes(read_at(file, start + begun + 40, 8), "little")
    end = min(size, position + count * length) if count else size
    first = read_at(file, position, 1)
    while position < end:
        block = read_at(file, position, min(_PACKETS * length, end - position))
        if not block or set(block[::length]) != set(first):
            return False
        position += _PACKETS * length
    return True

"""The structure of a file, as far as it is known before decoding."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import BinaryIO

MAX_SLICES = 100
STREAMED_FROM = 0x7FFFF000
"""Programs that write to a pipe leave the greatest size that they know in the header."""


@dataclass(frozen=True, slots=True)
class FileSlice:
    """Bytes [start, end) that are a whole file of their own. ``repaired``: an Ogg link with faulty pages."""

    start: int
    end: int
    repaired: bool = False


@dataclass(slots=True)
class Structure:
    """``claimed_s``: seconds of sound by the header. ``holes``: (seconds of sound before it, seconds missing)."""

    slices: list[FileSlice]
    claimed_s: float = 0.0
    truncated: bool = False
    damaged: bool = False
    encrypted: bool = False
    holes: list[tuple[float, float]] = field(default_factory=list)
    tags: int = 0
    """In the middle of the sound, where they are none of it."""
    deep: bool = False
    """Its samples may have more than 16 bits, or lie above full scale."""
    decoder: str = ""
    """The one to take where ffmpeg would take a wrong one."""

    def begin_at(self, starts: list[int]) -> None:
        """Make a piece of each stretch from one of ``starts`` to the next."""
        self.slices = [FileSlice(first, last) for first, last in pairwise([*starts, self.slices[-1].end])]


Reader = Callable[[BinaryIO, int, int, Structure], None]
"""Reads bytes [start, size) of a file, and notes what it finds."""


def read_at(file: BinaryIO, position: int, length: int) -> bytes:
    """Return ``length`` bytes at ``position``, or as many as there are."""
    file.seek(position)
    return file.read(length)

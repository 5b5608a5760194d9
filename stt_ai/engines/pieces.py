"""Parts of a file as files of their own, for a decoder that reads one recording from its beginning to its end."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stt_ai.engines import ogg
from stt_ai.engines.containers import Container
from stt_ai.engines.structure import Piece

_COPY_BYTES = 1 << 20
_SKIP_TAGS = frozenset({"mp3", "aac", "flac", "ac3", "eac3"})
"""Demuxers that step over ID3 tags by themselves."""


@contextmanager
def as_file(file: BinaryIO, path: Path, size: int, piece: Piece, container: Container) -> Iterator[tuple[Path, int]]:
    """(path, size) of a file that holds the ``piece`` and nothing else: the file at ``path`` itself where it does."""
    start = 0 if container.demuxer in _SKIP_TAGS and piece.start == container.start else piece.start
    if not piece.mended and start == 0 and piece.end == size:
        yield path, size
        return
    with tempfile.TemporaryFile() as copy:  # without a name, it is gone when this process is killed
        parts = ogg.mended(file, ogg.Link(start, piece.end, True)) if piece.mended else _parts(file, start, piece.end)
        for part in parts:
            copy.write(part)
        copy.flush()
        yield Path(f"/proc/{os.getpid()}/fd/{copy.fileno()}"), copy.tell()


def _parts(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        file.seek(start)
        part = file.read(min(_COPY_BYTES, end - start))
        if not part:
            return
        yield part
        start += len(part)

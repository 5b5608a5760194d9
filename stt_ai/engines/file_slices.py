"""Slices of a file as files of their own, for a decoder that reads one recording from beginning to end."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from stt_ai.engines import ogg
from stt_ai.engines.containers import Container
from stt_ai.engines.structure import FileSlice

_COPY_BYTES = 1 << 20
_SKIP_TAGS = frozenset({"mp3", "aac", "flac", "ac3", "eac3"})
"""Demuxers that step over ID3 tags by themselves."""


@contextmanager
def slice_as_file(
    file: BinaryIO, path: Path, size: int, slice_: FileSlice, container: Container
) -> Iterator[tuple[Path, int]]:
    """Yield (path, size) of a file that holds only the ``slice_``: the file at ``path`` itself if it does."""
    start = 0 if container.demuxer in _SKIP_TAGS and slice_.start == container.start else slice_.start
    if not slice_.repaired and start == 0 and slice_.end == size:
        yield path, size
        return
    with tempfile.TemporaryFile() as copy:  # it has no name, so nothing is left when this process is killed
        parts = (
            ogg.repaired(file, ogg.Link(start, slice_.end, True))
            if slice_.repaired
            else _parts(file, start, slice_.end)
        )
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

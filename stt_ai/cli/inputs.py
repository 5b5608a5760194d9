"""Which recordings a command is about: files, folders, addresses, standard input, and a folder that is watched."""

import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import click

STDIN = Path("-")
WATCH_EVERY_S = 2.0
_AUDIO = (".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma")
_VIDEO = (".mp4", ".m4v", ".webm", ".mkv", ".avi", ".mov", ".wmv", ".mpg", ".mpeg")
MEDIA = frozenset(_AUDIO + _VIDEO)
"""Of the files in a folder, those that are recordings; a file that is named is always taken."""


@dataclass(frozen=True, slots=True)
class Address:
    """A recording that the service fetches. Its text is named after the last part of the path."""

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """Return the name that a downloaded file would have."""
        parts = urlsplit(self.url)
        return PurePosixPath(unquote(parts.path)).name or parts.hostname or "recording"

    @property
    def stem(self) -> str:
        """Return the name without its extension."""
        return PurePosixPath(self.name).stem


Recording = Path | Address


def expanded(paths: Sequence[Path]) -> list[Path]:
    """Return the files that ``paths`` name, those of a folder and its folders in the order of their names."""
    return [file for path in paths for file in (_recordings(path) if path.is_dir() else [path])]


def source_of(recording: Recording) -> dict[str, Any]:
    """Return the client's arguments for a recording. Standard input is read first: it could not be sent again."""
    if isinstance(recording, Address):
        return {"url": recording.url}
    if recording != STDIN:
        return {"file": recording}
    content = io.BytesIO(sys.stdin.buffer.read())
    if not content.getbuffer().nbytes:
        raise click.UsageError("Standard input is empty: pipe a recording into `stt-ai transcribe -`.")
    return {"file": content}


def watched(folders: Sequence[Path], known: set[Path], sleep: Callable[[float], None] = time.sleep) -> Iterator[Path]:
    """Yield each recording that comes into ``folders`` once its size stays the same; ``known`` are done already."""
    sizes: dict[Path, int] = {}
    while True:
        for path in expanded(folders):
            if path in known:
                continue
            size = path.stat().st_size
            if size and sizes.get(path) == size:
                known.add(path)
                yield path
            sizes[path] = size
        sleep(WATCH_EVERY_S)


def _recordings(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in MEDIA and path.is_file())

"""Which recordings a command is about: files, folders, standard input, and a folder that is watched."""

import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from stt_ai.sdk.uploads import File

STDIN = Path("-")
WATCH_EVERY_S = 2.0
_AUDIO = (".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma")
_VIDEO = (".mp4", ".m4v", ".webm", ".mkv", ".avi", ".mov", ".wmv", ".mpg", ".mpeg")
MEDIA = frozenset(_AUDIO + _VIDEO)
"""Of the files in a folder, those that are recordings; a file that is named is always taken."""


def expanded(paths: Sequence[Path]) -> list[Path]:
    """Return the files that ``paths`` name, those of a folder and its folders in the order of their names."""
    return [file for path in paths for file in (_recordings(path) if path.is_dir() else [path])]


def opened(path: Path) -> File:
    """Return what the client sends. Standard input is read first: it could not be sent again."""
    if path != STDIN:
        return path
    recording = io.BytesIO(sys.stdin.buffer.read())
    if not recording.getbuffer().nbytes:
        raise click.UsageError("Standard input is empty: pipe a recording into `stt-ai transcribe -`.")
    return recording


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

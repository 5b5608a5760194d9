"""A file on its way to the service, whatever it is: its progress is reported, and it is sent again where it can be."""

import errno
import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

Progress = Callable[[int, int | None], None]
"""Called with (bytes sent, bytes in all or None if unknown) as a file goes out. A new attempt begins at 0 again."""


@runtime_checkable
class Readable(Protocol):
    """A binary file object, as far as an upload needs one."""

    def read(self, size: int = -1, /) -> bytes: ...


File = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable
"""A path, the bytes themselves, or something that is read."""


class Upload:
    """A file that is read once for each attempt. A context manager: what it opened, it closes."""

    def __init__(self, file: File, progress: Progress | None = None, name: str | None = None) -> None:
        """Raises `OSError` for a path that cannot be read, and `TypeError`."""
        self._progress = progress
        self._source, self._own = _opened(file)
        self.name = name or _name(file)
        self._begin = self._position()
        self.size = self._remaining()
        self._sent = 0

    @property
    def repeatable(self) -> bool:
        """Whether another attempt can send all of it."""
        return self._begin is not None or self._sent == 0

    def begin(self) -> "Reader":
        """What an attempt reads."""
        if self._begin is not None:
            self._source.seek(self._begin)
        self._sent = 0
        if self._progress:
            self._progress(0, self.size)
        return Reader(self) if self.size is None else SizedReader(self)

    def read(self, size: int) -> bytes:
        """Return the attempt's next bytes, at most ``size``, and report the progress."""
        piece = bytes(self._source.read(size))
        self._sent += len(piece)
        if self._progress and piece:
            self._progress(self._sent, self.size)
        return piece

    def piece(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes from ``offset`` on, fewer at the end. Only a file that can seek has pieces."""
        self._source.seek((self._begin or 0) + offset)
        return bytes(self._source.read(size))

    def report(self, sent: int) -> None:
        """Report how many bytes the service has."""
        if self._progress:
            self._progress(sent, self.size)

    def close(self) -> None:
        """Close the file where it was opened here."""
        if self._own:
            self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _position(self) -> int | None:
        """Where the caller's file stands: what comes before is not sent. None: it cannot go back."""
        try:
            return self._source.tell() if self._source.seekable() else None
        except (AttributeError, OSError):
            return None

    def _remaining(self) -> int | None:
        if self._begin is None:
            return None
        end: int = self._source.seek(0, os.SEEK_END)
        self._source.seek(self._begin)
        return max(0, end - self._begin)


def upload_of(
    file: File | None, url: str | None, upload_id: str | None, progress: Progress | None
) -> "AbstractContextManager[Upload | None]":
    """Return what is sent, None where the service has or fetches it. Raise `TypeError` unless one of them is given."""
    if [file, url, upload_id].count(None) != 2:
        raise TypeError("give either a file, which is a path, bytes or a binary file object, or `url`, or `upload_id`")
    return nullcontext() if file is None else Upload(file, progress)


class Reader:
    """One attempt's file, for httpx."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most ``size``; none at the end."""
        return self._upload.read(size)


class SizedReader(Reader):
    """With a length, which httpx asks for by seeking, and without a way back."""

    def tell(self) -> int:
        """Return 0: the position is asked for before the file is read."""
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Return the size for the end, else 0; nothing is moved."""
        return (self._upload.size or 0) if whence == os.SEEK_END else 0


def _opened(file: File) -> tuple[Any, bool]:
    """Something to read, and whether it is ours to close."""
    if isinstance(file, str | os.PathLike):
        return _open(Path(file)), True
    if isinstance(file, bytes | bytearray | memoryview):
        return io.BytesIO(file), True
    if isinstance(file, io.TextIOBase) or not isinstance(file, Readable):
        raise TypeError(f"a file is a path, bytes or a binary file object, not {type(file).__name__}")
    return file, False


def _open(path: Path) -> io.BufferedReader:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "This is a folder; give the path of one recording", str(path))
    return path.open("rb")


def _name(file: File) -> str:
    """The service judges by content: names are for people and logs."""
    path = file if isinstance(file, str | os.PathLike) else getattr(file, "name", None)
    return Path(path).name or "audio" if isinstance(path, str | os.PathLike) else "audio"

"""What is written as subtitles, whoever made it, and how the caller wants it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LINE_WIDTH = 42
MAX_LINES = 2


@dataclass(frozen=True, slots=True)
class SubtitleOptions:
    """``line_width``: cells of a line. ``lines`` and ``words``: at most so many in a cue; ``words`` 0: no bound."""

    speakers: bool = True
    line_width: int = LINE_WIDTH
    lines: int = MAX_LINES
    words: int = 0


DEFAULTS = SubtitleOptions()


class WordLike(Protocol):
    """``text`` begins with the blank before the word, if there is one. Times are seconds."""

    @property
    def text(self) -> str: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


class SegmentLike(Protocol):
    """``speaker`` and ``channel`` are None where they are not distinguished."""

    @property
    def words(self) -> Sequence[WordLike]: ...
    @property
    def speaker(self) -> str | None: ...
    @property
    def channel(self) -> int | None: ...


class WarningLike(Protocol):
    """``start`` and ``end`` are the seconds that it concerns, None where it concerns the whole."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def start(self) -> float | None: ...
    @property
    def end(self) -> float | None: ...


class TranscriptLike(Protocol):
    """``end``: the second at which its audio ends."""

    @property
    def segments(self) -> Sequence[SegmentLike]: ...
    @property
    def warnings(self) -> Sequence[WarningLike]: ...
    @property
    def end(self) -> float: ...

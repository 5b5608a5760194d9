"""A finished transcription as subtitles and text, without another request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from stt_ai.captions.shapes import LINE_WIDTH, MAX_LINES, SubtitleOptions, TranscriptLike, WarningLike
from stt_ai.captions.subtitles import to_srt, to_tsv, to_txt, to_vtt

WRITERS: dict[str, Callable[[TranscriptLike, SubtitleOptions], str]] = {
    "srt": to_srt,
    "vtt": to_vtt,
    "txt": to_txt,
    "tsv": to_tsv,
}
MIN_LINE_WIDTH, MAX_LINE_WIDTH, MAX_LINES_PER_CUE = 30, 200, 10


class AnswerWord(Protocol):
    """A word of an answer. Times are seconds of the recording."""

    @property
    def word(self) -> str: ...
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


class AnswerSegment(Protocol):
    """A segment of an answer. ``speaker`` and ``channel`` are None where they are not distinguished."""

    @property
    def text(self) -> str: ...
    @property
    def speaker(self) -> str | None: ...
    @property
    def channel(self) -> int | None: ...
    @property
    def words(self) -> Sequence[AnswerWord]: ...


class Answer(Protocol):
    """A finished transcription, of this client or read from JSON. ``start`` and ``duration`` are seconds."""

    @property
    def text(self) -> str: ...
    @property
    def segments(self) -> Sequence[AnswerSegment]: ...
    @property
    def warnings(self) -> Sequence[WarningLike]: ...
    @property
    def start(self) -> float: ...
    @property
    def duration(self) -> float: ...


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class _Segment:
    words: tuple[_Word, ...]
    speaker: str | None
    channel: int | None


@dataclass(frozen=True, slots=True)
class _Transcript:
    segments: tuple[_Segment, ...]
    warnings: Sequence[WarningLike]
    end: float


def written(
    answer: Answer,
    form: str,
    speakers: bool = True,
    line_width: int = LINE_WIDTH,
    lines: int = MAX_LINES,
    words_per_cue: int | None = None,
) -> str:
    """Return the transcription as srt, vtt, txt or tsv. Raise `ValueError` for options that make no subtitles."""
    if form not in WRITERS:
        raise ValueError(f"the format is {form!r}; it must be one of {', '.join(WRITERS)}")
    if not MIN_LINE_WIDTH <= line_width <= MAX_LINE_WIDTH:
        raise ValueError(f"line_width is {line_width}; it must be from {MIN_LINE_WIDTH} to {MAX_LINE_WIDTH}")
    if not 1 <= lines <= MAX_LINES_PER_CUE:
        raise ValueError(f"lines is {lines}; it must be from 1 to {MAX_LINES_PER_CUE}")
    if words_per_cue is not None and words_per_cue < 1:
        raise ValueError(f"words_per_cue is {words_per_cue}; it must be at least 1")
    options = SubtitleOptions(speakers, line_width, lines, words_per_cue or 0)
    return WRITERS[form](_Transcript(tuple(_spelled(answer)), answer.warnings, answer.start + answer.duration), options)


def _spelled(answer: Answer) -> list[_Segment]:
    """Return the segments with the blanks before their words, which an answer has only in its texts."""
    segments, place = [], 0
    for segment in answer.segments:
        found = answer.text.find(segment.text, place)
        at = found if found >= 0 else place
        before, place = answer.text[place:at], at + len(segment.text)
        words, reached = [], 0
        for number, word in enumerate(segment.words):
            index = segment.text.find(word.word, reached)
            blank = segment.text[reached:index] if index >= 0 else " "
            reached = index + len(word.word) if index >= 0 else reached
            words.append(_Word((blank if number else before) + word.word, word.start, word.end))
        segments.append(_Segment(tuple(words), segment.speaker, segment.channel))
    return segments

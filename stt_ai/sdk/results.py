"""The service's answers as frozen values. Times are seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from stt_ai.sdk.rendering import written


class SubtitleParams(TypedDict, total=False):
    """``speakers``: whether cues name them. ``line_width``: characters of a line, where wide ones count twice.

    ``lines`` and ``words_per_cue``: at most so many in a cue.
    """

    speakers: bool
    line_width: int
    lines: int
    words_per_cue: int | None


@dataclass(frozen=True, slots=True)
class Word:
    """``speaker`` None: speakers were not asked for. ``channel``: from 1, where channels are separate."""

    word: str
    start: float
    end: float
    confidence: float = 0.0
    speaker: str | None = None
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of text by one speaker. ``id``: names it to `client.jobs.correct`, in the results of jobs."""

    start: float
    end: float
    text: str
    speaker: str | None = None
    confidence: float = 0.0
    words: tuple[Word, ...] = ()
    channel: int | None = None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request cost: seconds of audio, and the credits or free minutes charged for them."""

    seconds: float = 0.0
    credits: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptWarning:
    """One way in which an answer is not all of the recording, or not from the model asked for.

    ``code`` is for programs, ``message`` a sentence for people. ``start`` and ``end``: the part of the recording that
    it concerns; None: all of it.
    """

    code: str
    message: str = ""
    start: float | None = None
    end: float | None = None


class TranscriptText(str):
    """A transcript as text, SRT or VTT: a string, with the answer's ``warnings`` and the ``model`` that wrote it."""

    warnings: tuple[TranscriptWarning, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Transcription:
    """A file's transcript. ``demo``: a demo model had a part in it. ``raw``: the answer as it came.

    ``duration``: seconds that were transcribed, from ``start`` on. All times are those of the recording. ``summary``:
    where a job was asked for one, and it did not fail.
    """

    text: str
    language: str = ""
    language_confidence: float = 0.0
    duration: float = 0.0
    segments: tuple[Segment, ...] = ()
    speakers: tuple[str, ...] = ()
    model: str = ""
    usage: Charge = Charge()
    request_id: str = ""
    warnings: tuple[TranscriptWarning, ...] = ()
    demo: bool = False
    start: float = 0.0
    summary: "Summary | None" = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def words(self) -> tuple[Word, ...]:
        """All words, in order."""
        return tuple(word for segment in self.segments for word in segment.words)

    def to_srt(self, **options: Unpack[SubtitleParams]) -> str:
        """Return SubRip. `SubtitleParams` lists the options of all four."""
        return written(self, "srt", **options)

    def to_vtt(self, **options: Unpack[SubtitleParams]) -> str:
        """Return WebVTT."""
        return written(self, "vtt", **options)

    def to_txt(self, speakers: bool = True) -> str:
        """Return the text, a paragraph for each speaker turn."""
        return written(self, "txt", speakers)

    def to_tsv(self, speakers: bool = True) -> str:
        """Return a table with a row for each segment: milliseconds of its start and end, speaker, text."""
        return written(self, "tsv", speakers)


@dataclass(frozen=True, slots=True)
class Summary:
    """``model``: the one that wrote it; ``warnings`` say so when it is not the one that the service is set to use."""

    summary: str
    style: str = ""
    model: str = ""
    warnings: tuple[TranscriptWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """``languages``: how many it knows. ``default``: it is the one when a request names none.

    ``available``: it serves itself when it is asked for; None: not known yet. ``served_by``: the model that serves in
    its place, or itself; None: not known yet, or nothing serves.
    """

    id: str
    name: str = ""
    languages: int = 0
    speed: str = ""
    default: bool = False
    available: bool | None = None
    served_by: str | None = None


@dataclass(frozen=True, slots=True)
class Language:
    """A language that can be asked for."""

    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """``served_by``: the model that serves this part, from ``origin``; None: it needs none, or none is loaded yet."""

    name: str
    ok: bool
    detail: str = ""
    served_by: str | None = None
    origin: str | None = None
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """``status``: `ok`, or `degraded` when one of the ``parts`` cannot serve."""

    status: str
    gpu_available: bool = False
    gpu_name: str | None = None
    gpu_memory_mb: int = 0
    demo_models: bool = False
    version: str = ""
    parts: tuple[Part, ...] = ()

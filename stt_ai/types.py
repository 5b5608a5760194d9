"""The frozen value types that every floor speaks.

Positions in audio are integer samples at ``SAMPLE_RATE`` wherever arithmetic is done on them, and float
seconds wherever a reader sees them. Samples are int16, mono.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000
MAX_WINDOW_S = 30.0
"""Of audio, that Whisper decodes at once."""
MAX_SPEAKERS = 50
"""More voices than this are not told apart in one file."""
MAX_SEPARATE_CHANNELS = 8
"""More channels than this are not transcribed separately."""

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class SpeechRegion:
    """A stretch in which voice activity detection finds speech: samples [start, end) of the file."""

    start: int
    end: int

    @property
    def duration(self) -> float:
        """Return the duration in seconds."""
        return (self.end - self.start) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Pcm:
    """16 kHz mono int16 audio held as equally long chunks, each by reference.

    ``chunks`` are opaque to all but the deployments: arrays in one process, object references between
    processes. Every chunk holds ``chunk_samples`` samples but the last, which may hold fewer.
    """

    chunks: tuple[Any, ...]
    chunk_samples: int
    samples: int

    @property
    def duration(self) -> float:
        """Return the duration in seconds."""
        return self.samples / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class TranscriptWarning:
    """One way in which an answer is not all that the recording holds, or not from the model that was asked for.

    ``code`` is stable snake_case, ``message`` one sentence for people. ``start`` and ``end`` are the seconds of the
    recording that it concerns, None where it concerns the whole. ``about_audio``: it is about the recording, so a
    caller who asked for ``strict`` gets an error instead; otherwise it is about the service.
    """

    code: str
    message: str
    start: float | None = None
    end: float | None = None
    about_audio: bool = True


@dataclass(frozen=True, slots=True)
class AudioSelection:
    """The part of a recording that is decoded.

    ``start`` and ``end``: seconds of the recording; ``end`` None: to where it ends. ``track``: the audio track, from 1;
    0: the first with speech in it. ``separate``: each channel by itself instead of their mix.
    """

    start: float = 0.0
    end: float | None = None
    track: int = 0
    separate: bool = False


@dataclass(frozen=True, slots=True)
class DecodedAudio:
    """The decoder's result for an upload: its audio, where the speech is, and what of the file is missing.

    ``start``: seconds of the recording at which the samples begin. ``channels``: where each channel was decoded by
    itself, all of them, this first one too; else empty.
    """

    pcm: Pcm
    regions: tuple[SpeechRegion, ...]
    container: str
    warnings: tuple[TranscriptWarning, ...] = ()
    start: float = 0.0
    channels: tuple["DecodedAudio", ...] = ()

    @property
    def duration(self) -> float:
        """Return the duration in seconds."""
        return self.pcm.duration


@dataclass(frozen=True, slots=True)
class Window:
    """The audio of one decode: at most 30 s, made of one or more pieces of the file in order.

    ``pieces`` are [start, end) samples of the file. Their audio is joined, one directly after the other.
    """

    index: int
    pieces: tuple[SpeechRegion, ...]

    @property
    def samples(self) -> int:
        """Return the number of samples in all pieces."""
        return sum(piece.end - piece.start for piece in self.pieces)

    @property
    def duration(self) -> float:
        """Return the duration of the window in seconds."""
        return self.samples / SAMPLE_RATE


class Priority(IntEnum):
    """The priority in the batch scheduler; lower values first.

    ``LIVE``: the text of what a live speaker has ended. ``FINAL``: a window of a file. ``PARTIAL``: what was said so
    far of a live speaker, which may be dropped.
    """

    LIVE = 0
    FINAL = 1
    PARTIAL = 2


class Task(StrEnum):
    """The text that is written: the speech as it is, or its translation into English."""

    TRANSCRIBE = "transcribe"
    TRANSLATE = "translate"


@dataclass(frozen=True, slots=True)
class DecodingOptions:
    """How one window is to be decoded. ``language`` None: the model detects it.

    ``context``: the text of what is said first in the window, known already and no part of the answer. ``prefix``: the
    tokens that the text after it begins with, decided before. ``prompt``: text that the model takes for what was said
    before the window. Without ``word_timestamps`` the words' times are only spread over the window, which is faster.
    """

    language: str | None = None
    task: Task = Task.TRANSCRIBE
    beam_size: int = 5
    temperatures: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    priority: Priority = Priority.FINAL
    context: str = ""
    prefix: tuple[int, ...] = ()
    prompt: str = ""
    word_timestamps: bool = True


@dataclass(frozen=True, slots=True)
class Word:
    """One word as the model wrote it. ``text`` keeps the blank the model puts before it, if any.

    ``start`` and ``end`` are seconds; ``confidence`` is the geometric mean of the probabilities of its
    ``tokens`` tokens, 0 to 1. ``channel``: from 1, where channels are transcribed separately.
    """

    text: str
    start: float
    end: float
    confidence: float
    tokens: int = 1
    speaker: str | None = None
    channel: int | None = None

    @property
    def word(self) -> str:
        """Return the text without the blanks around it."""
        return self.text.strip()


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """A stretch in which one voice speaks: seconds [start, end) of the file.

    ``speaker`` is the diarizer's own label; callers see `Speaker N`, numbered by first speech.
    """

    start: float
    end: float
    speaker: str

    @property
    def duration(self) -> float:
        """Return the duration in seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class WindowTranscript:
    """The transcript of one window. Word times are seconds from the window's own start.

    ``temperature``: at which the text that was kept was decoded. ``languages``: (code, probability) of the likeliest,
    its own first, where nobody had named one.
    """

    words: tuple[Word, ...]
    language: str
    language_probability: float
    no_speech_probability: float = 0.0
    temperature: float = 0.0
    languages: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenizedWord:
    """A word as the model wrote it, punctuation and the blank before it included, and the tokens that it is made of."""

    text: str
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The text so far after the ``prefix`` that the model was given."""

    words: tuple[TokenizedWord, ...]
    language: str
    language_probability: float


@dataclass(frozen=True, slots=True)
class GpuInfo:
    """The accelerator that the service found; ``memory_mb`` is 0 without one."""

    available: bool = False
    name: str | None = None
    memory_mb: int = 0


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory. ``label`` is reported as the answer's model.

    ``window_s``: the longest window that it recognizes well, in seconds. ``translates``: it learnt to write English of
    what is said in other languages. ``variable_length``: a short window takes it less time than a long one.
    ``origin``: where its weights came from. ``reason``: why it serves in place of the model that was asked for, one
    sentence for callers; empty when it is that model.
    """

    label: str
    demo: bool = False
    window_s: float = 30.0
    gpu: GpuInfo = GpuInfo()
    translates: bool = False
    variable_length: bool = False
    origin: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LanguageDetection:
    """Probabilities over languages for some audio, most likely first, and how much audio that was."""

    probabilities: tuple[tuple[str, float], ...]
    seconds: float

    @property
    def language(self) -> str:
        """Return the most probable language."""
        return self.probabilities[0][0]

    @property
    def probability(self) -> float:
        """Return the probability of the most probable language, from 0 to 1."""
        return self.probabilities[0][1]


@dataclass(frozen=True, slots=True)
class Segment:
    """A span of text by one speaker, its words in order."""

    words: tuple[Word, ...]
    speaker: str | None = None

    @property
    def raw_text(self) -> str:
        """Return the text with the model's own blank before it, so that joining segments spells the transcript."""
        return "".join(word.text for word in self.words)

    @property
    def text(self) -> str:
        """Return the text without the blanks around it."""
        return self.raw_text.strip()

    @property
    def channel(self) -> int | None:
        """Return the channel, from 1, or None where channels are mixed."""
        return self.words[0].channel

    @property
    def start(self) -> float:
        """Return the first word's start, in seconds of the file."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """Return the last word's end, in seconds of the file."""
        return self.words[-1].end

    @property
    def confidence(self) -> float:
        """Return the geometric mean of the probabilities of the segment's tokens, 0 to 1."""
        tokens = sum(word.tokens for word in self.words)
        logs = sum(word.tokens * math.log(max(word.confidence, 1e-10)) for word in self.words)
        return math.exp(logs / tokens) if tokens else 0.0


@dataclass(frozen=True, slots=True)
class WindowNote:
    """The model's measures of one window, which begins at ``start`` seconds of the file."""

    start: float
    no_speech_probability: float
    temperature: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """A file's transcript. ``duration`` is the transcribed audio's, in seconds; ``windows`` are in order.

    ``start``: seconds of the file at which that audio begins. All times are seconds of the file.
    """

    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    duration: float
    model: str
    demo: bool = False
    warnings: tuple[TranscriptWarning, ...] = ()
    windows: tuple[WindowNote, ...] = ()
    start: float = 0.0

    @property
    def end(self) -> float:
        """Return the second of the file at which the transcribed audio ends."""
        return self.start + self.duration

    @property
    def text(self) -> str:
        """Return the text of all segments, joined, without the blanks around it."""
        return "".join(segment.raw_text for segment in self.segments).strip()

    @property
    def speakers(self) -> tuple[str, ...]:
        """Return each speaker once, in order of first speech."""
        return tuple(dict.fromkeys(s.speaker for s in self.segments if s.speaker is not None))


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a caller sent, on the disk of the node that took it."""

    path: Path
    size: int
    filename: str = ""


@dataclass(frozen=True, slots=True)
class SpeakerCount:
    """How many voices to expect: at least ``minimum`` and at most ``maximum``; 0: no bound."""

    minimum: int = 1
    maximum: int = 0


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """A caller's request for one file. ``language`` None: detect it.

    ``speakers`` 0: find out how many, within ``min_speakers`` and ``max_speakers`` where these are not 0.
    ``prompt``: text that the model takes for what was said before. ``temperature``: at which decoding begins, 0 to 1.
    ``keywords``: names and terms that may be said. ``strict``: a warning about the audio is to be an error.
    """

    model: str
    language: str | None = None
    diarize: bool = True
    speakers: int = 0
    min_speakers: int = 0
    max_speakers: int = 0
    task: Task = Task.TRANSCRIBE
    prompt: str = ""
    keywords: tuple[str, ...] = ()
    temperature: float = 0.0
    strict: bool = False
    selection: AudioSelection = AudioSelection()

    @property
    def expected_speakers(self) -> SpeakerCount:
        """Return how many speakers the caller expects, as a range."""
        if self.speakers:
            return SpeakerCount(self.speakers, self.speakers)
        return SpeakerCount(self.min_speakers or 1, self.max_speakers)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One entry of the catalogue as callers see it. ``translates``: into English, from all its languages."""

    id: str
    name: str
    languages: int
    speed: str
    translates: bool = False


class SummaryStyle(StrEnum):
    """The style of a summary: 2 to 3 sentences, paragraphs, tasks, or points."""

    BRIEF = "brief"
    DETAILED = "detailed"
    ACTION_ITEMS = "action_items"
    BULLET_POINTS = "bullet_points"


@dataclass(frozen=True, slots=True)
class SummaryProgress:
    """How much of a summary's work is done: ``done`` of ``total`` parts of its text."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A transcript's summary. ``model`` is the label of the one that wrote it."""

    text: str
    style: SummaryStyle
    model: str
    demo: bool = False
    warnings: tuple[TranscriptWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to a chat model: what it is to do, and what the user says. ``max_tokens`` of the answer."""

    system: str
    user: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class PartHealth:
    """How one part of the service is. ``detail`` says what is wrong or noteworthy, empty when nothing is.

    ``needed``: nothing is transcribed without it. ``ready``: it serves now, which what is loaded on first use need not.
    ``model``: what serves it; None where it needs none, or where none has been loaded yet.
    """

    name: str
    ok: bool
    detail: str = ""
    needed: bool = False
    ready: bool = True
    model: LoadedModel | None = None


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """The whole service's health.

    ``models``: by the id of the speech model that callers ask for, what serves then; None where nothing can be loaded,
    and without those of which it is not known yet.
    """

    gpu: GpuInfo
    parts: Sequence[PartHealth] = field(default_factory=tuple)
    models: Mapping[str, LoadedModel | None] = field(default_factory=dict)

    @property
    def demo_models(self) -> bool:
        """Return whether a demo model serves a part."""
        return any(part.model is not None and part.model.demo for part in self.parts)

    @property
    def ok(self) -> bool:
        """Return whether every part that is needed can serve."""
        return all(part.ok for part in self.parts)

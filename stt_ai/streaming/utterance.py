"""One utterance on its way from its first sample to its final text."""

import asyncio
from dataclasses import dataclass, field

import numpy as np

from stt_ai.speech.agreement import Agreement
from stt_ai.types import SAMPLE_RATE, Samples, WindowTranscript


@dataclass(frozen=True, slots=True)
class AudioWindow:
    """The input of a decode: ``skipped`` samples in which ``context`` was said, then the utterance."""

    samples: Samples
    context: str = ""
    skipped: int = 0


@dataclass(eq=False)
class PendingFinal:
    """A final that is decoded, or being decoded, for the samples up to position ``end``."""

    end: int
    task: "asyncio.Task[WindowTranscript]"


@dataclass(eq=False)
class Utterance:
    """One utterance. ``start``, ``voice``, ``next_step``, ``end``, ``voice_end`` and ``shown_at`` are samples.

    ``text``: the last partial. ``shown_at``: the end of the audio that brought the last new text. ``language``: that of
    the committed words. ``pending_final`` may be started while the speaker pauses, before it is known whether the
    utterance has ended; otherwise ``window`` is all of the utterance once it has ended.
    """

    start: int
    voice: int
    next_step: int
    text: str = ""
    language: str | None = None
    agreement: Agreement = field(default_factory=Agreement)
    pending_final: PendingFinal | None = None
    window: AudioWindow | None = None
    end: int = 0
    voice_end: int = 0
    speech_final: bool = False
    from_finalize: bool = False
    shown_at: int = 0

    def __post_init__(self) -> None:
        self.shown_at = self.voice

    @classmethod
    def empty(cls, at: int) -> "Utterance":
        """Return one without audio, which stands in the queue for an answer to `finalize`."""
        return cls(at, at, at, window=AudioWindow(np.zeros(0, np.int16)), end=at, voice_end=at)

    @property
    def seconds(self) -> float:
        """Return its length, once it has ended."""
        return (self.end - self.start) / SAMPLE_RATE

    def show(self, text: str, end: int) -> None:
        """Take ``text`` as what was said up to ``end``."""
        if text != self.text:
            self.text, self.shown_at = text, end

    def cancel_final(self) -> None:
        """Cancel the pending final, if any."""
        if self.pending_final is not None:
            self.pending_final.task.cancel()
            self.pending_final = None

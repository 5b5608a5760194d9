"""One utterance on its way from its first sample to its final text."""

import asyncio
from dataclasses import dataclass, field

import numpy as np

from stt_ai.speech.agreement import Agreement
from stt_ai.types import SAMPLE_RATE, Samples, WindowTranscript


@dataclass(frozen=True, slots=True)
class AudioWindow:
    """What a model hears: ``skipped`` samples in which ``context`` was said before, then the utterance."""

    samples: Samples
    context: str = ""
    skipped: int = 0


@dataclass(eq=False)
class Decision:
    """The final text of the samples up to position ``end``, being found or found."""

    end: int
    task: "asyncio.Task[WindowTranscript]"


@dataclass(eq=False)
class Utterance:
    """``start``, ``voice``, ``next_step``, ``end`` and ``voice_end`` are positions in samples, and so is
    ``shown_at``, up to which the last new text was heard.

    ``text``: what was heard of it last. ``language``: what its decided words are in. ``decision`` may be made while the
    speaker pauses, before it is known whether the utterance ended; where it was not, ``window`` is all of the utterance
    once it has ended.
    """

    start: int
    voice: int
    next_step: int
    text: str = ""
    language: str | None = None
    agreement: Agreement = field(default_factory=Agreement)
    decision: Decision | None = None
    window: AudioWindow | None = None
    end: int = 0
    voice_end: int = 0
    spoken_out: bool = False
    from_finalize: bool = False
    shown_at: int = 0

    def __post_init__(self) -> None:
        self.shown_at = self.voice

    @classmethod
    def of_nothing(cls, at: int) -> "Utterance":
        """Without any audio: it stands in the queue for an answer."""
        return cls(at, at, at, window=AudioWindow(np.zeros(0, np.int16)), end=at, voice_end=at)

    @property
    def seconds(self) -> float:
        """Of all of it, once it has ended."""
        return (self.end - self.start) / SAMPLE_RATE

    def show(self, text: str, end: int) -> None:
        """Take ``text`` for what was heard up to ``end``."""
        if text != self.text:
            self.text, self.shown_at = text, end

    def forget_decision(self) -> None:
        """Cancel the decision that is awaited, if any."""
        if self.decision is not None:
            self.decision.task.cancel()
            self.decision = None

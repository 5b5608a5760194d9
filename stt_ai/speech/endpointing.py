"""Where a live speaker's utterances begin and end, from one probability of speech a frame. No clock, no audio.

The spans depend on the probabilities alone, however they arrive and whatever is decoded meanwhile.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stt_ai.types import SAMPLE_RATE

FRAME = 512
"""Samples of one probability: 32 ms."""

_SMOOTHED = 11
_EARLIEST_CUT = 0.6
_MARGIN_S = 0.3


@dataclass(frozen=True, slots=True)
class Endpointing:
    """Durations are seconds.

    Speech begins at ``threshold`` and ends below ``exit_threshold``. Bursts shorter than ``min_speech`` are none, and
    silence shorter than ``pause`` does not part two. An utterance is taken from ``pre_roll`` before its first voice to
    ``pause`` after its last. After ``hint`` of silence it may be about to end.

    It ends after a silence of ``endpoint`` (at least ``pause``; None: never). The longer it is, the shorter a silence
    ends it: from a length of ``relax`` on less and less, from ``soft_cut`` on a ``pause``. At ``hard_cut`` it is cut
    where the speaker most likely takes a breath.
    """

    threshold: float = 0.5
    exit_threshold: float = 0.35
    min_speech: float = 0.15
    hint: float = 0.12
    pause: float = 0.19
    pre_roll: float = 0.3
    endpoint: float | None = 0.5
    relax: float = 6.0
    soft_cut: float = 12.0
    hard_cut: float = 15.0


@dataclass(frozen=True, slots=True)
class Began:
    """An utterance begins at sample ``start``. ``voice``: where its speech begins.

    ``continued``: the speaker did not pause before it; the utterance before was cut.
    """

    start: int
    voice: int
    continued: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """If the speaker says no more, the utterance is over at sample ``end``."""

    end: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """The speaker goes on with the utterance after `Paused`."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance is over at sample ``end``; ``voice_end``: where its last speech ended.

    ``speech_final``: by a silence of the length asked for; otherwise it was cut.
    """

    end: int
    voice_end: int
    speech_final: bool


Change = Began | Paused | Resumed | Ended


class Endpointer:
    """Takes probabilities one by one and says what changes with each. Positions are samples of the stream."""

    def __init__(self, options: Endpointing | None = None, start: int = 0) -> None:
        """``start``: the position of the first frame."""
        chosen = options or Endpointing()
        self._options = chosen
        self._min_speech = round(chosen.min_speech * SAMPLE_RATE)
        self._hint = round(chosen.hint * SAMPLE_RATE)
        self._pause = round(chosen.pause * SAMPLE_RATE)
        self._tail = -(-self._pause // FRAME) * FRAME
        self._pre_roll = round(chosen.pre_roll * SAMPLE_RATE)
        self._endpoint = None if chosen.endpoint is None else max(self._pause, round(chosen.endpoint * SAMPLE_RATE))
        self._relax = round(chosen.relax * SAMPLE_RATE)
        self._soft = round(chosen.soft_cut * SAMPLE_RATE)
        self._hard = round(chosen.hard_cut * SAMPLE_RATE)
        self._recent: deque[float] = deque(maxlen=self._hard // FRAME + 1)
        self._at = start
        self._floor = start  # nothing before it can be in an utterance any more
        self._voiced = False
        self._run: tuple[int, int] | None = None  # [start, end) of speech whose pauses are short
        self._start: int | None = None  # of the utterance
        self._voice_end = start
        self._paused = False

    @property
    def position(self) -> int:
        """Return the end of the last frame."""
        return self._at

    @property
    def voiced(self) -> bool:
        """Return whether the last frame was speech."""
        return self._voiced

    @property
    def earliest_cut(self) -> int:
        """Return the position before which all speech stays in the current utterance."""
        return (self._start if self._start is not None else self._at) + int(self._hard * _EARLIEST_CUT)

    @property
    def needed_from(self) -> int:
        """No utterance that goes on or comes begins before this position."""
        if self._start is not None:
            return self._start
        first = self._run[0] if self._run else self._at
        return max(self._floor, first - self._pre_roll)

    def push(self, probability: float) -> list[Change]:
        """Return what changes with the next frame."""
        begin, self._at = self._at, self._at + FRAME
        self._recent.append(probability)
        options = self._options
        self._voiced = probability >= (options.exit_threshold if self._voiced else options.threshold)
        if self._voiced:
            self._run = (self._run[0] if self._run else begin, self._at)
        elif self._run and self._at - self._run[1] >= self._pause:
            self._run = None
        return [*self._voice(), *self._silence()]

    def end(self, at: int) -> list[Change]:
        """End the utterance at sample ``at``, at the end of the last frame or later."""
        changes: list[Change] = []
        if self._start is None and self._run and self._run[1] > self._floor:
            changes += self._begin(self._run[0])
            self._voice_end = self._run[1]
        if self._start is None:
            return changes
        over = at if self._run else min(at, self._voice_end + self._tail)
        return [*changes, *self._finish(over, speech_final=False)]

    def _voice(self) -> list[Change]:
        """Speech that has lasted long enough begins an utterance, or resumes it."""
        if not self._voiced or not self._run or self._run[1] - self._run[0] < self._min_speech:
            return []
        changes: list[Change] = []
        if self._start is None:
            changes = self._begin(self._run[0])
        elif self._paused:
            changes = [Resumed()]
        self._paused = False
        self._voice_end = self._run[1]
        return changes

    def _silence(self) -> list[Change]:
        """Silence, or length, ends the utterance. While speech may be beginning again, only length does."""
        if self._start is None:
            return []
        length, silence = self._at - self._start, self._at - self._voice_end
        changes: list[Change] = []
        if not self._paused and silence >= self._hint and (not self._run or self._run[1] == self._voice_end):
            self._paused = True
            changes = [Paused(self._voice_end + self._tail)]
        if self._run:
            return [*changes, *self._cut()] if length >= self._hard else changes
        if length >= self._hard or silence >= self._enough(length):
            speech_final = self._endpoint is not None and silence >= self._endpoint
            changes += self._finish(self._voice_end + self._tail, speech_final)
        return changes

    def _enough(self, length: int) -> float:
        """Return the silence that ends an utterance of ``length`` samples."""
        if length >= self._soft:
            return self._pause
        if self._endpoint is None:
            return math.inf
        relaxed = max(0.0, (length - self._relax) / max(1, self._soft - self._relax))
        return self._endpoint + relaxed * (self._pause - self._endpoint)

    def _begin(self, voice: int) -> list[Change]:
        voice = max(voice, self._floor)
        self._start = max(self._floor, voice - self._pre_roll)
        return [Began(self._start, voice)]

    def _finish(self, end: int, speech_final: bool) -> list[Change]:
        self._start, self._floor, self._paused = None, end, False
        return [Ended(end, min(self._voice_end, end), speech_final)]

    def _cut(self) -> list[Change]:
        assert self._start is not None
        if self._paused and self._at - self._voice_end >= self._tail:  # what may be speech again is the next one's
            return self._finish(self._voice_end + self._tail, speech_final=False)
        changes: list[Change] = [Resumed()] if self._paused else []
        frames = np.array(self._recent, np.float32)
        cost = pause_cost(frames)
        first = len(frames) - (self._at - self.earliest_cut) // FRAME
        last = len(frames) - round(_MARGIN_S * SAMPLE_RATE / FRAME)
        chosen = last - 1 - int(np.argmin(cost[first:last][::-1]))
        end = self._at - (len(frames) - chosen) * FRAME
        changes += self._finish(end, speech_final=False)
        if self._voice_end > end:
            self._start = end
            changes.append(Began(end, end, continued=True))
        return changes


def pause_cost(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean over a third of a second around each frame: lowest in the middle of the clearest pause."""
    if not len(probabilities):
        return probabilities
    kernel = np.full(_SMOOTHED, 1 / _SMOOTHED, np.float32)
    return np.convolve(probabilities, kernel, "same")[: len(probabilities)]

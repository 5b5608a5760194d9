"""Lays decoded sound out in time by the stamps that it came with, as far as these can be believed."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stt_ai.engines.ffmpeg_log import Mark
from stt_ai.types import SAMPLE_RATE

FloatSamples = npt.NDArray[np.float32]
"""Full scale is 1."""
AnySamples = npt.NDArray[Any]
"""`FloatSamples` or `stt_ai.types.Samples`, shape (n,) of one channel or (n, channels)."""

_TOLERANCE_S = 0.1
"""Stamps of milliseconds jitter, and clocks drift; a jump is more."""
_SAME_CLOCK_S = 0.25
_CONFIRMING_S = 5.0
"""A jump forward is a gap in the recording once so much sound has followed by the new clock."""
_LAST_SHREDS = ((0.3, 3.0), (0.5, 10.0), (1.0, 20.0))
"""(seconds of sound, seconds before it): a last shred that is shorter is no evidence for a gap that is longer."""
_MAX_GAPS = 1000
_OLD_CLOCKS = 4
_SILENCE = 1 << 20


@dataclass(slots=True)
class Clock:
    """Stamps as a function of position: ``time`` at ``position``, and a second for each ``SAMPLE_RATE`` samples."""

    position: int
    time: float

    def at(self, position: int) -> float:
        """Return the time of a sample, in seconds."""
        return self.time + (position - self.position) / SAMPLE_RATE


@dataclass(slots=True)
class TimelineReport:
    """Gaps that were filled and timestamps that were repaired. Times are seconds of the output."""

    gaps: list[tuple[float, float]] = field(default_factory=list)
    repairs: int = 0
    first_repair: float = 0.0
    last_repair: float = 0.0


class Timeline:
    """Takes a sequence of samples and the marks in it, and gives the same with silence where nothing was recorded.

    A jump forward is a gap, filled with silence, unless the stamps come back to the clock of before (some stray
    packets) or the jump is longer than ``max_gap_s`` (another clock). A jump back never drops or overlaps sound: what
    follows goes on where the sound before it ended, by a clock of its own.

    ``origin``: the time of the recording's beginning by the file's clock, None: that of its first sound. ``holes``:
    (position in seconds of decoded sound, seconds missing there), where no time stamps show them.
    """

    def __init__(self, origin: float | None, max_gap_s: float, holes: tuple[tuple[float, float], ...] = ()) -> None:
        self.report = TimelineReport()
        self.samples = 0
        """Given so far, silence included."""
        self._max_gap = max_gap_s
        self._taken = 0
        self._kind: AnySamples = np.zeros(0, np.float32)
        """An empty block like those that come."""
        self._clock = None if origin is None else Clock(0, origin)
        self._old: deque[Clock] = deque(maxlen=_OLD_CLOCKS)
        self._held: list[AnySamples] = []
        self._held_clock: Clock | None = None
        self._holes = deque(sorted(holes))

    def feed(self, samples: AnySamples, marks: deque[Mark]) -> Iterator[AnySamples]:
        """``marks``: in order; those within ``samples`` are removed from it."""
        self._kind = samples[:0]
        while len(samples):
            end = self._taken + len(samples)
            while marks and marks[0].position <= self._taken:
                yield from self._jump(marks.popleft())
            cut = min(marks[0].position, end) if marks else end
            part, samples = samples[: cut - self._taken], samples[cut - self._taken :]
            yield from self._pass(part)

    def finish(self) -> Iterator[AnySamples]:
        """Give what is still held."""
        clock = self._held_clock
        if clock is None:
            return
        gap = self._gap(clock)
        held = self._held_seconds()
        if any(held < longest and (gap > far or self.report.repairs) for longest, far in _LAST_SHREDS):
            yield from self._release_stray()
        else:
            yield from self._confirm()

    def _pass(self, part: AnySamples) -> Iterator[AnySamples]:
        while self._holes and self._holes[0][0] * SAMPLE_RATE <= self._taken + len(part):
            at, missing = self._holes.popleft()
            cut = max(0, round(at * SAMPLE_RATE) - self._taken)
            self._taken += cut
            yield from self._give(part[:cut])
            yield from self._give_silence(missing)
            part = part[cut:]
        self._taken += len(part)
        if self._held_clock is None:
            yield from self._give(part)
            return
        self._held.append(part)
        if self._held_seconds() >= _CONFIRMING_S:
            yield from self._confirm()

    def _jump(self, mark: Mark) -> Iterator[AnySamples]:
        if self._clock is None:
            self._clock = Clock(mark.position, mark.time)
        held = self._held_clock
        if held is not None:
            if mark.time < held.time - _TOLERANCE_S:
                yield from self._release_stray()
            else:
                yield from self._confirm()
        jump = mark.time - self._clock.at(self._taken)
        if abs(jump) <= (_TOLERANCE_S if self._taken else 0.0):
            return
        clock = Clock(self._taken, mark.time)
        known = next((old for old in self._old if abs(old.at(self._taken) - mark.time) < _SAME_CLOCK_S), None)
        if known is None and 0 < jump <= self._max_gap:
            self._held_clock = clock
            return
        if self._taken:
            self._note_repair()
            self._old.append(self._clock)
        self._clock = clock

    def _gap(self, clock: Clock) -> float:
        assert self._clock is not None
        return clock.time - self._clock.at(clock.position)

    def _confirm(self) -> Iterator[AnySamples]:
        """Yield the held samples after a gap: the jump was one."""
        clock = self._held_clock
        assert clock is not None
        gap = self._gap(clock)
        self._held_clock, self._clock = None, clock
        self._old.clear()
        yield from self._give_silence(gap)
        yield from self._give_held()

    def _release_stray(self) -> Iterator[AnySamples]:
        """Yield the held samples without a gap: the jump was an error of the timestamps."""
        self._held_clock = None
        self._note_repair()
        yield from self._give_held()

    def _note_repair(self) -> None:
        at = self.samples / SAMPLE_RATE
        self.report.first_repair = self.report.first_repair if self.report.repairs else at
        self.report.last_repair = at
        self.report.repairs += 1

    def _held_seconds(self) -> float:
        return sum(map(len, self._held)) / SAMPLE_RATE

    def _give_held(self) -> Iterator[AnySamples]:
        held, self._held = self._held, []
        for part in held:
            yield from self._give(part)

    def _give(self, part: AnySamples) -> Iterator[AnySamples]:
        if len(part):
            self.samples += len(part)
            yield part

    def _give_silence(self, seconds: float) -> Iterator[AnySamples]:
        start = self.samples / SAMPLE_RATE
        if len(self.report.gaps) < _MAX_GAPS:
            self.report.gaps.append((start, start + seconds))
        left = round(seconds * SAMPLE_RATE)
        while left > 0:
            part = np.zeros((min(left, _SILENCE), *self._kind.shape[1:]), self._kind.dtype)
            left -= len(part)
            yield from self._give(part)

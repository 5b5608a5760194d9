"""How fast a language model reads and writes here, as far as others leave it the processor."""

import time
from dataclasses import dataclass, field

_KEPT = 0.98
"""Of what was measured before, at each measurement."""
_LEAST_SHARE = 0.5
"""Of a step's time. A thread that had the processor for less of it waited for others, such as live speech."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the model: how long it took, and for how long of that its thread had the processor."""

    seconds: float
    processor_s: float

    @property
    def waited(self) -> bool:
        """Return whether the step tells more of what else ran than of the model."""
        return self.processor_s < self.seconds * _LEAST_SHARE


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Runs from when it is made, for the thread that makes it."""

    _began: float = field(default_factory=time.perf_counter)
    _had: float = field(default_factory=time.thread_time)

    def stop(self) -> Step:
        """Return the time since it was made."""
        return Step(time.perf_counter() - self._began, time.thread_time() - self._had)


@dataclass(slots=True)
class _Average:
    """Tokens a second. Steps that waited count only until there is one that did not."""

    tokens: float = 0.0
    seconds: float = 0.0
    waited: bool = False

    @property
    def speed(self) -> float:
        return self.tokens / self.seconds if self.seconds else 0.0

    def add(self, tokens: float, step: Step) -> None:
        if step.waited and self.seconds and not self.waited:
            return
        kept = _KEPT if step.waited == self.waited else 0.0
        self.tokens = self.tokens * kept + tokens
        self.seconds = self.seconds * kept + max(step.seconds, 1e-6)
        self.waited = step.waited


class Speed:
    """Averages that forget, in tokens a second.

    Other work comes and goes, so an estimate for the next minutes that rested on the last seconds would follow it.
    """

    def __init__(self) -> None:
        self._read, self._written = _Average(), _Average()

    @property
    def read_a_second(self) -> float:
        """Return how many tokens are read in a second; 0 as long as none was."""
        return self._read.speed

    @property
    def written_a_second(self) -> float:
        """Return by how many tokens an answer grows in a second; 0 as long as none was written."""
        return self._written.speed

    def read(self, tokens: int, step: Step) -> None:
        """Take into account that ``tokens`` were read in ``step``."""
        self._read.add(tokens, step)

    def wrote(self, tokens: float, step: Step) -> None:
        """Take into account that answers grew by ``tokens`` each, on average, in ``step``."""
        self._written.add(tokens, step)

    def seconds(self, read: int, written: int) -> float:
        """Return an estimate for reading and writing so many tokens; 0 as long as nothing was measured."""
        if not self.read_a_second or not self.written_a_second:
            return 0.0
        return read / self.read_a_second + written / self.written_a_second

"""Interrupted streams, kept for a while, so that they can resume with nothing lost or sent twice.

In the memory of this process: a stream that goes on in another one, or after this one has died, starts afresh at the
offset that its caller names. With the end of the last text as its offset it loses nothing then either; only what
came after that text is transcribed, and charged, again.

Only streams of which something was transcribed are worth a place: who opens many and says nothing would take those of
others.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stt_ai.api.stream.config import StreamParams
from stt_ai.streaming.events import Final
from stt_ai.types import SAMPLE_RATE

MAX_FINALS = 20
_ROUNDED_S = 0.011
"""Callers know times to the hundredth of a second."""


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where to resume. Text before sample ``position`` was delivered. ``finals``: the last ones."""

    position: int
    next_segment_id: int
    language: str | None
    finals: tuple[Final, ...]


@dataclass(frozen=True, slots=True)
class StreamStart:
    """Where a stream begins: at sample ``position``, after ``skipped`` samples that were transcribed before.

    ``repeated``: texts that the caller may have missed.
    """

    position: int = 0
    skipped: int = 0
    segment_id: int = 0
    language: str | None = None
    repeated: tuple[Final, ...] = ()
    resumed: bool = False


class ResumeStore:
    """Forgets each after ``kept_s`` seconds, and the oldest when there are more than ``max_kept``."""

    def __init__(self, kept_s: float, max_kept: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept_s = kept_s
        self._max_kept = max_kept
        self._clock = clock
        self._resumable: OrderedDict[str, tuple[float, ResumePoint]] = OrderedDict()

    def __len__(self) -> int:
        self._forget()
        return len(self._resumable)

    def save(self, session_id: str, resume_point: ResumePoint) -> None:
        """Remember where the session was cut off."""
        self._resumable[session_id] = (self._clock() + self._kept_s, resume_point)
        self._resumable.move_to_end(session_id)
        self._forget()

    def start_of(self, params: StreamParams) -> StreamStart:
        """Return where the stream begins; a resume point that was saved for it is used up."""
        self._forget()
        offset = round(params.offset * SAMPLE_RATE)
        _, resume_point = self._resumable.pop(params.session_id or "", (0.0, None))
        last = -1 if params.last_segment_id is None else params.last_segment_id
        if resume_point is None:
            return StreamStart(offset, segment_id=last + 1)
        position = max(offset, resume_point.position)
        return StreamStart(
            position=position,
            skipped=position - offset,
            segment_id=max(resume_point.next_segment_id, last + 1),
            language=resume_point.language,
            repeated=tuple(_undelivered(resume_point, params)),
            resumed=True,
        )

    def _forget(self) -> None:
        now = self._clock()
        while self._resumable and (
            len(self._resumable) > self._max_kept or next(iter(self._resumable.values()))[0] <= now
        ):
            self._resumable.popitem(last=False)


def _undelivered(resume_point: ResumePoint, params: StreamParams) -> Iterator[Final]:
    for final in resume_point.finals:
        if params.last_segment_id is not None:
            undelivered = final.segment_id > params.last_segment_id
        else:
            undelivered = final.end > params.offset + _ROUNDED_S
        if undelivered:
            yield final

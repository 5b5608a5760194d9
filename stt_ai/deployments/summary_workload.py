"""How long a replica is busy with the long texts that it has taken, and whether there is time for another."""

import math
import time
from collections.abc import Callable

from stt_ai.errors import Overloaded, SummaryTooLong

_AHEAD = "Other long texts are being summarized. Please try again when they are done."


class SummaryWorkload:
    """Long texts by their keys, with the seconds that each was expected to take when it was taken."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expected: dict[object, tuple[float, float]] = {}

    def admit(self, key: object, seconds: float, limit_s: float) -> None:
        """Take a text of ``seconds``. Raise `SummaryTooLong` or `Overloaded` if it would take more than ``limit_s``."""
        if seconds > limit_s:
            minutes, allowed = math.ceil(seconds / 60), math.floor(limit_s / 60) or 1
            raise SummaryTooLong(
                f"A summary of this text would take about {minutes} minutes, and at most {allowed} are given to one: "
                "send a shorter text."
            )
        ahead = self.remaining_s()
        if ahead + seconds > limit_s:
            raise Overloaded(_AHEAD, ahead + seconds - limit_s)
        self._expected[key] = (self._clock(), seconds)

    def remaining_s(self) -> float:
        """Return the seconds until all that was taken is done, as far as was expected."""
        now = self._clock()
        return sum(max(0.0, begun + seconds - now) for begun, seconds in self._expected.values())

    def done(self, key: object) -> None:
        """Forget a text that is done or was given up, if it was taken."""
        self._expected.pop(key, None)

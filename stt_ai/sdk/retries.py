"""What is tried again, and when. Knows nothing of HTTP."""

import random
from collections.abc import Callable

from stt_ai.sdk.errors import Conflict, SttAiError

MAX_WAIT_S = 60.0
"""Seconds: a service that asks for more, as when an allowance is used up, is not waited for."""
_FIRST_S, _MAX_S = 0.5, 8.0


class Attempts:
    """Counts the attempts at one call.

    A call whose idempotency key is at work already is asked about for ``patience`` seconds, however often: its answer
    is on the way. ``again``: whether the same may be sent again at all.
    """

    def __init__(
        self,
        max_retries: int,
        again: Callable[[SttAiError], bool],
        patience: float = 0.0,
        at_once: bool = False,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._left = max_retries
        self._made = -1 if at_once else 0
        self._patience = patience
        self._again = again
        self._jitter = jitter

    def wait(self, failure: SttAiError) -> float:
        """Seconds to wait before the next attempt. Raises ``failure`` when there is to be none."""
        asked = failure.retry_after
        if not self._again(failure) or (asked or 0) > MAX_WAIT_S:
            raise failure
        pause = self._pause(asked)
        if isinstance(failure, Conflict):
            left, self._patience = self._patience, self._patience - pause
        else:
            left, self._left = self._left, self._left - 1
        if left < (pause if isinstance(failure, Conflict) else 1):
            raise failure
        self._made += 1
        return pause

    def _pause(self, asked: float | None) -> float:
        """At least what the service asks for; the rest is spread, so that many clients do not come back together."""
        own = 0.0 if self._made < 0 else min(_MAX_S, _FIRST_S * 2.0 ** min(self._made, 10))
        own *= 0.5 + self._jitter() / 2
        return own if asked is None else asked + min(own, asked / 4)

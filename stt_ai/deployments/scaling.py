"""Autoscaling by the seconds of audio that wait and run at the replicas, not by the number of requests.

Serve sends the policy to its controller by value. The controller need not have this package, so the policy uses nothing
of it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ray.serve.config import AutoscalingContext

# The keys of `record_autoscaling_stats`.
AUDIO_S = "audio_s"
PIECES = "pieces"
LIVE = "live"
BUSY = "busy"

METRICS_S = 20.0
"""Seconds over which the replicas' reports are averaged."""
UPSCALE_AFTER_S = 15.0
"""Longer than the 10 s between two reports of a replica, so that a report from before its load was shared out starts no
further replica."""


def replicas_for(audio_s: float, pieces: float, live: float, *, target_audio_s: float, target_live: float) -> float:
    """Return how many replicas this load fills; 0 only where there is none.

    ``audio_s`` wait and run, in ``pieces``. One replica works on a piece, so more replicas than pieces would not help.
    ``live``: how many replicas live speech alone keeps busy. A replica is full with ``target_audio_s``, or with
    ``target_live`` of its time taken by live speech.
    """
    return min(audio_s / target_audio_s, pieces) + live / target_live


def total(reports: Iterable[Sequence[Any]]) -> float:
    """Return the sum of the replicas' averages of (`timestamp`, `value`), since the last replica reported first.

    Serve's own averages go further back: they would count audio that was shared out among new replicas at the old one
    too, and each new replica would start another.
    """
    series = [report for report in reports if report]
    since = max((report[0].timestamp for report in series), default=0.0)
    values: Iterator[list[float]] = (
        [point.value for point in report if point.timestamp >= since] or [report[-1].value] for report in series
    )
    return max(0.0, sum(sum(value) / len(value) for value in values))


class AudioPolicy:
    """A policy for Serve's ``autoscaling_config``. How fast replicas come and go is left to Serve's delays there.

    ``piece_s``: seconds of audio in a request that has not found a replica yet, and of which nobody knows more.
    """

    def __init__(self, target_audio_s: float, piece_s: float, target_live: float = 1.0) -> None:
        self._target_audio_s = target_audio_s
        self._piece_s = piece_s
        self._target_live = target_live

    def __call__(self, context: AutoscalingContext) -> tuple[float, dict[str, Any]]:
        """Return (replicas, no state). As long as no replica has reported, keep the current target.

        Without any replica, Serve starts one itself when the first request comes.
        """
        reports = context.raw_metrics or {}
        if context.current_num_replicas == 0 or AUDIO_S not in reports:
            return float(context.target_num_replicas), {}
        audio_s, pieces, live, busy = (total(reports.get(name, {}).values()) for name in (AUDIO_S, PIECES, LIVE, BUSY))
        queued = max(0.0, context.total_queued_requests or 0.0)
        wanted = replicas_for(
            audio_s + queued * self._piece_s,
            pieces + queued,
            live,
            target_audio_s=self._target_audio_s,
            target_live=self._target_live,
        )
        # A request may hold no audio, and a clip may come and go between two reports.
        return wanted or float(busy > 0 or context.total_num_requests > 0), {}


def by_audio(
    *,
    min_replicas: int,
    max_replicas: int,
    target_audio_s: float,
    piece_s: float,
    target_live: float = 1.0,
    downscale_delay_s: float,
    idle_unload_s: float | None = None,
) -> dict[str, Any]:
    """Return an ``autoscaling_config``: between ``min_replicas`` and ``max_replicas`` replicas by `AudioPolicy`.

    Replicas beyond the first go after ``downscale_delay_s`` in which they were not needed; the last, where
    ``min_replicas`` is 0, after ``idle_unload_s`` without any work.
    """
    return {
        "min_replicas": min_replicas,
        "initial_replicas": min_replicas,
        "max_replicas": max(min_replicas, max_replicas),
        "look_back_period_s": METRICS_S,
        "upscale_delay_s": UPSCALE_AFTER_S,
        "downscale_delay_s": downscale_delay_s,
        "downscale_to_zero_delay_s": idle_unload_s,
        "policy": {
            "policy_function": AudioPolicy,
            "policy_kwargs": {"target_audio_s": target_audio_s, "piece_s": piece_s, "target_live": target_live},
        },
    }


class BusyShare:
    """Measures which share of ``places`` is busy, from one `take` to the next. For use from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.places = 1
        self._clock = clock
        self._lock = threading.Lock()
        self._asked = self._counted = clock()
        self._inside = 0
        self._busy = 0.0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count one place as busy while the context is open."""
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    def take(self) -> float:
        """Return the share, 0 to 1, since the last call. Work under way counts up to now."""
        with self._lock:
            now = self._count()
            busy, passed = self._busy, now - self._asked
            self._asked, self._busy = now, 0.0
        return min(1.0, busy / self.places / passed) if passed > 0 else 0.0

    def _add(self, more: int) -> None:
        with self._lock:
            self._count()
            self._inside += more

    def _count(self) -> float:
        now = self._clock()
        self._busy += self._inside * (now - self._counted)
        self._counted = now
        return now

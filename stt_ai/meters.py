"""The service's metrics: every one by name, and how parts report them.

Ray exports each with the prefix `ray_` and the labels ``deployment`` and ``replica`` beside those named here, which
take few values each: nothing that a caller chooses freely, and nobody's name, key or address. Units are base units:
seconds, bytes. Of a histogram Ray keeps the buckets exactly and its sum only nearly, so what must add up is a counter.
"""

from dataclasses import dataclass
from typing import Protocol

SHORT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
"""Seconds: from a call of billing to a file of hours."""


@dataclass(frozen=True, slots=True)
class Meter:
    """``labels`` are the names of what must be given with each value."""

    name: str
    description: str
    labels: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names under which Prometheus finds it."""
        return (f"ray_{self.name}",)


@dataclass(frozen=True, slots=True)
class Counter(Meter):
    """A metric that only grows."""

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names under which Ray exports it."""
        return (f"ray_{self.name}_total",)


@dataclass(frozen=True, slots=True)
class Gauge(Meter):
    """A metric of a current value."""


@dataclass(frozen=True, slots=True)
class Histogram(Meter):
    """How values are spread over buckets, whose upper ends are the ``boundaries``."""

    boundaries: tuple[float, ...] = SHORT

    @property
    def series(self) -> tuple[str, ...]:
        """Return the names under which Ray exports it."""
        return tuple(f"ray_{self.name}_{end}" for end in ("bucket", "count", "sum"))


class Meters(Protocol):
    """Takes figures. Never waits and never fails. Each of the meter's labels must be given."""

    def add(self, meter: Counter, amount: float = 1.0, /, **labels: str) -> None:
        """Add ``amount`` to the counter's series with these ``labels``."""
        ...

    def observe(self, meter: Histogram, value: float, /, **labels: str) -> None:
        """Count ``value`` in the histogram's series with these ``labels``."""
        ...

    def set(self, meter: Gauge, value: float, /, **labels: str) -> None:
        """Set the gauge's series with these ``labels`` to ``value``."""
        ...


class NoMeters:
    """For whoever has nobody to report to."""

    def add(self, meter: Counter, amount: float = 1.0, /, **labels: str) -> None:
        """Count nothing."""
        pass

    def observe(self, meter: Histogram, value: float, /, **labels: str) -> None:
        """Observe nothing."""
        pass

    def set(self, meter: Gauge, value: float, /, **labels: str) -> None:
        """Set nothing."""
        pass


NO_METERS = NoMeters()

# Requests, in the ingress. ``route`` is the pattern that matched; a stream's status is a close code or a refusal's.
REQUESTS = Counter("stt_ai_requests", "Requests and streams that ended.", ("method", "route", "status"))
REFUSALS = Counter("stt_ai_refusals", "Requests and streams that failed, by the error's code.", ("route", "code"))
REQUEST_SECONDS = Histogram("stt_ai_request_seconds", "From a request's head to the end of its answer.", ("route",))
STAGE_SECONDS = Histogram("stt_ai_stage_seconds", "Each stage of a request; some run beside each other.", ("stage",))
REALTIME_FACTOR = Histogram(
    "stt_ai_realtime_factor",
    "Seconds of work for each second of a file's audio, from the decoder to the last word; waiting is work too.",
    ("model",),
    (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)
AUDIO = Counter("stt_ai_audio_seconds", "Audio transcribed for callers; `kind` is file or live.", ("model", "kind"))

# Streams.
OPEN_STREAMS = Gauge("stt_ai_open_streams", "Live streams that are open.")
LIVE_LAG = Histogram(
    "stt_ai_live_lag_seconds",
    "From the arrival of the end of what was said live to its final text.",
    (),
    (0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0),
)

# Models. The deployment says which.
QUEUED = Gauge("stt_ai_queue_jobs", "Windows or questions that wait for the model.")
QUEUED_SECONDS = Gauge("stt_ai_queue_audio_seconds", "Seconds of audio that wait for the model.")
BATCH_SIZE = Histogram("stt_ai_batch_size", "Jobs in a batch.", (), (1, 2, 3, 4, 6, 8, 12, 16, 24, 32))
BATCHED = Counter("stt_ai_batched_jobs", "Jobs that were in batches.")
BATCHED_SECONDS = Counter("stt_ai_batched_audio_seconds", "Audio that was in batches.")
BUSY_SECONDS = Counter("stt_ai_busy_seconds", "Time that the model worked on batches.")
LANGUAGE_MODEL_SPEED = Gauge(
    "stt_ai_language_model_tokens_per_second",
    "Tokens that the language model reads, or writes of one answer, in a second; `step` is read or write.",
    ("step",),
)
MODEL_LOADS = Counter("stt_ai_model_loads", "Loads of a model; `outcome` is loaded or failed.", ("outcome",))
MODEL_LOAD_SECONDS = Histogram("stt_ai_model_load_seconds", "Loading a model, its weights fetched where they must be.")

# Billing. ``meter`` is what is counted: credits, minutes, …; ``entry`` the kind of the ledger's entry.
CREDITS = Counter("stt_ai_credits", "What requests reserved, were charged and gave back.", ("meter", "entry"))

# Jobs and their webhooks, counted by billing, which outlives whatever works on them.
JOBS = Gauge("stt_ai_jobs", "Jobs that have not ended; `state` is queued or running.", ("state",))
OLDEST_JOB_SECONDS = Gauge(
    "stt_ai_oldest_job_seconds", "How long the oldest job has waited that could run by its time."
)
JOB_ATTEMPTS = Counter("stt_ai_job_attempts", "How often work on a job has begun.")
JOBS_ENDED = Counter("stt_ai_jobs_ended", "Jobs that ended; `outcome` is their status.", ("outcome",))
WEBHOOKS = Gauge("stt_ai_webhooks", "Messages about jobs that are still to be delivered.")
WEBHOOK_ATTEMPTS = Counter(
    "stt_ai_webhook_attempts", "Messages that were sent; `outcome` is delivered or failed.", ("outcome",)
)
WEBHOOKS_ENDED = Counter(
    "stt_ai_webhooks_ended", "Messages not to be sent again; `outcome` is delivered or failed.", ("outcome",)
)

# Every replica.
MEMORY = Gauge("stt_ai_replica_memory_bytes", "Resident memory of the replica's process.")

ALL = tuple(found for found in globals().copy().values() if isinstance(found, Meter))

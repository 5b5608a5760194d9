"""What the routes of jobs are made of."""

from dataclasses import dataclass

from stt_ai.jobs.client import JobsClient
from stt_ai.storage.store import Store


@dataclass(frozen=True, slots=True)
class JobServices:
    """``max_retention_hours``: the longest that a caller may ask for."""

    client: JobsClient
    store: Store
    max_retention_hours: float

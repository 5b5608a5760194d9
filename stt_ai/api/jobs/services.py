"""What the routes of jobs are made of."""

from collections.abc import Callable
from dataclasses import dataclass

from stt_ai.jobs.client import JobsClient
from stt_ai.jobs.messages import JobLoad
from stt_ai.sources.addresses import AddressPolicy
from stt_ai.storage.store import Store


@dataclass(frozen=True, slots=True)
class JobServices:
    """``max_retention_hours``: the longest that a caller may ask for.

    ``webhooks``: where they may be sent; None: there are none. ``on_load`` is called every few seconds with how
    much work jobs are.
    """

    client: JobsClient
    store: Store
    max_retention_hours: float
    webhooks: AddressPolicy | None = None
    on_load: Callable[[JobLoad], None] | None = None

"""Makes from the settings what replicas hold themselves: stores, folders, and clients of other machines."""

import os
import tempfile
from pathlib import Path

from stt_ai import environment
from stt_ai.jobs.webhooks.client import WebhooksClient
from stt_ai.jobs.webhooks.deliverer import Deliverer
from stt_ai.pipeline.backlog import Backlog
from stt_ai.settings import IngressSettings, JobsSettings, UploadSettings, UrlSettings
from stt_ai.sources.addresses import AddressPolicy
from stt_ai.sources.client import CheckedClient
from stt_ai.sources.fetching import Fetcher
from stt_ai.sources.resumable import ResumableUploads
from stt_ai.storage.opening import open_store
from stt_ai.storage.store import Store
from stt_ai.types import MAX_WINDOW_S


def make_store(settings: JobsSettings) -> Store:
    """Return where uploads, and the recordings and results of jobs, are kept. Raise `ValueError`."""
    return open_store(settings.store or str(environment.store_folder()), environment.Secrets.read().store_keys)


def uploads_dir(settings: IngressSettings) -> Path:
    """Return where files lie while they are worked on."""
    return settings.uploads_dir or Path(tempfile.gettempdir()) / f"stt-ai-{os.getuid()}"


def make_uploads(settings: UploadSettings, store: Store, min_free_bytes: int) -> ResumableUploads | None:
    """Return the resumable uploads, kept in ``store``, or None where there shall be none."""
    if not settings.max_per_account:
        return None
    return ResumableUploads(store, settings.expires_s, settings.max_per_account, min_free_bytes)


def make_fetcher(settings: UrlSettings) -> Fetcher | None:
    """Return what fetches recordings from addresses, or None where callers may give none."""
    if not settings.enabled:
        return None
    return Fetcher(checked_client(settings), settings.download_timeout_s)


def checked_client(settings: UrlSettings) -> CheckedClient:
    """Return the only client that connects to addresses of callers."""
    policy = AddressPolicy.of(settings.allowed_networks, settings.allow_http)
    return CheckedClient(policy, settings.connect_timeout_s, settings.idle_timeout_s)


def address_policy(settings: UrlSettings) -> AddressPolicy | None:
    """Return where callers may have webhooks sent, or None where they may give no addresses."""
    return AddressPolicy.of(settings.allowed_networks, settings.allow_http) if settings.enabled else None


def make_deliverer(settings: UrlSettings, client: WebhooksClient, store: Store) -> Deliverer | None:
    """Return what sends webhooks, or None where callers may give no addresses."""
    return Deliverer(client, store, checked_client(settings)) if settings.enabled else None


def make_backlog(settings: IngressSettings) -> Backlog:
    """Return an empty backlog that refuses files as ``settings`` say."""
    ahead_s = settings.windows_in_flight * MAX_WINDOW_S
    return Backlog(settings.max_wait_s, settings.guaranteed_slots, ahead_s=ahead_s)

"""A repository's files on this disk: those of the cache where they are whole, else fetched from the hub."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from huggingface_hub import ModelInfo

from stt_ai.models.hub import HubRefused, HubRepo, HubUnreachable, cached_snapshot, download, look_up
from stt_ai.models.weights import BadModelFiles

__all__ = ["DownloadBroke", "HubRefused", "HubRepo", "HubUnreachable", "obtain"]

logger = logging.getLogger(__name__)

ASK_AGAIN_S = 20.0

_unreachable: dict[str, tuple[float, HubUnreachable]] = {}
"""By the hub's address: when it did not answer, and what happened."""


class DownloadBroke(Exception):
    """The hub was reached, and then no more; the message says so, without a full stop."""


def obtain(repo: HubRepo, check: Callable[[Path], object], timeout: float) -> tuple[Path, Literal["cache", "hub"]]:
    """Return the folder of ``repo``, and where it came from. Block for as long as a download takes.

    ``check`` raises `BadModelFiles` for a folder that is of no use: one in the cache is fetched afresh then.
    The hub must answer the first question in ``timeout`` seconds.

    Raise `HubUnreachable`, `HubRefused` or `DownloadBroke`, and what ``check`` says of what was downloaded.
    """
    damage = ""
    cached = cached_snapshot(repo)
    if cached is not None:
        try:
            check(cached)
            return cached, "cache"
        except BadModelFiles as error:
            damage = f"{error}; "
            logger.warning("The cached copy of %s cannot be used: %s. Asking the hub.", repo.repo, error)
    try:
        info = _look_up(repo, timeout)
    except HubUnreachable as error:
        raise HubUnreachable(f"{damage}{repo.hub} cannot be reached: {error}") from error
    try:
        path = download(repo, info, afresh=bool(damage))
    except HubUnreachable as error:
        raise DownloadBroke(
            f"the download from {repo.hub} broke off ({error}); what arrived is kept, the next start goes on"
        ) from error
    check(path)
    return path, "hub"


def _look_up(repo: HubRepo, timeout: float) -> ModelInfo:
    """Return whether to ask the hub: not for a while after it did not answer, or three models would wait for it."""
    at, failure = _unreachable.get(repo.hub, (0.0, None))
    if failure is not None and time.monotonic() - at < ASK_AGAIN_S:
        raise failure
    try:
        return look_up(repo, timeout)
    except HubUnreachable as error:
        _unreachable[repo.hub] = time.monotonic(), error.with_traceback(None)
        raise

"""The model hub, through `huggingface_hub`: what its cache holds, whether it answers, and fetching from it.

Endpoint, token, cache and offline mode are what Hugging Face users know: HF_ENDPOINT, HF_TOKEN (or a stored login),
HF_HOME or HF_HUB_CACHE, HF_HUB_OFFLINE. Arguments of ``None`` mean those.
"""

import logging
import queue
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi, ModelInfo, constants, get_token, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
)
from huggingface_hub.hf_api import RepoSibling

from stt_ai.models.resume import DamagedDownload, LargeFile, fetch_large_file

logger = logging.getLogger(__name__)

PATTERNS = ("config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.*", "model.bin")
"""The files of a CTranslate2 Whisper. Fetched in this order: a snapshot that has `model.bin` has the others."""

_SHA256 = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")


class HubUnreachable(Exception):
    """Nobody answers, or something else than a hub, such as a portal. The message says why, without a full stop."""


class HubRefused(Exception):
    """The hub answers, but the files cannot be had; the message says why and what helps."""


@dataclass(frozen=True, slots=True)
class HubRepo:
    """A model repository and how to get at it."""

    repo: str
    revision: str = "main"
    endpoint: str | None = None
    cache_dir: Path | None = None
    patterns: tuple[str, ...] = PATTERNS
    """The files wanted, the last one last: a snapshot that has ``needed`` has the others."""
    needed: str = "model.bin"
    kind: str = "a CTranslate2 model"

    @property
    def hub(self) -> str:
        """Return the hub's address, the library's default where none is set."""
        return self.endpoint or constants.ENDPOINT

    @property
    def cache(self) -> Path:
        """Return the folder of the hub's cache, the library's default where none is set."""
        return Path(self.cache_dir or constants.HF_HUB_CACHE).expanduser().resolve()


def cached_snapshot(repo: HubRepo) -> Path | None:
    """Return the folder of an earlier download, perhaps an incomplete one, offline. Raise `HubRefused`."""
    try:
        return Path(
            snapshot_download(
                repo.repo,
                revision=repo.revision,
                cache_dir=repo.cache,
                endpoint=repo.endpoint,
                allow_patterns=list(repo.patterns),
                local_files_only=True,
            )
        )
    except EntryNotFoundError:
        return None
    except ValueError as error:
        raise HubRefused(f"{repo.repo} is not a name that a repository can have") from error


def look_up(repo: HubRepo, timeout: float) -> ModelInfo:
    """Ask the hub once what the repository holds, for at most ``timeout`` seconds in all.

    Raise `HubUnreachable` or `HubRefused`.
    """
    api = HfApi(endpoint=repo.endpoint, library_name="stt-ai")

    def ask() -> ModelInfo:
        return api.model_info(repo.repo, revision=repo.revision, timeout=timeout, files_metadata=True)

    return _translated(repo, lambda: _within(timeout, ask))


def download(repo: HubRepo, info: ModelInfo, afresh: bool = False) -> Path:
    """Fetch the files of ``info`` into the cache, and return their folder.

    ``afresh``: distrust what the cache has.

    Raise `HubUnreachable` or `HubRefused`.
    """
    siblings = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    names = [name for pattern in repo.patterns for name in sorted(siblings) if _matches(name, pattern)]
    if repo.needed not in names or info.sha is None:
        raise HubRefused(f"{repo.repo} on {repo.hub} has no {repo.needed}: it is not {repo.kind}")
    logger.info("Downloading %s from %s to %s", repo.repo, repo.hub, repo.cache)
    path = Path()
    for name in names:
        large = _large_file(repo, info.sha, siblings[name])
        path = Path(_translated(repo, partial(_fetch, repo, name, large, afresh))).parents[name.count("/")]
    logger.info("Downloaded %s", repo.repo)
    return path


def _matches(name: str, pattern: str) -> bool:
    """As a shell does: an asterisk stops at a slash."""
    return fnmatch(name, pattern) and name.count("/") == pattern.count("/")


def _large_file(repo: HubRepo, commit: str, sibling: RepoSibling) -> LargeFile | None:
    """None when the hub does not keep the file by its SHA-256: `huggingface_hub` fetches it in one go then."""
    lfs = sibling.lfs
    if lfs is None or not _SHA256.fullmatch(str(lfs.sha256)):
        return None
    return LargeFile(repo.repo, commit, sibling.rfilename, lfs.size, lfs.sha256)


def _fetch(repo: HubRepo, name: str, large: LargeFile | None, afresh: bool) -> str:
    if large is not None:
        fetch_large_file(large, repo.cache, repo.endpoint, verify=afresh)
    return str(
        hf_hub_download(
            repo.repo,
            name,
            revision=repo.revision,
            cache_dir=repo.cache,
            endpoint=repo.endpoint,
            force_download=afresh and large is None,
        )
    )


def _within(timeout: float, call: Callable[[], T]) -> T:
    """Return the result of ``call()`` in a thread, which is abandoned after ``timeout`` seconds.

    A connect timeout alone does not bound the wait: name resolution has none, and each address is tried in turn.
    """
    results: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            results.put((call(), None))
        except Exception as error:
            results.put((None, error))

    threading.Thread(target=run, name="hub-look-up", daemon=True).start()
    try:
        result, error = results.get(timeout=timeout)
    except queue.Empty:
        raise HubUnreachable(f"no answer within {timeout:g} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _translated(repo: HubRepo, call: Callable[[], T]) -> T:
    """Run ``call``, and map the errors of `huggingface_hub` and its HTTP client to the two of this module."""
    try:
        return call()
    except (HubUnreachable, HubRefused):
        raise
    except Exception as error:
        raise _translation(repo, error) from error


def _translation(repo: HubRepo, error: BaseException) -> HubUnreachable | HubRefused:
    if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        return _translation(repo, error.__cause__)
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status >= 500:
            return HubUnreachable(f"it answers {status}")
        if not _is_a_hubs(error):
            return HubUnreachable(f"what answers there is not a model hub ({status})")
        return HubRefused(_refusal(repo, error, status))
    if isinstance(error, DamagedDownload):
        return HubRefused(str(error))
    if isinstance(error, OfflineModeIsEnabled):
        return HubUnreachable("HF_HUB_OFFLINE is set")
    if isinstance(error, (ValueError, KeyError, TypeError)):
        return HubUnreachable(f"what answers there is not a model hub ({type(error).__name__})")
    if isinstance(error, OSError) and error.errno is not None:
        return HubRefused(f"the cache {repo.cache} cannot be written: {error.strerror}")
    return HubUnreachable(f"{type(error).__name__}: {error}".split("\n")[0])


def _is_a_hubs(error: HfHubHTTPError) -> bool:
    """Return whether the hub itself refuses, and not a firewall or portal on the way: those answer with a web page."""
    headers = error.response.headers
    explained = "X-Error-Code" in headers or "X-Error-Message" in headers
    return explained or "json" in headers.get("Content-Type", "") or error.response.status_code == 429


def _refusal(repo: HubRepo, error: HfHubHTTPError, status: int) -> str:
    token = "the token that was sent does not allow it" if get_token() else "no token was sent: set HF_TOKEN"
    if isinstance(error, GatedRepoError) or status in (401, 403):
        conditions = f"; its conditions must be accepted once at {repo.hub}/{repo.repo}, by the token's account"
        gated = conditions if isinstance(error, GatedRepoError) else ""
        return f"{repo.hub} does not give access to {repo.repo} ({status}); {token}{gated}"
    if status == 404:
        return f"{repo.hub} has no {repo.repo} at revision {repo.revision} (404), or hides it; {token}"
    if status == 429:
        return f"{repo.hub} asks for fewer requests (429): wait some minutes, or set HF_TOKEN"
    return f"{repo.hub} refuses {repo.repo} ({status})"

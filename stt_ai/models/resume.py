"""Gets one large file of a model repository into the hub cache, going on where an earlier try stopped.

`huggingface_hub` asks only for the missing bytes when a connection breaks, but throws away what it has when it
gives up or its process dies. A model of gigabytes on a slow line would then never arrive, so what was received
is kept here, in the cache, beside the finished files; `huggingface_hub` finds the finished one and links it.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.file_download import http_get, repo_folder_name
from huggingface_hub.utils import WeakFileLock, build_hf_headers

from stt_ai.models.progress import DownloadProgress

logger = logging.getLogger(__name__)

FRUITLESS_TRIES = 3
"""Give up after so many tries in a row that brought no byte."""
SECONDS_BETWEEN_TRIES = 1.0
_HASH_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class LargeFile:
    """A file that the hub keeps by content: its name is known by its hash, so a partial one can be trusted."""

    repo: str
    commit: str
    name: str
    size: int
    sha256: str


class DamagedDownload(Exception):
    """The downloaded file is not the one that the hub announced."""


def fetch_large_file(file: LargeFile, cache_dir: Path, endpoint: str | None, verify: bool = False) -> None:
    """Make sure that the cache holds the file's content. One process downloads, others of the node wait for it.

    ``verify``: what the cache holds is distrusted, and replaced if it is not what the hub has.
    Raise what `huggingface_hub` raises when the hub refuses or cannot be reached any more.
    """
    folder = repo_folder_name(repo_id=file.repo, repo_type="model")
    blob = cache_dir / folder / "blobs" / file.sha256
    lock = cache_dir / ".locks" / folder / f"{file.sha256}.lock"
    blob.parent.mkdir(parents=True, exist_ok=True)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if blob.exists() and blob.stat().st_size == file.size and not (verify and _sha256(blob) != file.sha256):
            return
        partial = blob.with_name(blob.name + ".incomplete")
        leftover = partial.exists()
        _receive(file, partial, endpoint)
        if leftover and _sha256(partial) != file.sha256:
            logger.warning("What an earlier try left of %s of %s was damaged: beginning again", file.name, file.repo)
            partial.unlink()
            _receive(file, partial, endpoint)
        if _sha256(partial) != file.sha256:
            partial.unlink()
            raise DamagedDownload(f"{file.name} of {file.repo} does not have the content that the hub announced")
        partial.replace(blob)


def _receive(file: LargeFile, partial: Path, endpoint: str | None) -> None:
    url = hf_hub_url(file.repo, file.name, revision=file.commit, endpoint=endpoint)
    fruitless = 0
    while True:
        have = _usable_bytes(partial, file.size)
        if have:
            logger.info("Going on with %s of %s after %d of %d bytes", file.name, file.repo, have, file.size)
        try:
            with partial.open("ab") as target:
                http_get(
                    url,
                    target,
                    resume_size=have,
                    headers=build_hf_headers(),
                    expected_size=file.size,
                    displayed_filename=f"{file.repo.split('/')[-1]}/{file.name}",
                    tqdm_class=DownloadProgress,
                )
            return
        except OfflineModeIsEnabled:
            raise
        except HfHubHTTPError as error:
            if error.response.status_code < 500 or fruitless + 1 >= FRUITLESS_TRIES:
                raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's, not the line's
            if partial.stat().st_size <= have and fruitless + 1 >= FRUITLESS_TRIES:
                raise
        fruitless = 0 if partial.stat().st_size > have else fruitless + 1
        time.sleep(SECONDS_BETWEEN_TRIES)


def _usable_bytes(partial: Path, size: int) -> int:
    """Return the bytes received so far. More than the file has cannot be right: begin again."""
    have = partial.stat().st_size if partial.exists() else 0
    if have > size:
        partial.unlink()
        return 0
    return have


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

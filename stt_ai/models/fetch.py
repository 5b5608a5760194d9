"""From an entry of the catalogue to a folder with its weights.

==========  ===============================================================================================
``hub``     the entry's own folder, else a local folder, else the hub's cache, else a download; or an error
``demo``    the small model that ships in the package
``auto``    as ``hub``; but when the hub cannot be reached within seconds, the demo model, with a warning
==========  ===============================================================================================

A model that is cached is used without asking the hub. A hub that answers but refuses (no such repository, no access,
files that are not a model) is an error in ``auto`` too: something is set wrongly, and quietly transcribing badly
would hide it. So is a download that breaks off. A hub that answers 5xx to the first question counts as not reached,
and so does anything that answers in its place, such as a firewall's page.
"""

import logging
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from stt_ai.errors import ModelUnavailable
from stt_ai.models.catalogue import ModelEntry
from stt_ai.models.weights import BadModelFiles, inspect

logger = logging.getLogger(__name__)

Source = Literal["hub", "demo", "auto"]
Origin = Literal["folder", "cache", "hub", "demo"]

DEMO_LABEL = "demo-whisper"
DEMO_WINDOW_S = 9.0
"""It was trained on windows of up to this length, and loses its place in longer ones."""
_RETRY_AFTER = 60.0
"""Seconds: nothing mends itself sooner."""


class SourceSettings(BaseModel):
    """Where weights come from. None: what HF_ENDPOINT, HF_HOME and HF_HUB_CACHE say. The token is HF_TOKEN's alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Source = "auto"
    local_dir: Path | None = None
    """Holds `<id>/model.bin` and its neighbours for each model that is kept locally."""
    cache_dir: Path | None = None
    endpoint: str | None = Field(default=None, pattern=r"^https?://")
    hub_timeout: float = Field(default=5.0, gt=0, le=60)
    """Seconds in which the hub must answer the first question."""

    def resolve(self, entry: ModelEntry) -> "ResolvedModel":
        """As the function `resolve`."""
        return resolve(entry, self.source, self.local_dir, self.cache_dir, self.endpoint, self.hub_timeout)


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A folder that holds a whole CTranslate2 Whisper. ``label`` is what responses report as their model."""

    path: Path
    model_id: str
    label: str
    demo: bool
    origin: Origin
    mel_bins: int
    variable_length: bool = False
    window_s: float = 30.0
    """Seconds: the longest window that it hears well."""
    reason: str = ""
    """Why it is the demo model; empty when it is not."""


def resolve(
    entry: ModelEntry,
    source: Source = "auto",
    local_dir: Path | None = None,
    cache_dir: Path | None = None,
    endpoint: str | None = None,
    hub_timeout: float = 5.0,
) -> ResolvedModel:
    """Blocks, for as long as a download takes. Raises `ModelUnavailable` with a sentence that says what to do."""
    if source == "demo":
        return _demo(entry, "models.source is demo")
    folder = _local_folder(entry, local_dir)
    if folder is not None:
        return _checked(entry, folder, "folder", "mend or remove that folder")
    if entry.repo is None:
        raise ModelUnavailable(_advice(entry, "it names no hub repository and there is no folder of it"), _RETRY_AFTER)
    return _from_hub(entry, entry.repo, source, cache_dir, endpoint, hub_timeout)


def demo_path(kind: str = "whisper", needed: str = "model.bin") -> Path:
    """The folder of a demo model that ships in the package. Raises `ModelUnavailable` if this copy lacks it."""
    folder = Path(str(resources.files("stt_ai.models").joinpath("demo", kind)))
    if not (folder / needed).is_file():
        raise ModelUnavailable(
            f"This installation has no {kind} demo model: install the full package or run `make demo-models`.",
            _RETRY_AFTER,
        )
    return folder


def _local_folder(entry: ModelEntry, local_dir: Path | None) -> Path | None:
    if entry.folder is not None:
        return entry.folder.expanduser()
    folder = local_dir.expanduser() / entry.id if local_dir is not None else None
    return folder if folder is not None and folder.is_dir() else None


def _from_hub(
    entry: ModelEntry, repo_id: str, source: Source, cache_dir: Path | None, endpoint: str | None, hub_timeout: float
) -> ResolvedModel:
    # Its libraries take half a second to import, and demo and folders need none of them.
    from stt_ai.models import snapshot

    repo = snapshot.HubRepo(repo_id, entry.revision, endpoint, cache_dir)
    try:
        path, origin = snapshot.obtain(repo, lambda folder: inspect(folder, entry.mel_bins), hub_timeout)
    except snapshot.HubUnreachable as error:
        if source == "auto":
            return _demo(entry, str(error))
        raise ModelUnavailable(_advice(entry, str(error)), _RETRY_AFTER) from error
    except (snapshot.HubRefused, snapshot.DownloadBroke) as error:
        raise ModelUnavailable(_advice(entry, str(error)), _RETRY_AFTER) from error
    except BadModelFiles as error:
        raise _unusable(entry, error, f"set another repository than {repo_id}") from error
    return _resolved(entry, path, origin)


def _checked(entry: ModelEntry, folder: Path, origin: Origin, remedy: str) -> ResolvedModel:
    try:
        return _resolved(entry, folder, origin)
    except BadModelFiles as error:
        raise _unusable(entry, error, remedy) from error


def _unusable(entry: ModelEntry, error: BadModelFiles, remedy: str) -> ModelUnavailable:
    message = f"Model {entry.id} cannot be used: {error}; {remedy}, or set models.source to demo."
    return ModelUnavailable(message, _RETRY_AFTER)


def _resolved(entry: ModelEntry, folder: Path, origin: Origin) -> ResolvedModel:
    weights = inspect(folder, entry.mel_bins)
    return ResolvedModel(
        folder, entry.id, entry.id, False, origin, weights.mel_bins, variable_length=entry.variable_length
    )


def _demo(entry: ModelEntry, reason: str) -> ResolvedModel:
    folder = demo_path()
    try:
        weights = inspect(folder)
    except BadModelFiles as error:
        raise ModelUnavailable(f"The demo model of this installation is damaged: {error}.", _RETRY_AFTER) from error
    logger.warning(
        "DEMO MODEL IN USE instead of %s, because %s. It knows a few hundred words: its transcripts of real "
        "recordings are wrong. For the real model: %s",
        entry.id,
        reason,
        _REMEDIES.format(id=entry.id),
    )
    return ResolvedModel(
        folder,
        entry.id,
        DEMO_LABEL,
        True,
        "demo",
        weights.mel_bins,
        variable_length=True,
        window_s=DEMO_WINDOW_S,
        reason=reason,
    )


_REMEDIES = (
    "let this machine reach the hub (HF_ENDPOINT, HF_TOKEN), or put the model's files in a folder named {id} "
    "in models.local_dir"
)


def _advice(entry: ModelEntry, reason: str) -> str:
    remedies = _REMEDIES.format(id=entry.id)
    return f"Model {entry.id} cannot be had: {reason}. To mend it, {remedies}, or set models.source to demo."

"""The pipelines that tell speakers apart: from an entry to a folder in pyannote's layout, as `fetch` does for Whisper.

A pipeline is a `config.yaml` that names its models, as `$model/<folder>` beside it (community-1) or as repositories
of their own (3.1), which are fetched too.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from stt_ai.errors import ModelUnavailable
from stt_ai.models.fetch import Origin, SourceSettings, demo_path
from stt_ai.models.weights import BadModelFiles

logger = logging.getLogger(__name__)

CONFIG = "config.yaml"
WEIGHTS = "pytorch_model.bin"
DEMO_LABEL = "demo-diarization"
REPOSITORIES = {
    "community-1": "pyannote/speaker-diarization-community-1",
    "3.1": "pyannote/speaker-diarization-3.1",
}
PipelineName = Literal["community-1", "3.1"]

_RETRY_AFTER = 60.0
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_PARAMETERS = {"segmentation": (WEIGHTS,), "embedding": (WEIGHTS,), "plda": ("plda.npz", "xvec_transform.npz")}
"""Those that name a model, and the files of each."""


@dataclass(frozen=True, slots=True)
class ResolvedPipeline:
    """``parts``: the folders of the other repositories that ``config`` names."""

    config: Path
    label: str
    demo: bool
    origin: Origin
    parts: Mapping[str, Path] = field(default_factory=dict)


def resolve(name: str, source: SourceSettings, folder: Path | None = None) -> ResolvedPipeline:
    """``name`` is one of `REPOSITORIES`; ``folder`` has its files, and comes before cache and hub.

    Blocks for as long as downloads take. Raises `ModelUnavailable` with a sentence that says what to do.
    """
    if source.source == "demo":
        return _demo(name, "models.source is demo")
    local = source.local_dir.expanduser() / REPOSITORIES[name].split("/")[1] if source.local_dir else None
    found = folder.expanduser() if folder else local if local and local.is_dir() else None
    if found is not None:
        try:
            if others := inspect(found):
                raise BadModelFiles(f"{found / CONFIG} names {others[0]}; it should name folders beside it")
        except BadModelFiles as error:
            raise ModelUnavailable(
                f"The diarization pipeline cannot be used: {error}; mend or remove that folder.", _RETRY_AFTER
            ) from error
        return ResolvedPipeline(found / CONFIG, name, False, "folder")
    return _from_hub(name, source)


def inspect(folder: Path) -> tuple[str, ...]:
    """The other repositories that the pipeline in ``folder`` names. Raises `BadModelFiles` if it is no pipeline."""
    path = folder / CONFIG
    if not path.is_file():
        raise BadModelFiles(f"{folder} has no {CONFIG}")
    try:
        parameters: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["pipeline"]["params"]
        named = {name: parameters[name] for name in _PARAMETERS if isinstance(parameters.get(name), str)}
    except (yaml.YAMLError, UnicodeDecodeError, LookupError, TypeError, AttributeError):
        raise BadModelFiles(f"{path} does not describe a pipeline") from None
    others = []
    for name, value in named.items():
        if value.startswith("$model/"):
            inside = folder / value.removeprefix("$model/").split("@")[0]
            missing = [file for file in _PARAMETERS[name] if not (inside / file).is_file()]
            if missing:
                raise BadModelFiles(f"{inside} has no {' and no '.join(missing)}")
        elif _REPOSITORY.fullmatch(value):
            others.append(value)
    return tuple(others)


def _from_hub(name: str, source: SourceSettings) -> ResolvedPipeline:
    from stt_ai.models import snapshot

    def repository(repo: str, needed: str, *patterns: str) -> snapshot.HubRepo:
        kind = "a pyannote model"
        return snapshot.HubRepo(repo, "main", source.endpoint, source.cache_dir, (*patterns, needed), needed, kind)

    def check_model(folder: Path) -> None:
        if not (folder / WEIGHTS).is_file():
            raise BadModelFiles(f"{folder} has no {WEIGHTS}")

    repo = REPOSITORIES[name]
    try:
        whole = repository(repo, CONFIG, f"*/{WEIGHTS}", "*/*.npz")
        path, origin = snapshot.obtain(whole, inspect, source.hub_timeout)
        parts = {
            part: snapshot.obtain(repository(part, WEIGHTS), check_model, source.hub_timeout)[0]
            for part in inspect(path)
        }
    except snapshot.HubUnreachable as error:
        if source.source == "auto":
            return _demo(name, str(error))
        raise ModelUnavailable(_advice(name, str(error)), _RETRY_AFTER) from error
    except (snapshot.HubRefused, snapshot.DownloadBroke, BadModelFiles) as error:
        raise ModelUnavailable(_advice(name, str(error)), _RETRY_AFTER) from error
    return ResolvedPipeline(path / CONFIG, name, False, origin, parts)


def _demo(name: str, reason: str) -> ResolvedPipeline:
    folder = demo_path("diarization", CONFIG)
    try:
        inspect(folder)
    except BadModelFiles as error:
        raise ModelUnavailable(f"The demo model of this installation is damaged: {error}.", _RETRY_AFTER) from error
    logger.warning(
        "DEMO MODEL IN USE instead of %s, because %s. It was trained on synthetic voices: it tells those of real "
        "recordings apart badly. For the real model: %s",
        REPOSITORIES[name],
        reason,
        _remedies(name),
    )
    return ResolvedPipeline(folder / CONFIG, DEMO_LABEL, True, "demo")


def _remedies(name: str) -> str:
    repo = REPOSITORIES[name]
    return (
        f"accept the conditions of {repo} on the hub and set HF_TOKEN to a token of that account, let this machine "
        f"reach the hub (HF_ENDPOINT), or put the pipeline's files in a folder named {repo.split('/')[1]} in "
        "models.local_dir"
    )


def _advice(name: str, reason: str) -> str:
    return (
        f"The diarization pipeline {name} cannot be had: {reason}. To mend it, {_remedies(name)}, or set models.source "
        "to demo."
    )

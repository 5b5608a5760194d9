"""Diarization pipelines: from a name to a folder in pyannote's layout.

A pipeline is a `config.yaml` that names its models, as `$model/<folder>` beside it (community-1) or as repositories
of their own (3.1), which are fetched too.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from stt_ai.models import fetch
from stt_ai.models.fetch import demo_path
from stt_ai.models.package_store import PackageStore
from stt_ai.models.packaged import PACKAGED
from stt_ai.models.wanted import Origin, ResolvedModel, SourceSettings, WantedModel
from stt_ai.models.weights import BadModelFiles

if TYPE_CHECKING:
    from stt_ai.models.hub import HubRepo

CONFIG = "config.yaml"
WEIGHTS = "pytorch_model.bin"
DEMO_LABEL = "demo-diarization"
PACKAGED_LABEL = "pyannote-segmentation-ge2e"
REPOSITORIES = {
    "community-1": "pyannote/speaker-diarization-community-1",
    "3.1": "pyannote/speaker-diarization-3.1",
}
PipelineName = Literal["community-1", "3.1"]

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_PARAMETERS = {"segmentation": (WEIGHTS,), "embedding": (WEIGHTS,), "plda": ("plda.npz", "xvec_transform.npz")}
"""Those that name a model, and the files of each."""


def resolve(
    name: PipelineName, source: SourceSettings, folder: Path | None = None, store: PackageStore | None = None
) -> ResolvedModel:
    """``folder`` has the pipeline's files, and comes before cache and hub.

    Block for as long as downloads take. Raise `ModelUnavailable` with a sentence that says what to do.
    """
    return fetch.resolve(WantedPipeline(name, folder), source, store)


class WantedPipeline(WantedModel):
    """One of `REPOSITORIES`."""

    def __init__(self, name: PipelineName, folder: Path | None = None) -> None:
        repo = REPOSITORIES[name]
        self.label = name
        self.title = f"The diarization pipeline {name}"
        self.repository = repo
        self.folder = folder
        self.local_name = repo.split("/")[1]
        self.packaged = PACKAGED.get(PACKAGED_LABEL)
        self.remedies = (
            f"accept the conditions of {repo} on the hub and set HF_TOKEN to a token of that account, let this machine "
            f"reach the hub (HF_ENDPOINT), or put the pipeline's files in a folder named {self.local_name} in "
            "models.local_dir"
        )

    def check(self, folder: Path) -> None:
        """Raise `BadModelFiles` where the pipeline names others than folders beside it."""
        if others := inspect(folder):
            raise BadModelFiles(f"{folder / CONFIG} names {others[0]}; it should name folders beside it")

    def own(self, folder: Path, origin: Origin) -> ResolvedModel:
        """Return the model in ``folder``."""
        return ResolvedModel(folder, self.label, origin)

    def check_download(self, folder: Path) -> None:
        """Raise `BadModelFiles` where ``folder`` holds no pipeline."""
        inspect(folder)

    def hub_repo(self, source: SourceSettings) -> "HubRepo":
        """Return the pipeline's repository on the hub."""
        return _repo(source, REPOSITORIES[self.label], CONFIG, f"*/{WEIGHTS}", "*/*.npz")

    def from_hub(self, source: SourceSettings) -> ResolvedModel:
        """Return the pipeline from the hub, with all that it refers to."""
        from stt_ai.models import snapshot

        found = super().from_hub(source)
        parts = {
            part: snapshot.obtain(_repo(source, part, WEIGHTS), _check_model, source.hub_timeout)[0]
            for part in inspect(found.path)
        }
        return replace(found, parts=parts)

    def demo(self) -> ResolvedModel:
        """Return the synthetic pipeline."""
        folder = demo_path("diarization", CONFIG)
        inspect(folder)
        return ResolvedModel(folder, DEMO_LABEL, "demo", True)


def inspect(folder: Path) -> tuple[str, ...]:
    """Return the other repositories that the pipeline in ``folder`` names. Raise `BadModelFiles` if it is none."""
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


def _repo(source: SourceSettings, repository: str, needed: str, *patterns: str) -> "HubRepo":
    from stt_ai.models.hub import HubRepo

    kind = "a pyannote model"
    return HubRepo(repository, "main", source.endpoint, source.cache_dir, (*patterns, needed), needed, kind)


def _check_model(folder: Path) -> None:
    if not (folder / WEIGHTS).is_file():
        raise BadModelFiles(f"{folder} has no {WEIGHTS}")

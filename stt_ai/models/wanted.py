"""A model that is wanted, where its weights may come from, and the folder that was found for it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from stt_ai.models.packaged import PackagedModel
from stt_ai.types import GpuInfo, LoadedModel

if TYPE_CHECKING:
    from stt_ai.models.hub import HubRepo

Source = Literal["auto", "hub", "packages", "demo"]
Origin = Literal["folder", "cache", "hub", "packages", "demo"]


class SourceSettings(BaseModel):
    """Where weights come from. None: as HF_ENDPOINT, HF_HOME and HF_HUB_CACHE say. The token is always HF_TOKEN.

    The package index is that of pip's configuration: PIP_INDEX_URL, pip.conf.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Source = "auto"
    local_dir: Path | None = None
    """Holds `<id>/model.bin` and its neighbours for each model that is kept locally."""
    cache_dir: Path | None = None
    endpoint: str | None = Field(default=None, pattern=r"^https?://")
    hub_timeout: float = Field(default=5.0, gt=0, le=60)
    """Seconds in which the hub must answer the first request."""
    package_cache: Path | None = None
    """The folder of models from packages. None: STT_AI_MODEL_CACHE, else `stt_ai/models` in the cache folder."""
    index_timeout: float = Field(default=15.0, gt=0, le=600)
    """Seconds for which the package index may be silent."""


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A folder that holds a whole model, and its properties.

    ``label`` is what answers report as their model. ``reason`` says why it is not the one that was asked for, in one
    sentence for callers; empty when it is. ``demo``: it is synthetic. ``parts``: the folders of the other repositories
    that a pipeline names. ``window_s``: the longest window that a Whisper recognizes well, in seconds;
    ``variable_length``: short ones need not be padded; ``silence_s``: seconds of silence that must follow the speech of
    others, None where an operator says nothing; ``translates``: it learnt to write English of what is said in other
    languages.
    """

    path: Path
    label: str
    origin: Origin
    demo: bool = False
    reason: str = ""
    parts: Mapping[str, Path] = field(default_factory=dict)
    window_s: float = 30.0
    variable_length: bool = False
    silence_s: float | None = None
    translates: bool = False

    def loaded(self, gpu: GpuInfo | None = None) -> LoadedModel:
        """Return its description for callers, once it is in memory."""
        return LoadedModel(
            self.label,
            self.demo,
            self.window_s,
            gpu or GpuInfo(),
            translates=self.translates,
            variable_length=self.variable_length,
            origin=self.origin,
            reason=self.reason,
        )


class WantedModel(ABC):
    """A model that is asked for: how it is found, and what may serve in its place."""

    label: str
    """What answers report when it serves."""
    title: str
    """Its name in messages, at the beginning of a sentence."""
    repository: str | None
    """Its name on the model hub; None: the hub does not have it."""
    folder: Path | None
    """The operator's own folder of it."""
    local_name: str
    """The name of its folder in the folder of local models."""
    packaged: PackagedModel | None
    """What packages have of it, or a smaller one instead."""
    remedies: str
    """What helps to get it from the hub or from a folder: the end of a sentence."""

    @abstractmethod
    def check(self, folder: Path) -> None:
        """Raise `BadModelFiles` unless ``folder`` holds a whole model."""

    def check_download(self, folder: Path) -> None:
        """Check the files of its repository, which may differ from its own folder's. Raise as `check` does."""
        self.check(folder)

    @abstractmethod
    def hub_repo(self, source: SourceSettings) -> "HubRepo":
        """Return its repository on the model hub. Only called if it has one."""

    def from_hub(self, source: SourceSettings) -> ResolvedModel:
        """Return it from the hub's cache or the hub. Raise as `stt_ai.models.snapshot.obtain` does."""
        from stt_ai.models import snapshot

        return self.own(*snapshot.obtain(self.hub_repo(source), self.check_download, source.hub_timeout))

    @abstractmethod
    def own(self, folder: Path, origin: Origin) -> ResolvedModel:
        """Return this model in ``folder``."""

    def from_packages(self, model: PackagedModel, folder: Path) -> ResolvedModel:
        """Return ``model``, which serves in its place."""
        return ResolvedModel(folder, model.label, "packages")

    @abstractmethod
    def demo(self) -> ResolvedModel:
        """Return the synthetic model. Raise `BadModelFiles`, or `ModelUnavailable` if this copy lacks it."""

"""From a model that is asked for to a folder with one that can serve.

============  =====================================================================================================
``hub``       the model's own folder, else one in the folder of local models, else the hub's cache, else the hub
``packages``  the same folders, else a small model out of packages of the Python package index
``demo``      the synthetic model that ships with this package
``auto``      folders, the hub's cache, the hub, packages; and only when neither can be reached the synthetic model
============  =====================================================================================================

A model that is cached is used without asking the hub. A hub that answers but refuses (no such repository, no access)
or breaks off never ends in the synthetic model, which would hide it: what the packages have serves meanwhile, and where
they have nothing it is an error. So are files that are not a model: something is set wrongly. A hub that answers 5xx to
the first question counts as not reached, and so does what answers in its place, such as a firewall's page.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from stt_ai.errors import ModelUnavailable
from stt_ai.models.package_store import PackageStore, PackagesUnavailable
from stt_ai.models.packaged import PackagedModel
from stt_ai.models.weights import BadModelFiles
from stt_ai.types import GpuInfo, LoadedModel

if TYPE_CHECKING:
    from stt_ai.models.hub import HubRepo

logger = logging.getLogger(__name__)

Source = Literal["auto", "hub", "packages", "demo"]
Origin = Literal["folder", "cache", "hub", "packages", "demo"]

_RETRY_AFTER = 60.0
"""Seconds after which callers may retry a model that cannot be obtained now."""


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
    """A folder that holds a whole model, and what is known of it.

    ``label`` is what answers report as their model. ``reason`` says why it is not the one that was asked for, in one
    sentence for callers; empty when it is. ``demo``: it is synthetic. ``parts``: the folders of the other repositories
    that a pipeline names. ``window_s``: the longest window that a Whisper hears well, in seconds; ``variable_length``:
    short ones need not be padded; ``silence_s``: seconds of silence that must follow the speech of others, None where
    an operator says nothing; ``translates``: it learnt to write English of what is said in other languages.
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
        """Return what callers are told of it once it is in memory."""
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
    """It in messages, at the beginning of a sentence."""
    repository: str | None
    """On the model hub; None: the hub does not have it."""
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
        """The same of the files in its repository, which may name others."""
        self.check(folder)

    @abstractmethod
    def hub_repo(self, source: SourceSettings) -> "HubRepo":
        """Its repository on the model hub. Only called where it has one."""

    def from_hub(self, source: SourceSettings) -> ResolvedModel:
        """Return it from the hub's cache or the hub. Raise as `stt_ai.models.snapshot.obtain` does."""
        from stt_ai.models import snapshot

        return self.own(*snapshot.obtain(self.hub_repo(source), self.check_download, source.hub_timeout))

    @abstractmethod
    def own(self, folder: Path, origin: Origin) -> ResolvedModel:
        """It in ``folder``."""

    def from_packages(self, model: PackagedModel, folder: Path) -> ResolvedModel:
        """``model`` in its place."""
        return ResolvedModel(folder, model.label, "packages")

    @abstractmethod
    def demo(self) -> ResolvedModel:
        """Return the synthetic model. Raise `BadModelFiles`, or `ModelUnavailable` if this copy lacks it."""


@dataclass(frozen=True, slots=True)
class _Lack:
    """Why an origin does not give a model: clauses for callers, and for the log, which names addresses and folders.

    ``silent``: nobody answered, so that the next origin may be asked without hiding that something is set wrongly.
    """

    for_callers: str
    logged: str
    silent: bool = True


def resolve(
    wanted: WantedModel, source: SourceSettings, store: PackageStore | None = None, demo: bool = True
) -> ResolvedModel:
    """Block for as long as downloads take. Raise `ModelUnavailable` with a sentence that says what to do.

    ``demo`` False: the synthetic model is none, as where weights are fetched for later.
    """
    if source.source == "demo":
        return _demo(wanted, [_Lack("this service runs on synthetic models", "models.source is demo")])
    folder = local_folder(wanted, source)
    if folder is not None:
        return _from_folder(wanted, folder)
    lacks = []
    if source.source != "packages":
        found = _from_hub(wanted, source)
        if isinstance(found, ResolvedModel):
            return found
        lacks.append(found)
    if source.source != "hub" and (wanted.packaged is not None or source.source == "packages"):
        found = _from_packages(wanted, store or package_store(source), lacks)
        if isinstance(found, ResolvedModel):
            return found
        lacks.append(found)
    if demo and source.source == "auto" and all(lack.silent for lack in lacks):
        return _demo(wanted, lacks)
    raise ModelUnavailable(_advice(wanted, lacks), _RETRY_AFTER)


def demo_path(kind: str = "whisper", needed: str = "model.bin") -> Path:
    """Return the folder of a synthetic model of this package. Raise `ModelUnavailable` if this copy lacks it."""
    folder = Path(str(resources.files("stt_ai.models").joinpath("demo", kind)))
    if not (folder / needed).is_file():
        raise ModelUnavailable(
            f"This installation has no {kind} demo model: install the full package or run `make demo-models`.",
            _RETRY_AFTER,
        )
    return folder


def package_store(source: SourceSettings) -> PackageStore:
    """Return where models out of packages are kept."""
    return PackageStore(source.package_cache, source.index_timeout)


def local_folder(wanted: WantedModel, source: SourceSettings) -> Path | None:
    """Return the folder on this machine that comes before everything else."""
    if wanted.folder is not None:
        return wanted.folder.expanduser()
    folder = source.local_dir.expanduser() / wanted.local_name if source.local_dir is not None else None
    return folder if folder is not None and folder.is_dir() else None


def _from_folder(wanted: WantedModel, folder: Path) -> ResolvedModel:
    try:
        wanted.check(folder)
    except BadModelFiles as error:
        raise _unusable(wanted, error, "mend or remove that folder") from error
    return wanted.own(folder, "folder")


def _from_hub(wanted: WantedModel, source: SourceSettings) -> ResolvedModel | _Lack:
    if wanted.repository is None:
        return _Lack("", "it names no hub repository and there is no folder of it", silent=False)
    # Its libraries take half a second to import, and folders, packages and the demo models need none of them.
    from stt_ai.models import snapshot

    try:
        return wanted.from_hub(source)
    except snapshot.HubUnreachable as error:
        return _Lack("the model hub cannot be reached", str(error))
    except snapshot.HubRefused as error:
        return _Lack("the model hub does not give it", str(error), silent=False)
    except snapshot.DownloadBroke as error:
        return _Lack("its download from the model hub broke off", str(error), silent=False)
    except BadModelFiles as error:
        raise _unusable(
            wanted, error, f"set another repository than {wanted.repository}, or {wanted.remedies}"
        ) from error


def _from_packages(wanted: WantedModel, store: PackageStore, lacks: list[_Lack]) -> ResolvedModel | _Lack:
    """``lacks``: why it does not come from the hub; empty when that was not asked."""
    model = wanted.packaged
    if model is None:
        return _Lack("no package has it", "no package has it or one in its place", silent=False)
    try:
        found = wanted.from_packages(model, store.obtain(model))
    except PackagesUnavailable as error:
        return _Lack(error.for_callers, str(error))
    if model.upstream == wanted.repository:  # the very same weights
        return replace(found, label=wanted.label)
    lacks = lacks or [_Lack("this service takes models from packages alone", "models.source is packages")]
    logger.warning("%s serves instead of %s, because %s.", found.label, wanted.label, _joined(lacks, "logged"))
    return replace(found, reason=_reason(wanted, lacks, f"{found.label} serves in its place"))


def _demo(wanted: WantedModel, lacks: list[_Lack]) -> ResolvedModel:
    try:
        found = wanted.demo()
    except BadModelFiles as error:
        raise ModelUnavailable(f"The demo model of this installation is damaged: {error}.", _RETRY_AFTER) from error
    logger.warning(
        "DEMO MODEL IN USE instead of %s, because %s. It was made of synthetic speech, for tests: what it says of real "
        "recordings and texts is wrong. For the real model: %s",
        wanted.label,
        _joined(lacks, "logged"),
        wanted.remedies,
    )
    ending = f"{found.label} serves in its place, a synthetic model for tests that is wrong about real recordings"
    return replace(found, reason=_reason(wanted, lacks, ending))


def _joined(lacks: list[_Lack], which: Literal["for_callers", "logged"]) -> str:
    return " and ".join(getattr(lack, which) for lack in lacks)


def _reason(wanted: WantedModel, lacks: list[_Lack], ending: str) -> str:
    return f"{wanted.label} is not here, since {_joined(lacks, 'for_callers')}: {ending}."


def _unusable(wanted: WantedModel, error: BadModelFiles, remedy: str) -> ModelUnavailable:
    message = f"{wanted.title} cannot be used: {error}; {remedy}, or set models.source to demo."
    return ModelUnavailable(message, _RETRY_AFTER)


def _advice(wanted: WantedModel, lacks: list[_Lack]) -> str:
    return (
        f"{wanted.title} cannot be had: {_joined(lacks, 'logged')}. To mend it, {wanted.remedies}, or set "
        "models.source to demo."
    )

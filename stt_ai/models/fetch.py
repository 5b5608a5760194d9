"""Finds a folder with a model that can serve for a model that is wanted.

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
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Literal

from stt_ai.errors import ModelUnavailable
from stt_ai.models.package_store import PackageStore, PackagesUnavailable
from stt_ai.models.wanted import ResolvedModel, SourceSettings, WantedModel
from stt_ai.models.weights import BadModelFiles

logger = logging.getLogger(__name__)

_RETRY_AFTER = 60.0
"""Seconds after which callers may retry a model that cannot be obtained now."""


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
    """Return the model of the packages, or why there is none. ``lacks``: why the hub has none; empty if not asked."""
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

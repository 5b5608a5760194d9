"""The files of a model on this machine, without any request."""

import re
from dataclasses import dataclass
from pathlib import Path

from stt_ai.models import manifest
from stt_ai.models.fetch import local_folder, package_store
from stt_ai.models.wanted import Origin, SourceSettings, WantedModel
from stt_ai.models.weights import BadModelFiles

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Inventory:
    """A model that would serve: ``label``, and where it comes from.

    ``folder``: where its files are; None: they are to be fetched. ``size``: bytes on the disk or to be fetched; None:
    only the hub knows.
    """

    label: str
    origin: Origin
    folder: Path | None
    size: int | None


def look(wanted: WantedModel, source: SourceSettings) -> tuple[Inventory, ...]:
    """Return what could serve, in order of preference; the first one with a folder does until more is fetched."""
    if source.source == "demo":
        return (_demo(wanted),)
    if (folder := local_folder(wanted, source)) is not None:
        return (Inventory(wanted.label, "folder", folder, _size(folder)),)
    found = []
    if source.source != "packages" and wanted.repository is not None:
        cached = _cached(wanted, source)
        found.append(Inventory(wanted.label, "cache" if cached else "hub", cached, _size(cached) if cached else None))
    if source.source != "hub" and wanted.packaged is not None:
        model = wanted.packaged
        label = wanted.label if model.upstream == wanted.repository else model.label
        folder = package_store(source).cached(model)
        found.append(Inventory(label, "packages", folder, _size(folder) if folder else model.download_bytes))
    if source.source == "auto":
        found.append(_demo(wanted))
    return tuple(found)


def damage(wanted: WantedModel, source: SourceSettings) -> list[str]:
    """Return what is wrong with the files on this machine, every byte of which is read: a sentence for each place."""
    if source.source == "demo":
        return []
    if (folder := local_folder(wanted, source)) is not None:
        problems = {folder: _unusable(wanted, folder)}
    else:
        problems = {}
        if wanted.repository is not None and (cached := _cached(wanted, source)) is not None:
            problems[cached] = _changed_blob(cached)
        if wanted.packaged is not None:
            folder = package_store(source).folder(wanted.packaged)
            problems[folder] = manifest.problem(folder, wanted.packaged.key, True) if folder.exists() else ""
    return [f"{wanted.label}: {problem} ({folder})" for folder, problem in problems.items() if problem]


def _cached(wanted: WantedModel, source: SourceSettings) -> Path | None:
    from stt_ai.models.hub import HubRefused, cached_snapshot

    try:
        folder = cached_snapshot(wanted.hub_repo(source))
        if folder is not None:
            wanted.check_download(folder)
    except (HubRefused, BadModelFiles):
        return None
    return folder


def _demo(wanted: WantedModel) -> Inventory:
    found = wanted.demo()
    return Inventory(found.label, "demo", found.path, _size(found.path))


def _unusable(wanted: WantedModel, folder: Path) -> str:
    try:
        wanted.check(folder)
    except BadModelFiles as error:
        return str(error)
    return ""


def _changed_blob(folder: Path) -> str:
    """Return the SHA-256 under which the hub's cache keeps a large file."""
    for path in sorted(folder.rglob("*")):
        content = path.resolve()
        if _SHA256.fullmatch(content.name) and manifest.sha256(content) != content.name:
            return f"{path.name} is not what was fetched"
    return ""


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

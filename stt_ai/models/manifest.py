"""The manifest of a model in the cache, by which a changed file is noticed.

The manifest lies in the model's folder and is written last: a folder without it is no model. It keeps each file's
SHA-256, and size, modification time and inode beside it: where these three are as they were, the content is believed,
else it is read again.
"""

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

NAME = "stt_ai_manifest.json"
_CHUNK = 1 << 22


def write(folder: Path, key: str) -> None:
    """Write down every file in ``folder``, whose content is known to be right. Raise `OSError`."""
    files = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            continue
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is no regular file")
        files[path.relative_to(folder).as_posix()] = {"sha256": sha256(path), **_look(status)}
    _save(folder, {"key": key, "files": files})


def problem(folder: Path, key: str, thorough: bool = False) -> str:
    """Return why ``folder`` does not hold the model of that ``key``; empty when it does.

    ``thorough``: the content is read even where nobody seems to have touched it.
    """
    try:
        manifest = json.loads((folder / NAME).read_bytes())
        recorded: dict[str, dict[str, Any]] = dict(manifest["files"])
        if manifest["key"] != key or not recorded:
            return "it is another version"
        found = {name: _look((folder / name).lstat()) for name in recorded}
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (OSError, ValueError, KeyError, TypeError):
        return f"{NAME} cannot be read"
    touched = [name for name in recorded if {**recorded[name], **found[name]} != recorded[name]]
    for name in recorded if thorough else touched:
        if not stat.S_ISREG((folder / name).lstat().st_mode) or sha256(folder / name) != recorded[name]["sha256"]:
            return f"{name} is not what was fetched"
    if touched:
        _remember(folder, manifest, {name: {**recorded[name], **found[name]} for name in recorded})
    return ""


def sha256(path: Path) -> str:
    """Return the file's SHA-256, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _look(status: os.stat_result) -> dict[str, int]:
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino, "mode": status.st_mode}


def _remember(folder: Path, manifest: dict[str, Any], files: dict[str, Any]) -> None:
    """Note that nothing was changed, so that the files need not be read next time; best effort."""
    try:
        _save(folder, {**manifest, "files": files})
    except OSError:
        return


def _save(folder: Path, manifest: dict[str, Any]) -> None:
    partial = folder / f".{NAME}.{os.getpid()}"
    with partial.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / NAME)

"""Models out of packages, kept in the user's cache folder (filled in next)."""

from pathlib import Path

from stt_ai.models.packaged import PackagedModel


class PackagesUnavailable(Exception):
    """placeholder"""

    said = ""


class PackageStore:
    def __init__(self, root: Path | None, index_timeout: float) -> None: ...

    def obtain(self, model: PackagedModel) -> Path:
        raise PackagesUnavailable("not there yet")

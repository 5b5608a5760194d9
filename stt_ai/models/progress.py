"""Progress of a download: a bar on a terminal, a line every few seconds in a log."""

import logging
import time
from typing import Any

from tqdm import tqdm

logger = logging.getLogger(__name__)

LOG_EVERY_SECONDS = 5.0


class DownloadProgress(tqdm):  # type: ignore[misc]
    """A tqdm for bytes that logs instead of drawing where standard error is not a terminal."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("name", None)
        kwargs["disable"] = None
        super().__init__(*args, **kwargs)
        self._desc = kwargs.get("desc") or "model"
        self._bytes = int(kwargs.get("initial") or 0)
        self._total = kwargs.get("total")
        self._began_with = self._bytes
        self._began = self._logged = time.monotonic()

    def update(self, n: float | None = 1) -> bool:
        """Count the bytes that were received."""
        if not self.disable:
            return bool(super().update(n))
        self._bytes += int(n or 0)
        now = time.monotonic()
        if now - self._logged >= LOG_EVERY_SECONDS:
            self._logged = now
            logger.info("%s", self._line(now))
        return False

    def _line(self, now: float) -> str:
        speed = (self._bytes - self._began_with) / max(now - self._began, 1e-3) / 1e6
        share = f" of {self._total / 1e6:.0f} MB ({self._bytes / self._total:.0%})" if self._total else " MB"
        return f"Downloading {self._desc}: {self._bytes / 1e6:.0f}{share}, {speed:.1f} MB/s"

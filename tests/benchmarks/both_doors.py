"""The service with two doors: the usual one, and under `/open` the same without accounts, in the same processes."""

from typing import Any

import stt_ai.app
from stt_ai.settings import Settings

OPEN = "/open"
BOTH = f"{__name__}:build"
make_api = stt_ai.app.make_api


class BothDoors:
    """Chooses the app by the path."""

    def __init__(self, billed: Any, free: Any) -> None:
        self._billed = billed
        self._free = free

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path", "").startswith(f"{OPEN}/"):
            await self._free(dict(scope, path=scope["path"].removeprefix(OPEN)), receive, send)
        else:
            await self._billed(scope, receive, send)


def make_both(*parts: Any) -> BothDoors:
    """As `stt_ai.app.make_api`, whose last four parts are billing, live speech, summaries and jobs."""
    *others, _, live, summarizer, jobs = parts
    return BothDoors(make_api(*parts), make_api(*others, None, live, summarizer, jobs))


def build(settings: Settings) -> Any:
    stt_ai.app.make_api = make_both  # type: ignore[assignment]
    return stt_ai.app.build(settings)

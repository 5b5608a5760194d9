"""What callers are told while a file is worked on."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from stt_ai.ports import OnDuration, OnText
from stt_ai.speech.incremental_text import IncrementalText
from stt_ai.types import SAMPLE_RATE, Window, WindowTranscript


class Told:
    """Tells the audio's length once, beside the work: what refuses it ends the work before much of it is done.

    Then tells the text, each piece once, while it is heard; whoever takes it slowly slows the hearing.
    """

    def __init__(self, on_duration: OnDuration | None, on_text: OnText | None) -> None:
        self._on_duration = on_duration
        self._on_text = on_text
        self._text = IncrementalText()
        self._until = 0.0
        self._telling = asyncio.Lock()
        self._allowed = asyncio.Event()

    async def tell_length(self, seconds: float) -> None:
        if self._on_duration:
            await self._on_duration(seconds)
            self._on_duration = None
        self._allowed.set()

    async def tell_text(
        self, heard: Mapping[int, WindowTranscript], windows: Sequence[Window], *, silently: bool = False
    ) -> None:
        """``heard`` are those of ``windows`` that are known, by index. ``silently``: only how far it is."""
        if self._on_text is None:
            return
        await self._allowed.wait()
        async with self._telling:
            if piece := self._text.advance(heard):
                last = windows[self._text.windows - 1].pieces[-1]
                self._until = max(self._until, last.end / SAMPLE_RATE)
                await _to_its_end(self._on_text("" if silently else piece, self._until))

    async def tell_all_heard(self, seconds: float, text: str = "") -> None:
        """All ``seconds`` are transcribed: what is left is to name the speakers. ``text`` was not told before."""
        if self._on_text is None:
            return
        await self._allowed.wait()
        async with self._telling:
            await _to_its_end(self._on_text(text, seconds))


async def _to_its_end(telling: Awaitable[None]) -> None:
    """Is cancelled only afterwards: a piece that counts as told is not told again when the samples are lost."""
    task = asyncio.ensure_future(telling)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

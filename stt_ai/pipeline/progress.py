"""Progress of a file, reported to its caller."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence

from stt_ai.ports import OnDuration, OnText
from stt_ai.speech.incremental_text import IncrementalText
from stt_ai.types import SAMPLE_RATE, Window, WindowTranscript


class ProgressReporter:
    """Reports the duration once, beside the work, so that a refusal ends the work early; then the text, in pieces.

    Each piece is reported once. A slow receiver slows the transcription.
    """

    def __init__(self, on_duration: OnDuration | None, on_text: OnText | None) -> None:
        self._on_duration = on_duration
        self._on_text = on_text
        self._text = IncrementalText()
        self._until = 0.0
        self._reporting = asyncio.Lock()
        self._allowed = asyncio.Event()

    async def report_duration(self, seconds: float) -> None:
        """Report the duration of the audio, if nobody has; only then is text reported."""
        if self._on_duration:
            await self._on_duration(seconds)
            self._on_duration = None
        self._allowed.set()

    async def report_text(
        self, transcripts: Mapping[int, WindowTranscript], windows: Sequence[Window], *, without_text: bool = False
    ) -> None:
        """Report the text that has become complete. ``transcripts``: those of ``windows`` that are known, by index.

        ``without_text``: report only up to where the file is transcribed.
        """
        if self._on_text is None:
            return
        await self._allowed.wait()
        async with self._reporting:
            if piece := self._text.advance(transcripts):
                last = windows[self._text.windows - 1].pieces[-1]
                self._until = max(self._until, last.end / SAMPLE_RATE)
                await _finish(self._on_text("" if without_text else piece, self._until))

    async def report_all_transcribed(self, seconds: float, text: str = "") -> None:
        """Report that all ``seconds`` are transcribed, with the ``text`` that was not reported before."""
        if self._on_text is None:
            return
        await self._allowed.wait()
        async with self._reporting:
            await _finish(self._on_text(text, seconds))


async def _finish(report: Awaitable[None]) -> None:
    """Await a report, even if cancelled meanwhile: a retry after lost samples reports no piece twice."""
    task = asyncio.ensure_future(report)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise

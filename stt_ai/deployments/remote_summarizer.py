"""The summarizer's handle as the port that the API knows."""

import contextlib
import time
from collections.abc import AsyncIterator

from ray.serve.handle import DeploymentHandle

from stt_ai.deployments.remote import Description, call, map_error
from stt_ai.deployments.tracing import trace_context
from stt_ai.errors import SttError
from stt_ai.meters import NO_METERS, STAGE_SECONDS, Meters
from stt_ai.stages import stage
from stt_ai.types import Summary, SummaryProgress, SummaryStyle

_STAGE = "summarize"


class RemoteSummarizer:
    """``wait_s``: how long a request waits for a replica that is being started."""

    def __init__(self, handle: DeploymentHandle, wait_s: float, meters: Meters = NO_METERS) -> None:
        self._handle = handle
        self._meters = meters
        self._streaming = handle.options(stream=True)
        loading = "The model that writes summaries is loading. Please try again shortly."
        self.description = Description(handle, wait_s, loading)

    async def summarize(self, text: str, style: SummaryStyle) -> Summary:
        """As `stt_ai.ports.Summarizer.summarize`."""
        with stage(self._meters, _STAGE):
            await self.description.get()
            summary: Summary = await call(lambda: self._handle.summarize.remote(text, style, **trace_context()))
            return summary

    async def stream(self, text: str, style: SummaryStyle) -> AsyncIterator[str | SummaryProgress | Summary]:
        """Closing it early ends the work. A lost replica is a failure: its text has been passed on already."""
        begun = time.perf_counter()
        await self.description.get()
        response = self._streaming.stream.remote(text, style, **trace_context())
        try:
            async for piece in response:
                if isinstance(piece, SttError):
                    raise piece
                yield piece
        except SttError:
            raise
        except Exception as error:
            raise map_error(error) from None
        finally:
            self._meters.observe(STAGE_SECONDS, time.perf_counter() - begun, stage=_STAGE)
            with contextlib.suppress(Exception):  # done, or gone
                response.cancel()

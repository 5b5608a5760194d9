"""Answers by events. A caller who leaves ends the work; a failure is the last event."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive

from stt_ai.api.http.disconnect import run_until_disconnect
from stt_ai.api.http.errors import failure_response
from stt_ai.api.http.event_stream import AllSent, EventStream
from stt_ai.errors import InternalError, SttError


async def event_response(
    events: EventStream, receive: Receive, work: Coroutine[Any, Any, None], after: asyncio.Event | None = None
) -> Response:
    """Run ``work``, which sends events. A failure is raised as long as nothing was sent; then it is the last event.

    The connection is not kept alive before ``after``, so that what fails until then has its own status.
    """
    try:
        async with events.kept_alive(after):
            await run_until_disconnect(receive, work)
        await events.end()
    except Exception as error:
        if not events.started:
            raise
        if not isinstance(error, ClientDisconnect):
            await events.fail(failure_response(_known(error)))
    return AllSent()


def _known(error: Exception) -> SttError:
    if isinstance(error, SttError):
        return error
    fault = InternalError("The service failed while it sent its answer.")
    fault.__cause__ = error
    return fault

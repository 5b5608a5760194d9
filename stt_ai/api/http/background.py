"""Work that must come to its end although whoever asked for it may be cancelled at any moment."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

import opentelemetry.context
from opentelemetry import trace

from stt_ai.api.http.context import current_record, enter

T = TypeVar("T")

_tasks: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run ``work`` in a task that nobody needs to hold.

    Of the request's context it keeps only the log's and the trace's: Ray Serve cancels whatever calls are made in the
    context of a request whose client has left, also those that give back what the request held.
    """
    context = Context()
    context.run(enter, current_record())
    context.run(opentelemetry.context.attach, trace.set_span_in_context(trace.get_current_span()))
    task = asyncio.create_task(work, context=context)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of ``work``, which goes on to its end even when this is cancelled."""
    return await asyncio.shield(start(work))

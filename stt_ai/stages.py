"""The stages of a request: how long each takes goes to the meters, and where traces are wanted each is a span.

Spans go wherever the process' OpenTelemetry provider sends them (`stt_ai.deployments.tracing`); without one they are
nothing. They hold no text, file name, key or address, and of a failure only its code.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from stt_ai.errors import SttError
from stt_ai.meters import STAGE_SECONDS, Meters

tracer = trace.get_tracer("stt_ai")


@contextmanager
def stage(meters: Meters, name: str) -> Iterator[None]:
    """Measure the work of one stage, whether it succeeds or not."""
    begun = time.perf_counter()
    try:
        with span(name):
            yield
    finally:
        meters.observe(STAGE_SECONDS, time.perf_counter() - begun, stage=name)


@contextmanager
def span(
    name: str,
    parent: context.Context | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    links: tuple[trace.Link, ...] = (),
) -> Iterator[Span]:
    """A span that is the current one meanwhile. ``parent`` None: the one that is current now."""
    with tracer.start_as_current_span(
        name, parent, kind, links=links, record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except Exception as error:
            failed(made, error)
            raise


def failed(made: Span, error: BaseException) -> None:
    """Record the error, as far as callers may know it."""
    code = error.code if isinstance(error, SttError) else type(error).__name__
    made.set_attribute("error.type", code)
    made.set_status(Status(StatusCode.ERROR, code))

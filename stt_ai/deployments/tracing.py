"""Traces across the deployments, where OpenTelemetry's own environment names an endpoint; else nothing is done.

Serve's own tracing is not used: it keeps a stack of spans in a list that all calls of one request share, so that calls
beside each other, which our windows are, name and end each other's spans. Ours goes with the calls, as an argument.
"""

import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from ray import serve

from stt_ai import __version__, stages
from stt_ai.errors import SttError
from stt_ai.stages import failed, span

T = TypeVar("T")
Item = TypeVar("Item")
Result = TypeVar("Result")

Carrier = dict[str, str]
"""A span as W3C's headers `traceparent` and `tracestate`."""

_PROPAGATOR = TraceContextTextMapPropagator()
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def wanted(environment: "os._Environ[str] | dict[str, str]") -> bool:
    """Return whether traces are sent: if an endpoint is set, and neither the SDK nor its traces are switched off."""
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    named = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "otlp"
    return named and not off and any(environment.get(name) for name in _ENDPOINTS)


def export_spans() -> None:
    """Send this replica's spans from now on, in batches beside the work, by OTLP over HTTP. To be called once.

    The SDK reads the rest from its environment: headers, sampler, resource attributes, delays.
    """
    if not wanted(os.environ):
        return
    replica = serve.get_replica_context()
    # Here, since most services do without.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    own = {"service.version": __version__, "service.instance.id": replica.replica_tag}
    own["stt_ai.deployment"] = replica.deployment
    if "OTEL_SERVICE_NAME" not in os.environ:
        own["service.name"] = "stt_ai"
    provider = TracerProvider(resource=Resource.create(own))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def trace_context() -> dict[str, Carrier]:
    """Return the current span as an argument for a `traced` method; nothing if there is no span."""
    if not trace.get_current_span().get_span_context().is_valid:
        return {}
    carrier: Carrier = {}
    _PROPAGATOR.inject(carrier)
    return {"trace": carrier}


def traced(name: str) -> Callable[[Callable[..., Awaitable[T]]], Callable[..., Awaitable[T]]]:
    """A deployment's method under a span, a child of the caller's that came as ``trace``. Without one there is none.

    ``name`` may have `{}` for the method's first argument. A refusal that is returned as a value fails the span.
    """

    def decorate(method: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
        @functools.wraps(method)
        async def under_span(self: Any, *arguments: Any, trace: Carrier | None = None, **named: Any) -> T:
            if trace is None:
                return await method(self, *arguments, **named)
            with span(name.format(*arguments[:1]), _PROPAGATOR.extract(trace), SpanKind.SERVER) as made:
                result = await method(self, *arguments, **named)
                if isinstance(result, SttError):
                    failed(made, result)
                return result

        return under_span

    return decorate


def traced_stream(name: str) -> Callable[[Callable[..., AsyncIterator[T]]], Callable[..., AsyncIterator[T]]]:
    """As `traced`, for a method that yields: from its first piece to its last, or to where it is left."""

    def decorate(method: Callable[..., AsyncIterator[T]]) -> Callable[..., AsyncIterator[T]]:
        @functools.wraps(method)
        async def under_span(self: Any, *arguments: Any, trace: Carrier | None = None) -> AsyncIterator[T]:
            # Not the current one: a generator's steps may run in several contexts.
            made = stages.tracer.start_span(name, _PROPAGATOR.extract(trace), SpanKind.SERVER) if trace else None
            pieces: Any = method(self, *arguments)
            try:
                async with aclosing(pieces):
                    async for piece in pieces:
                        if made and isinstance(piece, SttError):
                            failed(made, piece)
                        yield piece
            finally:
                if made:
                    made.end()

        return under_span

    return decorate


def current_span() -> SpanContext:
    """Return the context of the current span; an invalid one if there is none."""
    return trace.get_current_span().get_span_context()


def linked_batches(
    run: Callable[[Any], Result], spans: Callable[[Item], SpanContext], name: str
) -> Callable[[Any], Result]:
    """``run`` of a `BatchScheduler` under a span with links to those of the items, each of another request maybe.

    It stands in the trace of the first of them, for a span has one parent. There is none where nobody's is traced.
    """

    def linked(items: Iterable[Item]) -> Result:
        batch = tuple(items)
        links = tuple(Link(found) for found in map(spans, batch) if found.is_valid and found.trace_flags.sampled)
        if not links:
            return run(batch)
        first = trace.set_span_in_context(NonRecordingSpan(links[0].context), Context())
        with span(name, first, links=links) as made:
            made.set_attribute("stt_ai.batch_size", len(batch))
            return run(batch)

    return linked

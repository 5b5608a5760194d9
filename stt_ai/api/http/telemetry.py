"""Metrics and traces of requests and streams, never their content."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import Scope

from stt_ai.api.http.context import RequestRecord
from stt_ai.meters import REFUSALS, REQUEST_SECONDS, REQUESTS, Meters
from stt_ai.stages import span

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WS"})
_PROPAGATOR = TraceContextTextMapPropagator()


@contextmanager
def observed(record: RequestRecord, scope: Scope, meters: Meters) -> Iterator[None]:
    """Observe one request: a span in the trace of its `traceparent`, if it has one, and its metrics when it ends."""
    begun = time.perf_counter()
    method = record.method if record.method in _METHODS else "other"
    with span(method, _PROPAGATOR.extract(Headers(scope=scope)), SpanKind.SERVER) as made:
        made.set_attribute("stt_ai.request_id", record.request_id)
        try:
            yield
        finally:
            route = route_of(scope) or "none"  # a path that matches nothing may be any text
            meters.add(REQUESTS, method=method, route=route, status=str(record.status))
            meters.observe(REQUEST_SECONDS, time.perf_counter() - begun, route=route)
            made.update_name(f"{method} {route}")
            made.set_attributes(
                {"http.request.method": method, "http.route": route, "http.response.status_code": record.status}
            )
            if record.error:
                meters.add(REFUSALS, route=route, code=record.error)
                made.set_attribute("error.type", record.error)


def route_of(scope: Scope) -> str | None:
    """Return the pattern that the request's path matched."""
    route: str | None = getattr(scope.get("route"), "path", None)
    return route

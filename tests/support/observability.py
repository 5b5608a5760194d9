"""What operators put beside the service to watch it: a token for its figures, and a collector of its traces."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families

from tests.support.service import Service, free_port, wait_until

TOKEN = "a-token-of-the-operators"
STORE_KEYS = f"first:{'A' * 43}="
COLLECTOR_PORT = free_port()
REPORT_S = 3
ENVIRONMENT = {
    "RAY_metrics_report_interval_ms": str(1000 * REPORT_S),  # 10,000 where nobody says so
    "STT_AI_METRICS_TOKEN": TOKEN,
    "STT_AI_STORE_KEYS": STORE_KEYS,
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{COLLECTOR_PORT}",
    "OTEL_TRACES_SAMPLER": "parentbased_always_off",  # only those whose callers want it: nobody collects the others
    "OTEL_BSP_SCHEDULE_DELAY": "200",
}
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def figures(service: Service) -> Figures:
    """Value by name and labels."""
    text = ""

    def reported() -> bool:
        nonlocal text
        answer = httpx.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        assert answer.status_code in (200, 503), answer.text
        text = answer.text
        return answer.status_code == 200

    wait_until(reported, every=1)  # 503 for a moment where Ray's own collector is busy
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found: Figures, name: str, **labels: str) -> float:
    """The sum over all that have these labels; 0 where nothing was reported yet."""
    return sum(value for (own, said), value in found.items() if own == name and labels.items() <= dict(said).items())


def settled(service: Service) -> Figures:
    """The figures once all is reported that was done before: they stand still for longer than late reports take."""

    def quiet() -> bool:
        before = _counted(figures(service))
        time.sleep(3 * REPORT_S + 1)  # what does not come has no event
        return _counted(figures(service)) == before

    wait_until(quiet, 120)
    return figures(service)


def _counted(found: Figures) -> Figures:
    """Ours that only grow, but for those of asking for them."""
    return {
        (name, labels): value
        for (name, labels), value in found.items()
        if name.startswith("ray_stt_ai_")
        and name.endswith(("_total", "_count"))
        and ("route", "/metrics") not in labels
    }


class Collector:
    """The spans that came, each with the deployment whose process sent it."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []

    def take(self, body: bytes) -> None:
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {attribute.key: attribute.value.string_value for attribute in sent.resource.attributes}
            for scope in sent.scope_spans:
                self.spans += [(resource["stt_ai.deployment"], span) for span in scope.spans]

    def of(self, deployment: str, name: str) -> list[Span]:
        return [span for own, span in tuple(self.spans) if own.startswith(deployment) and span.name == name]


@contextmanager
def collecting(port: int = COLLECTOR_PORT) -> Iterator[Collector]:
    """Receives OTLP over HTTP."""
    collector = Collector()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

"""Spans: where they belong, what they say, and what they never say."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from ray import serve
from starlette.testclient import TestClient

from stt_ai.billing.plans import BillingConfig
from stt_ai.deployments.billing import BillingDeployment
from stt_ai.deployments.remote_billing import RemoteBilling
from stt_ai.deployments.tracing import current_span, linked_batches, trace_context, traced, traced_stream, wanted
from stt_ai.errors import DamagedMedia, LeaseExpired, NoAudioTrack, PaymentRequired
from stt_ai.jobs.config import JobsConfig
from stt_ai.stages import span
from tests.support.api import Failing, eventually, make_app
from tests.support.billing import new_database
from tests.support.telemetry import named, spans_in_memory

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_spans_are_sent_where_an_endpoint_is_named(environment: dict[str, str], expected: bool) -> None:
    assert wanted(environment) is expected


def test_a_request_is_one_span_in_its_callers_trace(tmp_path: Path) -> None:
    client = TestClient(make_app(tmp_path))
    with spans_in_memory() as kept:
        headers = {"traceparent": TRACEPARENT, "X-Request-ID": "abc", "Authorization": "Bearer sk-secret"}
        client.post("/v1/transcribe?token=sk-secret", files={"file": ("private.wav", b"s")}, headers=headers)
    found = named(kept, "POST /v1/transcribe")
    assert found.parent is not None
    assert (f"{found.context.trace_id:032x}", f"{found.parent.span_id:016x}") == (TRACE, PARENT)
    assert dict(found.attributes or {}) == {
        "stt_ai.request_id": "abc",
        "http.request.method": "POST",
        "http.route": "/v1/transcribe",
        "http.response.status_code": 200,
    }
    upload = named(kept, "upload")
    assert upload.parent is not None and upload.parent.span_id == found.context.span_id
    everything = " ".join(made.to_json() for made in kept.get_finished_spans())
    assert "secret" not in everything and "private" not in everything


@pytest.mark.parametrize("header", ["", "garbage", "00-0-0-01", f"00-{'0' * 32}-{PARENT}-01", TRACEPARENT[:-1]])
def test_a_request_without_a_good_parent_begins_a_trace(header: str, tmp_path: Path) -> None:
    with spans_in_memory() as kept:
        TestClient(make_app(tmp_path)).get("/health", headers={"traceparent": header})
    assert named(kept, "GET /health").parent is None


@pytest.mark.parametrize("error", [DamagedMedia("This cannot be read."), ZeroDivisionError("inside")])
def test_a_failure_is_told_by_its_code_alone(error: Exception, tmp_path: Path) -> None:
    with spans_in_memory() as kept:
        TestClient(make_app(tmp_path, Failing(error))).post("/v1/transcribe", files={"file": b"s"})
    found = named(kept, "POST /v1/transcribe")
    code = getattr(error, "code", "internal_error")
    assert found.attributes and found.attributes["error.type"] == code
    assert str(error) not in found.to_json()


class Deployment:
    closed = False

    @traced_stream("part stream")
    async def stream(self, pieces: int) -> AsyncIterator[Any]:
        try:
            for piece in range(pieces):
                yield piece
            yield PaymentRequired("No credits remaining.")
        finally:
            self.closed = True

    @traced("part work {}")
    async def work(self, what: str, **more: Any) -> Any:
        if what == "refuse":
            return PaymentRequired("No credits remaining.")
        if what == "fail":
            raise NoAudioTrack("There is no audio track.")
        return what, more, current_span().is_valid


async def test_a_call_is_a_child_of_its_caller() -> None:
    with spans_in_memory() as kept:
        with span("caller") as caller:
            assert await Deployment().work("well", option=1, **trace_context()) == ("well", {"option": 1}, True)
        found = named(kept, "part work well")
        assert found.parent is not None and found.parent.span_id == caller.get_span_context().span_id
        assert found.context.trace_id == caller.get_span_context().trace_id


async def test_refusals_as_values_and_failures_are_told() -> None:
    with spans_in_memory() as kept:
        with span("caller"):
            carrier = trace_context()
        await Deployment().work("refuse", **carrier)
        with pytest.raises(NoAudioTrack):
            await Deployment().work("fail", **carrier)
        for name, code in (("part work refuse", "no_credits"), ("part work fail", "no_audio_track")):
            found = named(kept, name)
            assert found.status.status_code is StatusCode.ERROR
            assert found.attributes == {"error.type": code} and not found.events


@pytest.mark.parametrize("taken", [1, 3])
async def test_a_stream_is_a_span_to_its_end_or_to_where_it_is_left(taken: int) -> None:
    part = Deployment()
    with spans_in_memory() as kept:
        with span("caller") as caller:
            pieces = part.stream(2, **trace_context())
        taken_pieces = [piece async for piece, _ in zip_async(pieces, range(taken))]
        await pieces.aclose()
        assert part.closed and taken_pieces[:2] == [0, 1][:taken]
        found = named(kept, "part stream")
        assert found.parent is not None and found.parent.span_id == caller.get_span_context().span_id
        assert (found.attributes or {}).get("error.type") == ("no_credits" if taken == 3 else None)
        part.closed = False
        untraced = [piece async for piece in part.stream(1)]
        assert len(untraced) == 2 and part.closed and len(kept.get_finished_spans()) == 2


async def zip_async(pieces: AsyncIterator[Any], numbers: Iterable[int]) -> AsyncIterator[tuple[Any, int]]:
    for number in numbers:
        yield await anext(pieces), number


async def test_without_a_span_nothing_is_carried_or_made() -> None:
    assert trace_context() == {}
    with spans_in_memory() as kept:
        assert await Deployment().work("well") == ("well", {}, False)
    assert not kept.get_finished_spans()


async def test_a_span_crosses_serves_handles(tmp_path: Path) -> None:
    """Billing's deployment behind a handle, in this process: what the ingress asks of it is in the request's trace."""
    bound = serve.deployment(BillingDeployment).bind(BillingConfig(), new_database("sqlite", tmp_path), JobsConfig())
    billing = RemoteBilling(serve.run(bound, _local_testing_mode=True))
    with spans_in_memory() as kept:
        with span("request") as request, pytest.raises(LeaseExpired):
            await billing.renew("no-such-lease")
        assert eventually(lambda: len(kept.get_finished_spans()) == 3)
        stage, renewed = named(kept, "billing"), named(kept, "billing renew")
        assert stage.parent is not None and stage.parent.span_id == request.get_span_context().span_id
        assert renewed.parent is not None and renewed.parent.span_id == stage.context.span_id
        assert all(found.attributes == {"error.type": "lease_expired"} for found in (stage, renewed))


def test_a_batch_is_linked_to_those_who_are_in_it() -> None:
    with spans_in_memory() as kept:
        with span("one") as one, span("other") as other:
            members = [one.get_span_context(), trace.INVALID_SPAN_CONTEXT, other.get_span_context()]
            run = linked_batches(len, lambda found: found, "batch")
            assert run(members) == 3
            assert run([trace.INVALID_SPAN_CONTEXT]) == 1
        found = named(kept, "batch")  # one alone: nobody traces the second
        assert found.parent is not None and found.parent.span_id == members[0].span_id
        assert [link.context.span_id for link in found.links] == [members[0].span_id, members[2].span_id]
        assert found.attributes == {"stt_ai.batch_size": 3}

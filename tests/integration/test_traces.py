"""A request's trace goes through the deployments of the running service."""

import secrets

import httpx

from tests.support.observability import collecting
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA


def transcribe(service: Service, key: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.post(
        f"{service.url}/v1/transcribe",
        files={"file": (DATA / "hello_3s.flac").read_bytes()},
        data={"diarize": "false", "language": "en"},
        headers={"Authorization": f"Bearer {key}", **headers},
        timeout=120,
    )


def test_a_trace_goes_through_the_deployments(service: Service) -> None:
    """By the caller's `traceparent`, in whose trace all of it is."""
    trace, parent, request_id = secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(8)
    with collecting() as collector:
        headers = {"traceparent": f"00-{trace}-{parent}-01", "X-Request-ID": request_id}
        answer = transcribe(service, service.new_key(), headers)
        assert answer.status_code == 200

        def all_there() -> bool:
            wanted = [("ingress", "POST /v1/transcribe"), ("decoder", "decoder decode"), ("billing", "billing settle")]
            wanted += [("transcriber", "transcriber transcribe"), ("transcriber", "transcriber batch")]
            return all(collector.of(*one) for one in wanted)

        wait_until(all_there)
    (root,) = collector.of("ingress", "POST /v1/transcribe")
    assert (root.trace_id.hex(), root.parent_span_id.hex()) == (trace, parent)
    said = {one.key: one.value for one in root.attributes}
    assert said["stt_ai.request_id"].string_value == request_id
    assert said["http.response.status_code"].int_value == 200
    chain = {"decode": ("decoder", "decoder decode"), "transcribe": ("transcriber", "transcriber transcribe")}
    for stage, (deployment, name) in chain.items():
        (within,), (work,) = collector.of("ingress", stage), collector.of(deployment, name)
        assert within.trace_id == work.trace_id == root.trace_id
        assert (within.parent_span_id, work.parent_span_id) == (root.span_id, within.span_id)
        assert root.start_time_unix_nano <= within.start_time_unix_nano <= within.end_time_unix_nano
    (transcribed,) = collector.of("transcriber", "transcriber transcribe")
    (batch,) = collector.of("transcriber", "transcriber batch")
    assert [link.span_id for link in batch.links] == [batch.parent_span_id] == [transcribed.span_id]
    (settled,) = collector.of("billing", "billing settle")
    assert settled.trace_id == root.trace_id
    assert answer.json()["text"].split()[0] not in str(collector.spans)

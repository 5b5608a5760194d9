"""What it adds to a request that its caller is known and charged, and how soon a bad key is refused."""

import secrets
import socket
import time

import httpx
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.benchmarks.bench import Bench, Setting
from tests.benchmarks.both_doors import OPEN
from tests.benchmarks.report import Result
from tests.support.observability import Collector, collecting
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

CLIP = DATA / "five_seconds.flac"
WHOLE = "POST /v1/transcribe"
MAX_MS = 10
MAX_REFUSAL_S = 0.2
UNREAD = 2_000_000_000


def run(bench: Bench, result: Result) -> None:
    service = bench.service(Setting(both_doors=True))
    data, key = CLIP.read_bytes(), service.new_key()
    with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {key}"}, timeout=300) as client:

        def send(door: str, **files: bytes) -> float:
            begin = time.perf_counter()
            fields = {"diarize": "false", "language": "en"}
            answer = client.post(f"{door}/v1/transcribe", files={"file": files.get("file", data)}, data=fields)
            seconds = time.perf_counter() - begin
            if answer.status_code != (200 if not files else 400):
                raise RuntimeError(f"the service answered {answer.status_code}: {answer.text}")
            return seconds

        calls = {
            "a clip of five seconds, with a key": lambda: send(""),
            "a clip of five seconds, nobody asks": lambda: send(OPEN),
            "an empty file, with a key": lambda: send("", file=b""),
            "an empty file, nobody asks": lambda: send(OPEN, file=b""),
            "a bad key before 2 GB, refused": lambda: _refusal(service),
        }
        bench.warm_up(calls)
        rounds = 10 if bench.quick else 100
        taken = bench.alternate(calls, rounds=rounds, budget_s=240, minimum=rounds // 2)
        waits = _waits(bench, client, data)
    charged, free, admitted, open_, refused = [result.add(name, values) for name, values in taken.items()]
    asked, unasked, charging = [result.add(name, values) for name, values in waits.items()]
    result.difference("added by admission at p50", asked, unasked, at_most=MAX_MS)
    result.find("added by charging at p50, before the answer", charging.median * 1000, "ms")
    result.difference("added to a whole request at p50", charged, free)
    result.difference("added by entering and leaving alone", admitted, open_)
    result.find("a bad key before 2 GB is refused at p50", refused.median, "s", at_most=MAX_REFUSAL_S)
    result.notes.append("Both doors are in one ingress replica, before the same pipeline; the books are in SQLite.")


def _waits(bench: Bench, client: httpx.Client, data: bytes) -> dict[str, list[float]]:
    """Seconds in the ingress until a request's body is read, through either door, and those that its charge takes.

    One request follows the other: what waits in between is not the service's.
    """
    traces: dict[str, list[bytes]] = {"": [], OPEN: []}
    with collecting() as collector:
        for _ in range(10 if bench.quick else 50):
            for door, sent in traces.items():
                trace = secrets.token_bytes(16)
                headers = {"traceparent": f"00-{trace.hex()}-{secrets.token_hex(8)}-01"}
                fields = {"diarize": "false", "language": "en"}
                client.post(f"{door}/v1/transcribe", files={"file": data}, data=fields, headers=headers)
                sent.append(trace)
        everything = [trace for sent in traces.values() for trace in sent]
        wait_until(lambda: all(_in_ingress(collector, trace, WHOLE) for trace in everything), 60)
    read = {
        door: [
            _first(collector, trace, "upload").start_time_unix_nano
            - _first(collector, trace, WHOLE).start_time_unix_nano
            for trace in sent
        ]
        for door, sent in traces.items()
    }
    charges = [_in_ingress(collector, trace, "billing")[-1] for trace in traces[""]]  # after admission and reservation
    waits = {
        "until the body is read, with a key": read[""],
        "until the body is read, nobody asks": read[OPEN],
        "charging": [span.end_time_unix_nano - span.start_time_unix_nano for span in charges],
    }
    return {name: [nanoseconds / 1e9 for nanoseconds in values] for name, values in waits.items()}


def _first(collector: Collector, trace: bytes, name: str) -> Span:
    return _in_ingress(collector, trace, name)[0]


def _in_ingress(collector: Collector, trace: bytes, name: str) -> list[Span]:
    found = [span for span in collector.of("ingress", name) if span.trace_id == trace]
    return sorted(found, key=lambda span: span.start_time_unix_nano)


def _refusal(service: Service) -> float:
    """Seconds until the answer is there; none of the announced body is sent."""
    head = (
        "POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer stt_live_" + "0" * 36 + "\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {UNREAD}\r\n\r\n"
    )
    begin = time.perf_counter()
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        client.sendall(head.encode())
        status = client.recv(12)
        seconds = time.perf_counter() - begin
    if status != b"HTTP/1.1 401":
        raise RuntimeError(f"a bad key was answered with {status!r}")
    return seconds

"""What it adds to a request that its caller is known and charged, and how soon a bad key is refused."""

import socket
import time

import httpx

from tests.benchmarks.bench import Bench
from tests.benchmarks.both_doors import OPEN
from tests.benchmarks.report import Result
from tests.service import Service
from tests.speech import DATA

CLIP = DATA / "five_seconds.flac"
MOST_MS = 10
MOST_REFUSAL_S = 0.2
UNREAD = 2_000_000_000


def run(bench: Bench, result: Result) -> None:
    bench.stop_service()
    folder = bench.folder / "both_doors"
    folder.mkdir()
    service = Service(folder, bench.arguments(), import_path="tests.benchmarks.both_doors:build")
    bench.say("starting the service with both doors")
    service.start()
    try:
        _measure(bench, result, service)
    finally:
        service.stop()


def _measure(bench: Bench, result: Result, service: Service) -> None:
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
        taken = bench.alternate(calls, rounds=rounds, budget_s=240, least=rounds // 2)
    charged, free, admitted, open_, refused = [result.add(name, values) for name, values in taken.items()]
    result.difference("added to a whole request at p50", charged, free, at_most=MOST_MS)
    result.difference("of it by entering and leaving alone", admitted, open_)
    result.find("a bad key before 2 GB is refused at p50", refused.median, "s", at_most=MOST_REFUSAL_S)
    result.notes.append("Both doors are in one ingress replica, before the same pipeline; the books are in SQLite.")


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

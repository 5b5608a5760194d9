"""Big and hostile uploads against the running service: memory, files and processes."""

import socket
import struct
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.support.service import Service, wait_until, watched

MB = 1024 * 1024
RATE = 384_000


def big_wav(path: Path, size: int, rate: int = 48_000) -> Path:
    """A valid WAV of ``size`` bytes of silence: 16-bit stereo of ``rate`` Hz, sparse on disk."""
    data = size - 44
    fmt = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", size - 8, b"WAVE", b"fmt ", 16, 1, 2, rate, 4 * rate, 4, 16)
    with path.open("wb") as file:
        file.write(fmt + struct.pack("<4sI", b"data", data))
        file.truncate(size)
    return path


def test_an_upload_of_two_gigabytes_stays_out_of_memory(service: Service, tmp_path: Path) -> None:
    # With the form around it still below the limit. At 48 kHz it would be three hours to look for speech in.
    path = big_wav(tmp_path / "long.wav", 2_000_000_000 - 1_000, RATE)
    answers: list[bytes] = []

    def upload() -> None:
        call = ["curl", "-sS", "-F", f"file=@{path}", "-F", "diarize=false", f"{service.url}/v1/transcribe"]
        answers.append(subprocess.run(call, capture_output=True, check=True, timeout=600).stdout)

    growth = watched([*service.proxies(), *service.replicas("ingress"), *service.replicas("decoder")], upload)
    answer = httpx.Response(200, content=answers[0]).json()
    assert answer["text"] == ""
    assert answer["duration"] == pytest.approx((2_000_000_000 - 1_044) / (4 * RATE), abs=0.1)
    assert max(growth.values()) < 300 * MB, growth
    assert not service.upload_files()


def test_more_than_the_limit_is_refused_before_the_body_is_read(service: Service) -> None:
    head = (
        b"POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 2500000000\r\n\r\n"
    )
    wait_until(lambda: not service.upload_files())  # of tests before
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as client:
        client.sendall(head)
        assert client.recv(12) == b"HTTP/1.1 413"
    assert not service.upload_files()


HOSTILE = {
    "playlist.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "concat.mp4": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "picture.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "subtitles.srt": b"1\n00:00:00,000 --> 00:00:05,000\nhello\n",
    "archive.zip": b"PK\x03\x04" + b"\0" * 400,
    "random.mp3": bytes(range(256)) * 40,
    "empty.wav": b"",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_recording_is_refused_at_once(service: Service, name: str) -> None:
    begin = time.monotonic()
    answer = httpx.post(f"{service.url}/v1/transcribe", files={"file": (name, HOSTILE[name])}, timeout=60)
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert set(body) == {"error", "code", "request_id"}
    assert body["error"].endswith(".")
    assert time.monotonic() - begin < 30
    wait_until(lambda: not service.upload_files())


def test_the_documentation_is_served_with_a_true_schema(service: Service) -> None:
    schema = httpx.get(f"{service.url}/openapi.json", timeout=60).json()
    assert {"/v1/transcribe", "/v1/models", "/v1/languages", "/health"} <= set(schema["paths"])
    assert httpx.get(f"{service.url}/docs", timeout=60).status_code == 200

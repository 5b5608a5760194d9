"""Uploads as they come over a socket: whole, cut, slow, too large, from the documented clients."""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import requests

from tests.support.api import PATIENCE, Patient, Recorder, eventually, form, make_app, serving

ROOT = Path(__file__).parents[2]
CURL = shutil.which("curl")
needs_curl = pytest.mark.skipif(CURL is None, reason="curl is not installed")


def head(content_type: str, *more: str) -> bytes:
    lines = ["POST /v1/transcribe HTTP/1.1", "Host: here", f"Content-Type: {content_type}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        yield client


def read_answer(client: socket.socket) -> tuple[int, dict[str, str], dict[str, str]]:
    """Status, headers and JSON of one answer whose connection the server closes."""
    data = b""
    with suppress(ConnectionResetError):  # so it ends for who is still sending
        while piece := client.recv(65536):
            data += piece
    top, _, body = data.partition(b"\r\n\r\n")
    status, *headers = top.decode().split("\r\n")
    named = dict(line.lower().split(": ", 1) for line in headers)
    return int(status.split()[1]), named, json.loads(body)


def large_form(size: int) -> tuple[bytes, str]:
    body, headers = form(("file", "a.mp3", b"s" * size))
    return body, headers["Content-Type"]


def test_a_chunked_upload_arrives_whole(tmp_path: Path) -> None:
    service = Recorder()
    body, content_type = large_form(3_000_000)
    with serving(make_app(tmp_path, service)) as port:
        pieces = (body[start : start + 70_001] for start in range(0, len(body), 70_001))
        answer = requests.post(
            f"http://127.0.0.1:{port}/v1/transcribe",
            data=pieces,
            headers={"Content-Type": content_type},
            timeout=PATIENCE,
        )
    assert answer.status_code == 200
    assert service.sizes == [3_000_000]
    assert not list(tmp_path.iterdir())


def test_too_large_by_its_own_word_is_refused_before_a_byte_of_it_is_sent(tmp_path: Path) -> None:
    _, content_type = large_form(1)
    with serving(make_app(tmp_path, max_file_bytes=100_000_000)) as port, connected(port) as client:
        client.sendall(head(content_type, "Content-Length: 999000000", "Expect: 100-continue"))
        status = client.recv(65536)
    assert status.startswith(b"HTTP/1.1 413 ")
    assert b"100 MB" in status
    assert b"\r\nconnection: close\r\n" in status.lower()


@pytest.mark.parametrize("framing", ["chunked", "understated"])
def test_too_large_in_truth_is_refused_while_it_comes(framing: str, tmp_path: Path) -> None:
    service = Recorder()
    body, content_type = large_form(3_000_000)
    with serving(make_app(tmp_path, service, max_file_bytes=1_000_000)) as port, connected(port) as client:
        if framing == "chunked":
            client.sendall(head(content_type, "Transfer-Encoding: chunked"))
            with suppress(ConnectionError):  # the answer may be sent and the connection closed meanwhile
                for start in range(0, 2_500_000, 100_000):
                    client.sendall(b"186a0\r\n" + body[start : start + 100_000] + b"\r\n")
        else:
            client.sendall(head(content_type, "Content-Length: 1900000") + body[:1_900_000])
        status, headers, error = read_answer(client)
    assert (status, error["code"], headers["connection"]) == (413, "file_too_large", "close")
    assert not service.requests
    assert not list(tmp_path.iterdir())


def test_a_file_of_exactly_the_limit_is_taken(tmp_path: Path) -> None:
    service = Recorder()
    with serving(make_app(tmp_path, service, max_file_bytes=1_000_000)) as port:
        url = f"http://127.0.0.1:{port}/v1/transcribe"
        taken = requests.post(url, files={"file": b"s" * 1_000_000}, timeout=PATIENCE)
        refused = requests.post(url, files={"file": b"s" * 1_000_001}, timeout=PATIENCE)
    assert (taken.status_code, refused.status_code) == (200, 413)


def test_a_body_shorter_than_it_says_is_a_disconnect_that_leaves_nothing(tmp_path: Path) -> None:
    app = make_app(tmp_path, max_concurrent_uploads=1)
    body, content_type = large_form(3_000_000)
    with serving(app) as port:
        with connected(port) as client:
            client.sendall(head(content_type, f"Content-Length: {len(body)}") + body[:2_000_000])
            assert eventually(lambda: any(path.stat().st_size for path in tmp_path.iterdir()))
        assert eventually(lambda: not list(tmp_path.iterdir()))
        # The only slot is free again.
        url = f"http://127.0.0.1:{port}/v1/transcribe"
        assert eventually(lambda: requests.post(url, files={"file": b"sound"}, timeout=PATIENCE).status_code == 200)


def test_a_caller_who_leaves_stops_the_work(tmp_path: Path) -> None:
    service = Patient()
    body, content_type = large_form(1000)
    with serving(make_app(tmp_path, service, max_concurrent_uploads=1)) as port:
        with connected(port) as client:
            client.sendall(head(content_type, f"Content-Length: {len(body)}") + body)
            assert service.began.wait(PATIENCE)
            assert not service.cancelled.is_set()
            assert len(list(tmp_path.iterdir())) == 1
        assert service.cancelled.wait(PATIENCE)
        assert eventually(lambda: not list(tmp_path.iterdir()))


def test_over_the_cap_is_503_until_somebody_leaves(tmp_path: Path) -> None:
    service = Patient()
    body, content_type = large_form(1000)
    with serving(make_app(tmp_path, service, max_concurrent_uploads=1)) as port:
        url = f"http://127.0.0.1:{port}"
        with connected(port) as client:
            client.sendall(head(content_type, f"Content-Length: {len(body)}") + body)
            assert service.began.wait(PATIENCE)
            refused = requests.post(f"{url}/v1/transcribe", files={"file": b"s" * 3_000_000}, timeout=PATIENCE)
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            assert int(refused.headers["Retry-After"]) >= 1
            assert requests.get(f"{url}/health", timeout=PATIENCE).status_code == 200
        assert service.cancelled.wait(PATIENCE)
        assert eventually(
            lambda: requests.post(f"{url}/v1/transcribe", data={"a": "b"}, timeout=PATIENCE).status_code == 400
        )


def test_an_upload_that_stops_is_ended(tmp_path: Path) -> None:
    body, content_type = large_form(1000)
    with serving(make_app(tmp_path, upload_idle_timeout=0.2)) as port, connected(port) as client:
        client.sendall(head(content_type, f"Content-Length: {len(body)}") + body[:500])
        status, headers, error = read_answer(client)
    assert (status, error["code"], headers["connection"]) == (400, "upload_timeout", "close")
    assert not list(tmp_path.iterdir())


def test_an_upload_that_trickles_is_ended(tmp_path: Path) -> None:
    body, content_type = large_form(1000)
    with serving(make_app(tmp_path, upload_idle_timeout=0.3, min_upload_rate=1e6)) as port, connected(port) as client:
        client.sendall(head(content_type, f"Content-Length: {len(body)}"))
        for byte in body[:-10]:
            client.sendall(bytes([byte]))
            if select.select([client], [], [], 0.02)[0]:
                break
        status, _, error = read_answer(client)
    assert (status, error["code"]) == (400, "upload_timeout")


def test_a_client_that_has_only_stopped_sending_reads_why_it_failed(tmp_path: Path) -> None:
    body, content_type = large_form(1000)
    with serving(make_app(tmp_path)) as port, connected(port) as client:
        client.sendall(head(content_type, "Transfer-Encoding: chunked") + b"5\r\n" + body[:5] + b"\r\n0\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        data = client.recv(65536)
    # Whether the server still answers is its own choice; if it does, it is this.
    assert not data or data.startswith(b"HTTP/1.1 400 ")
    assert not list(tmp_path.iterdir())


def test_the_connection_lives_on_after_an_answer_to_a_whole_body(tmp_path: Path) -> None:
    with serving(make_app(tmp_path)) as port, requests.Session() as session:
        url = f"http://127.0.0.1:{port}"
        for _ in range(3):
            assert session.post(f"{url}/v1/transcribe", files={"file": b"sound"}, timeout=PATIENCE).status_code == 200
            bad = session.post(
                f"{url}/v1/transcribe", files={"file": b"sound"}, data={"speakers": "-1"}, timeout=PATIENCE
            )
            assert bad.status_code == 400
            assert session.get(f"{url}/nowhere", timeout=PATIENCE).status_code == 404


def test_memory_stays_bounded_however_large_the_file(tmp_path: Path) -> None:
    big = tmp_path / "big.wav"
    with big.open("wb") as file:
        file.truncate(300_000_000)
    command = [sys.executable, "-m", "tests.support.api", str(tmp_path / "uploads")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdin
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1/transcribe"
        assert requests.post(url, files={"file": b"sound"}, timeout=PATIENCE).status_code == 200
        before = peak_memory(process.pid)
        body = multipart_of(big)
        answer = requests.post(
            url, data=body, headers={"Content-Type": "multipart/form-data; boundary=XyZ"}, timeout=PATIENCE
        )
        growth = peak_memory(process.pid) - before
        process.stdin.close()
    assert answer.status_code == 200
    assert growth < 30_000_000, f"grew by {growth / 1e6:.0f} MB"
    assert not list((tmp_path / "uploads").iterdir())


def multipart_of(path: Path) -> Iterator[bytes]:
    top, _, end = form(("file", "big.wav", b"CONTENT"))[0].partition(b"CONTENT")
    yield top
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block
    yield end


def peak_memory(pid: int) -> int:
    """The most that the process ever had resident, bytes."""
    if sys.platform != "linux":
        return int(psutil.Process(pid).memory_info().rss)
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * 1024


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "meeting.mp3"
    path.write_bytes(os.urandom(2_000_000))
    return path


def curl(*arguments: str) -> str:
    assert CURL
    return subprocess.run(
        [CURL, "-sS", *arguments], check=True, capture_output=True, text=True, timeout=PATIENCE
    ).stdout


@needs_curl
def test_the_documented_curl_calls_work(tmp_path: Path, recording: Path) -> None:
    service = Recorder()
    subtitles = tmp_path / "subtitles.srt"
    with serving(make_app(tmp_path / "uploads", service)) as port:
        base, key = f"http://127.0.0.1:{port}", "Authorization: Bearer YOUR_API_KEY"
        result = curl(
            *("-X", "POST", f"{base}/v1/transcribe", "-H", key, "-F", f"file=@{recording}"),
            *("-F", "model=large-v3-turbo", "-F", "language=auto", "-F", "diarize=true"),
        )
        curl(
            *("-X", "POST", f"{base}/v1/transcribe", "-H", key, "-F", f"file=@{recording}"),
            *("-F", "response_format=srt", "-o", str(subtitles)),
        )
        models, health = curl(f"{base}/v1/models"), curl(f"{base}/health")
    assert json.loads(result)["text"] == "Hello, welcome to the meeting."
    assert service.heads[0] == recording.read_bytes()[: 1 << 16]
    assert service.sizes == [2_000_000] * 2
    assert subtitles.read_text().startswith("1\n00:00:00,000 --> ")
    assert [model["id"] for model in json.loads(models)["models"]] == ["large-v3-turbo", "large-v3", "medium", "small"]
    assert json.loads(health)["status"] == "ok"


@needs_curl
@pytest.mark.parametrize("expect", ["Expect:", "Expect: 100-continue"])
def test_curl_reads_an_early_413_while_it_sends(expect: str, tmp_path: Path) -> None:
    big = tmp_path / "big.mp4"
    with big.open("wb") as file:
        file.truncate(200_000_000)
    with serving(make_app(tmp_path / "uploads", max_file_bytes=100_000_000)) as port:
        error = curl("-F", f"file=@{big}", "-H", expect, f"http://127.0.0.1:{port}/v1/transcribe")
    assert json.loads(error)["code"] == "file_too_large"


def test_requests_reads_an_early_413_while_it_sends(tmp_path: Path) -> None:
    with serving(make_app(tmp_path / "uploads", max_file_bytes=1_000_000)) as port:
        answer = requests.post(
            f"http://127.0.0.1:{port}/v1/transcribe", files={"file": ("a.mp3", b"s" * 50_000_000)}, timeout=PATIENCE
        )
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


def test_the_documented_python_sample_works(tmp_path: Path, recording: Path) -> None:
    with serving(make_app(tmp_path / "uploads")) as port:
        API_KEY, BASE = "YOUR_API_KEY", f"http://127.0.0.1:{port}"
        with recording.open("rb") as f:
            resp = requests.post(
                f"{BASE}/v1/transcribe",
                headers={"Authorization": f"Bearer {API_KEY}"},
                files={"file": ("meeting.mp3", f, "audio/mpeg")},
                data={"model": "large-v3-turbo", "language": "auto", "diarize": "true"},
                timeout=PATIENCE,
            )
    result = resp.json()
    lines = [f"Language: {result['language']}, Duration: {result['duration']:.1f}s"]
    lines += [f"[{seg['start']:.1f}s] {seg.get('speaker', '')}: {seg['text']}" for seg in result["segments"]]
    assert lines == ["Language: en, Duration: 3.0s", "[0.0s] : Hello, welcome to the meeting."]

"""Replicas that are killed and clients that leave: what the caller sees, and what is left behind."""

import json
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import pytest

from tests.support.fault_report import Faults
from tests.support.service import Service, wait_until
from tests.support.word_errors import DATA

CLEAR = ("ten_seconds_01.flac", "ten_seconds_03.flac", "ten_seconds_10.flac")


def transcribe(service: Service, path: Path, **fields: Any) -> httpx.Response:
    with path.open("rb") as file:
        return httpx.post(f"{service.url}/v1/transcribe", files={"file": file}, data=fields, timeout=600)


class Call(threading.Thread):
    """A transcription that is under way while the test does something to the service."""

    def __init__(self, service: Service, path: Path, **fields: Any) -> None:
        super().__init__(daemon=True)
        self._arguments = (service, path, fields)
        self.answer: httpx.Response | None = None
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        service, path, fields = self._arguments
        try:
            self.answer = transcribe(service, path, **fields)
        except httpx.HTTPError as error:
            self.error = error


def busy(service: Service, deployment: str) -> bool:
    """Whether the deployment's replica has been using a core: its work is under way."""
    return any(process.cpu_percent(interval=0.3) > 30 for process in service.replicas(deployment))


def plain(answer: httpx.Response) -> dict[str, Any]:
    return {key: value for key, value in answer.json().items() if key != "request_id"}


@pytest.fixture(scope="module")
def ten_minutes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Speech that the demo model is sure of: where it is in doubt it samples, and no two answers need be the same."""
    folder = tmp_path_factory.mktemp("speech")
    listed = folder / "list.txt"
    listed.write_text("".join(f"file '{DATA / name}'\n" for name in CLEAR * 20))
    path = folder / "ten_minutes.wav"
    join = ["-f", "concat", "-safe", "0", "-i", str(listed), "-c:a", "pcm_s16le", str(path)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *join], check=True)
    return path


@pytest.fixture(scope="module")
def undisturbed(service: Service, ten_minutes: Path) -> dict[str, Any]:
    answer = transcribe(service, ten_minutes, language="en", diarize="false")
    assert answer.status_code == 200, answer.text
    return plain(answer)


def test_a_client_that_leaves_half_way_leaves_no_file(service: Service, faults: Faults) -> None:
    head = (
        b"POST /v1/transcribe HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 50000000\r\n\r\n"
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(head + b"\0" * 5_000_000)
        wait_until(lambda: bool(service.upload_files()))
    fault = faults.begin("caller gone", "an upload")
    wait_until(lambda: not service.upload_files())
    fault.tell("nothing")


def test_a_client_that_leaves_while_its_file_is_worked_on_ends_the_work(
    service: Service, ten_minutes: Path, faults: Faults
) -> None:
    def leave(path: Path) -> None:
        with path.open("rb") as file, pytest.raises(httpx.ReadTimeout):
            timeout = httpx.Timeout(60, read=3)
            httpx.post(f"{service.url}/v1/transcribe", files={"file": file}, data={"language": "en"}, timeout=timeout)

    leave(ten_minutes)
    fault = faults.begin("caller gone", "a file")
    wait_until(lambda: not service.upload_files(), 30)
    wait_until(lambda: not busy(service, "transcriber-large-v3-turbo"), 30)
    fault.tell("nothing")


def test_an_ingress_that_is_killed_leaves_no_file_and_the_next_request_works(
    service: Service, ten_minutes: Path, faults: Faults
) -> None:
    call = Call(service, ten_minutes, language="en")
    wait_until(lambda: bool(service.upload_files()) and busy(service, "transcriber-large-v3-turbo"))
    (victim,) = service.replicas("ingress")
    fault = faults.begin("ingress killed", "a file of one who does not ask again")
    victim.kill()
    call.join(120)
    assert call.error is not None or (call.answer is not None and call.answer.status_code >= 500)
    wait_until(service.is_well, 120)
    answer = transcribe(service, DATA / "hello_3s.flac")
    assert answer.status_code == 200
    assert not service.upload_files()
    fault.tell("the connection broken" if call.answer is None else str(call.answer.status_code))


def test_logs_are_json_with_the_request_id(service: Service) -> None:
    answer = httpx.get(f"{service.url}/v1/models", headers={"X-Request-ID": "a-request-to-be-found"}, timeout=60)
    assert answer.headers["x-request-id"] == "a-request-to-be-found"

    def lines() -> list[dict[str, Any]]:
        found = [
            line for line in service.log.read_text().splitlines() if "a-request-to-be-found" in line and "{" in line
        ]
        return [json.loads(line[line.index("{") :]) for line in found if '"stt_ai.access"' in line]

    wait_until(lambda: bool(lines()))
    assert lines()[0]["route"] == "/v1/models"
